"""Pictures as they arrive - files, data URLs, images of a library - and the one form that everything else sees.

Here: from bytes to a `Picture`, upright, on white, grey or RGB, at most 512 pixels a side, or a `UserError`.
Not here: folders and zips of them (`data`), what a model makes of a picture (`inputs.py`).
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pillow_jxl  # noqa: F401  (teaches PIL to read JPEG XL)
from PIL import Image, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from meta_demo.core.errors import UserError
from meta_demo.core.files import MAX_FILE, MB, read_bytes
from meta_demo.core.marks import mark_of
from meta_demo.core.memory import give_back
from meta_demo.core.strings import shorten
from meta_demo.modalities.picture.content import Picture

MAX_SIDE = 512  # pixels that are kept of the longer side: more than encoders look at
MAX_PIXELS = 50_000_000  # of a picture as it arrives; a telephone's has 12 to 50 million
DOUBTFUL = (".heic", ".heif", ".hif", ".jxl")  # of phones and cameras, which put more into them than a decoder may know
JPEG = (".jpg", ".jpeg", ".jfif", ".jpe", ".pjpeg")
SUFFIXES = (".png", *JPEG, ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif", *DOUBTFUL)
FORMATS = (
    "PNG",
    "JPEG",
    "GIF",
    "WEBP",
    "BMP",
    "TIFF",
    "AVIF",
    "HEIF",
    "JXL",
)  # none that runs another program, as EPS does
LARGE = 4_000_000  # pixels; what more of them took goes back at once, as every thread keeps what it freed
HEAD = 1 << 18  # bytes of a file, or characters of a data URL, in which it mostly says its size
DEPTHS = (8, 10, 12, 14, 16)  # bits of a number that is kept in 16
PALE = 230  # of 255: what is lighter than this cannot be seen on white
DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)
# What is odd about a stranger's file is said in our sentences, on size after our own limit, or not at all.
warnings.filterwarnings("ignore", module=r"PIL\.")
register_heif_opener(thumbnails=False)


def read_picture(source: bytes | Path, name: str = "") -> Picture:
    """The picture in a file or its bytes; of several frames the first. `name` is what messages call it.

    Raises UserError for what is no picture, is damaged, or has more than `MAX_PIXELS` pixels, which is seen before any is decoded.
    """
    if isinstance(source, Path):
        return read_picture(read_bytes(source, SUFFIXES), name or source.name)
    try:
        with Image.open(io.BytesIO(source), formats=FORMATS) as image:
            large = image.width * image.height > LARGE
            found = picture_of(image, name)
        if large:
            del image
            give_back()
        return found
    except Image.DecompressionBombError:
        raise UserError("picture_size", file=shorten(name), limit=MAX_PIXELS // 1_000_000) from None
    except UnidentifiedImageError:
        raise UserError("picture_kind", file=shorten(name)) from None
    except UserError:
        raise
    except Exception as error:  # damaged files break decoders in dozens of ways: OSError, SyntaxError, struct.error ...
        raise UserError("picture_broken", file=shorten(name)) from error


def foreseen(said: str | bytes) -> tuple[int, int]:
    """The least bytes of the picture in a data URL or a file's bytes, once read, and its pixels as it arrives; zeros for what is no
    picture. Nothing of it is decoded but its head."""
    for start in (HEAD, None):  # most say their size at the beginning, some at the end
        try:
            data = _beginning(said, start)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                pixels = image.width * image.height
                scale = min(1.0, MAX_SIDE / max(image.size))
                # Only of a coloured JPEG is it likely that it stays in colours: drawings come in them too, and are kept grey.
                channels = 3 if image.format == "JPEG" and image.mode != "L" else 1
                return int(pixels * scale**2) * channels, pixels
        except Image.DecompressionBombError:
            return 0, MAX_PIXELS + 1
        except Exception:  # whatever breaks is refused by name when the picture itself is read
            if len(said) <= HEAD:
                return 0, 0
    return 0, 0


def _beginning(said: str | bytes, count: int | None) -> bytes:
    if isinstance(said, bytes):
        return said[:count]
    head = DATA_URL.match(said)
    start = head.end() if head else 0
    return base64.b64decode(said[start:] if count is None else said[start : start + count])


def read_data_url(url: str, name: str) -> Picture:
    """The picture in `data:image/png;base64,...`; raises UserError."""
    head = DATA_URL.match(url)
    if not head:
        raise UserError("picture_url", where=name, value=shorten(url))
    if len(url) > MAX_FILE * 4 // 3 + 100:
        raise UserError("file_too_big", file=name, size=len(url) * 3 // 4 // MB, limit=MAX_FILE // MB)
    try:
        data = base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise UserError("picture_url", where=name, value=shorten(url)) from None
    return replace(read_picture(data, name), source=mark_of(url))


def picture_of(image: Image.Image, name: str = "") -> Picture:
    """Any PIL image as a Picture: turned as its EXIF says, transparency on white, grey where it is grey, scaled down to `MAX_SIDE`."""
    if image.width * image.height > MAX_PIXELS:
        raise UserError("picture_size", file=shorten(name), limit=MAX_PIXELS // 1_000_000)
    image = _scalable(image)
    image.thumbnail((MAX_SIDE, MAX_SIDE), reducing_gap=2.0)  # a JPEG is decoded at little more than that size
    with suppress(Exception):  # EXIF that cannot be read turns nothing
        image = ImageOps.exif_transpose(image)
    image = _plain(image)
    if image.mode == "RGB":
        array = np.asarray(image)
        if (array == array[..., :1]).all():
            image = image.getchannel(0)
    return Picture.of(image, name)


def _scalable(image: Image.Image) -> Image.Image:
    """The same image in a mode whose pixels can be averaged: no palettes, no single bits."""
    if image.mode.startswith("I;16"):
        return image.convert("I")
    if image.mode in ("P", "PA") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("L") if image.mode == "1" else image


def _plain(image: Image.Image) -> Image.Image:
    """The same image in mode L or RGB."""
    if image.mode in ("I", "F"):
        return _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "black" if _is_pale(image) else "white")
        paper.alpha_composite(image)
        image = paper
    return image if image.mode == "L" else image.convert("RGB")


def _is_pale(image: Image.Image) -> bool:
    """Whether everything there is to see in a picture with transparent parts would vanish on white."""
    grey, alpha = np.asarray(image.convert("RGB").convert("L")), np.asarray(image.getchannel("A"))
    seen = alpha > alpha.min()
    return bool(seen.any() and grey[seen].min() > PALE)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Numbers of at most 16 bits, as many as the greatest one needs; of any other range, from the least to the greatest."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    low, high = values.min(), values.max()
    if image.mode == "I" and low >= 0 and high <= 65535:
        low, high = np.float64(0), np.float64(min(2**bits - 1 for bits in DEPTHS if high < 2**bits))
    scaled = (values - low) / max(high - low, 1e-12) * 255
    return Image.fromarray(scaled.round().astype(np.uint8))
