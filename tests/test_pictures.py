"""Pictures from bytes: every kind becomes the same plain thing, and what is none is refused in one sentence."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from meta_demo.core.errors import UserError
from meta_demo.modalities.base import is_blank
from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.reading import MAX_SIDE, picture_of, read_data_url, read_picture

RED = (200, 30, 30)


def saved(image: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def half_red(mode: str = "RGB", size: tuple[int, int] = (20, 10)) -> Image.Image:
    """Red on the left, white on the right."""
    image = Image.new("RGB", size, "white")
    image.paste(RED, (0, 0, size[0] // 2, size[1]))
    return image.convert(mode)


def claimed(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims a size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def near(picture: Picture, x: int, y: int, colour: tuple[int, int, int], by: int = 12) -> bool:
    pixel = np.asarray(picture.image().convert("RGB"))[y, x].astype(int)
    return bool(np.abs(pixel - colour).max() <= by)


@pytest.mark.parametrize(
    ("kind", "mode", "how"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "P", {}),
        ("PNG", "RGBA", {}),
        ("JPEG", "RGB", {"quality": 95}),
        ("JPEG", "CMYK", {"quality": 95}),
        ("GIF", "P", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("BMP", "RGB", {}),
        ("TIFF", "CMYK", {}),
        ("TIFF", "LAB", {}),
        ("AVIF", "RGB", {}),
    ],
)
def test_every_kind_and_mode_is_the_same_picture(kind: str, mode: str, how: dict[str, Any]) -> None:
    image = half_red(mode) if mode != "LAB" else _lab()
    picture = read_picture(saved(image, kind, **how), "red")
    assert (picture.width, picture.height, picture.mode) == (20, 10, "RGB")
    assert near(picture, 3, 5, RED, 30) and near(picture, 16, 5, (255, 255, 255))


def _lab() -> Image.Image:
    from PIL import ImageCms

    return ImageCms.profileToProfile(
        half_red(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1"])
def test_what_is_transparent_is_white(mode: str) -> None:
    if mode in ("RGBA", "LA"):
        image = Image.new(mode, (8, 8), 0)
        image.paste(Image.new(mode, (4, 8), (0, 0, 0, 255) if mode == "RGBA" else (0, 255)), (0, 0))
        data = saved(image)
    else:
        image = Image.new(mode, (8, 8), 1)
        if mode == "P":
            image.putpalette([0, 0, 0, 9, 9, 9])
        image.paste(0, (0, 0, 4, 8))
        data = saved(image, transparency=1)
    picture = read_picture(data)
    assert picture.mode == "L" and near(picture, 0, 0, (0, 0, 0)) and near(picture, 7, 0, (255, 255, 255))


def test_a_grey_picture_is_the_same_one_however_it_was_saved() -> None:
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9), dtype=np.uint8))
    pictures = {read_picture(saved(grey.convert(mode)), mode) for mode in ("L", "LA", "RGB", "RGBA")}
    assert len(pictures) == 1 and pictures.pop().mode == "L"


def test_sixteen_bits_keep_their_brightness_and_floats_their_range() -> None:
    deep = np.array([[0, 32768, 65535, 655]], dtype=np.uint16)
    assert read_picture(saved(Image.fromarray(deep))).array().ravel().tolist() == [0, 128, 255, 3]
    floats = Image.fromarray(np.array([[-1.0, 0.0, 1.0, np.nan]], dtype=np.float32))
    assert read_picture(saved(floats, "TIFF")).array().ravel().tolist() == [0, 128, 255, 128]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_stands_upright(orientation: int, kind: str) -> None:
    """Saved lying as the camera held it, with EXIF saying how to turn it, it comes back as it was."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = half_red(size=(40, 24))
    lying = image.transpose(turns[orientation]) if orientation > 1 else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_picture(saved(lying, kind, exif=exif.tobytes()))
    assert (picture.width, picture.height) == (40, 24)
    assert near(picture, 3, 3, RED, 30) and near(picture, 36, 20, (255, 255, 255), 30)


def test_broken_exif_turns_nothing() -> None:
    assert read_picture(saved(half_red(), "JPEG", exif=b"Exif\0\0nonsense")).width == 20


def test_of_a_moving_picture_the_first_frame() -> None:
    frames = [half_red(), Image.new("RGB", (20, 10), "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        picture = read_picture(saved(frames[0], kind, save_all=True, append_images=frames[1:]))
        assert near(picture, 3, 5, RED, 40), kind


def test_a_large_picture_is_scaled_down_as_it_arrives() -> None:
    picture = read_picture(saved(half_red(size=(3000, 1500)), "JPEG"))
    assert (picture.width, picture.height) == (MAX_SIDE, MAX_SIDE // 2)
    assert read_picture(saved(Image.new("1", (5000, 1)))).height == 1


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (claimed(20_000, 20_000), "picture_size", ["50"]),
        (claimed(8_000, 8_000), "picture_size", ["50"]),
        (claimed(10, 10), "picture_broken", []),
        (b"this is a text that somebody renamed", "picture_kind", ["PNG"]),
        (b"", "picture_kind", []),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "picture_kind", []),
        (saved(half_red(size=(400, 300)), "JPEG")[:900], "picture_broken", []),
        (saved(half_red(size=(400, 300)), "PNG")[:-80], "picture_broken", []),
    ],
)
def test_refusals(data: bytes, name: str, said: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        read_picture(data, "<my>.png")
    assert caught.value.name == name
    assert all(part in caught.value.message(lang) for part in ["<my>.png", *said] for lang in ("en", "zh"))


WHOLE = {kind: saved(half_red(), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")}


@settings(max_examples=150)
@given(st.sampled_from(sorted(WHOLE)), st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_a_damaged_picture_raises_nothing_but_user_errors(kind: str, at: int, noise: bytes) -> None:
    data = WHOLE[kind]
    for bad in (data[:at], data[:at] + noise + data[at + len(noise) :]):
        try:
            read_picture(bad, "x")
        except UserError as error:
            assert error.message("zh")


def test_a_data_url() -> None:
    data = saved(half_red())
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    assert read_data_url(url, "query[0].image") == read_picture(data)
    for bad in ("/etc/passwd", "http://example.org/a.png", "data:text/plain;base64,AAAA", url + "!", url[:-3]):
        with pytest.raises(UserError, match=r"query\[0\]\.image") as caught:
            read_data_url(bad, "query[0].image")
        assert caught.value.name == "picture_url"
    with pytest.raises(UserError, match="20 MB is the most"):
        read_data_url("data:image/png;base64," + "A" * 27_000_000, "query[0].image")


def test_a_pad_is_blank_until_something_is_drawn() -> None:
    pad = Image.new("RGBA", (60, 60), 0)
    assert is_blank(picture_of(pad)) and is_blank("") and not is_blank("x")
    pad.putpixel((30, 30), (0, 0, 0, 255))
    assert not is_blank(picture_of(pad)), "one dot is an odd example, and a legal one"
    assert not is_blank(picture_of(Image.new("RGB", (9, 9), "red"))), "a colour is something to show"
