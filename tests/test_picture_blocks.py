"""Pictures on the page, without a browser: data URLs, cards, what the model saw, and attention painted over it."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from test_picture_models import SIZE, SMALL, picture

from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode, Example, make_episode
from meta_demo.modalities.base import MODALITIES
from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.page import read_file
from meta_demo.modalities.picture.reading import read_data_url
from meta_demo.serving.leaned import SIMILARITY, Leaned
from meta_demo.serving.requests import Learner, Prediction
from meta_demo.ui import atlas, blocks, cards, overlay, training_blocks
from meta_demo.ui.look import Choice, Map
from meta_demo.ui.pictures import url_of
from meta_demo.ui.side import discover

SIDES = {cls.name: cls() for cls in discover()}
PICTURES = SIDES["picture"]
PROTONET = Learner("protonet")


def drawing(seed: int) -> Picture:
    ink = np.random.default_rng(seed).integers(0, 2, (40, 40), dtype=np.uint8) * 255
    return Picture(40, 40, "L", ink.tobytes())


EPISODE = make_episode(
    [Example(drawing(0), "A"), Example(drawing(1), "A"), Example(drawing(2), "B")], [Example(drawing(3), "B")]
)


def test_drawings_come_back_as_they_were() -> None:
    assert read_data_url(url_of(drawing(0)), "") == drawing(0)
    assert max(read_data_url(url_of(picture(0, 400)), "").image().size) == 320


def test_cards_and_back() -> None:
    shown = cards.cards_from(EPISODE, PICTURES)
    assert [(card["name"], len(card["examples"]), len(card["held_out"])) for card in shown] == [
        ("A", 2, 0),
        ("B", 1, 1),
    ]
    assert cards.episode_of(cards.spelled(shown, PICTURES), PICTURES) == EPISODE
    one = cards.dealt(shown, 1, PICTURES)
    assert [(len(card["examples"]), len(card["held_out"])) for card in one] == [(1, 1), (1, 1)]
    assert cards.dealt(one, 2, PICTURES)[0] == shown[0]
    assert cards.first_query(EPISODE) == drawing(3)


def test_lines_are_dealt_in_order_and_blank_ones_are_none() -> None:
    card = {"name": "A", "examples": "  \none\n\ntwo\n", "held_out": "three", "colour": 0}
    few, all_of_it = (cards.dealt([card], shots, SIDES["text"]) for shots in (1, 8))
    assert (few[0]["examples"], few[0]["held_out"]) == ("one", "two\nthree")
    assert (all_of_it[0]["examples"], all_of_it[0]["held_out"]) == ("one\ntwo\nthree", "")
    assert cards.dealt(few, 8, SIDES["text"]) == all_of_it


def test_cards_with_a_bad_picture_name_it() -> None:
    broken = [{"name": "A", "examples": ["data:image/png;base64,aGVsbG8="], "held_out": [], "colour": 0}]
    with pytest.raises(UserError, match="A 1"):
        cards.episode_of(cards.spelled(broken, PICTURES), PICTURES)


def test_a_visitors_file_is_read_or_refused_in_their_language() -> None:
    assert read_file({"name": "a.png", "data": url_of(drawing(0)), "lang": "en"})["url"] == url_of(drawing(0))
    text = "data:image/png;base64," + base64.b64encode(b"hello").decode()
    english, chinese = (read_file({"name": "a.png", "data": text, "lang": lang})["problem"] for lang in ("en", "zh"))
    assert "a.png" in english and "a.png" in chinese and english != chinese
    assert read_file({"name": "a.png"})["problem"]


def test_nearest_examples_are_shown_as_pictures() -> None:
    found = [
        Prediction(
            PROTONET, 0, np.array([[0.9, 0.1]], np.float32), Leaned(SIMILARITY, np.array([[0.1, 0.9, 0.3]], np.float32))
        )
    ]
    shown = blocks.predictions(found, EPISODE, PICTURES, {"A": 0, "B": 1}, {PROTONET: 0}, "en")
    assert shown.count("<img") == 3
    assert (
        shown.index(url_of(drawing(1), 96)) < shown.index(url_of(drawing(2), 96)) < shown.index(url_of(drawing(0), 96))
    )
    evil = '"><script>'
    named = Episode((Example(drawing(0), evil), Example(drawing(1), "B")))
    found = [
        Prediction(
            PROTONET, 0, np.array([[0.9, 0.1]], np.float32), Leaned(SIMILARITY, np.array([[0.1, 0.9]], np.float32))
        )
    ]
    assert "<script>" not in blocks.predictions(found, named, PICTURES, {evil: 0, "B": 1}, {PROTONET: 0}, "en")


@pytest.mark.parametrize("crop", [False, True])
def test_what_the_model_saw_is_the_picture_it_was_given(crop: bool, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModel, CLIPImageProcessor, ViTImageProcessor

    config = AutoConfig.for_model("vit", **SMALL, **SIZE)
    model = AutoModel.from_config(config)
    size = {"height": 32, "width": 32}
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size) if crop else ViTImageProcessor(size=size)
    processor.save_pretrained(tmp_path)
    inputs = MODALITIES["picture"].inputs(str(tmp_path), model, Cache(1 << 20))
    given = picture(0, 32)
    assert np.abs(inputs.seen(given).array().astype(int) - given.array()).max() <= 1
    wide = Picture.of(given.image().resize((64, 32)))
    seen = inputs.seen(wide)
    assert (seen.width, seen.height) == (32, 32)
    middle = wide.image().crop((16, 0, 48, 32))
    assert (np.abs(seen.array().astype(int) - np.asarray(middle)).max() <= 1) == crop


def painted(row: int | None, moment: str = "after") -> dict[str, object]:
    matrix = np.eye(6, dtype=np.float32)  # two tokens without a patch, and 2 x 2 patches
    shares = matrix[2:].mean(0) if row is None else matrix[row]
    shown = Map(matrix, False, Choice(1, 0, row, moment, "maml", 1), "en")
    return overlay.painted(drawing(0), (2, 2), shares, shown, overlay.token_names(2, (2, 2), "en"))


def test_a_map_is_painted_patch_by_patch() -> None:
    mean = painted(None)
    assert mean["shares"] == [0.25] * 4
    assert mean["chosen"] is None
    assert [token["pressed"] for token in mean["tokens"]] == [True, False, False]
    patch = painted(3)
    assert patch["shares"] == [0, 1, 0, 0]
    assert patch["chosen"] == 1
    assert patch["names"][1] == "row 1, column 2: 100.0%"
    assert painted(0)["chosen"] is None, "the class token is no patch"
    assert mean["top"] > 0.25, "even attention is painted pale"


def test_the_atlas_holds_every_map_in_a_byte_per_cell() -> None:
    maps = np.random.default_rng(0).random((2, 3, 4, 5)).astype(np.float32)
    value = atlas.tiled(maps, 20, 1, -1, difference=False)
    cells = np.frombuffer(base64.b64decode(value["shares"]), np.uint8).reshape(maps.shape)
    assert (cells.max((2, 3)) == 255).all()
    assert np.allclose(cells / 255, maps / maps.max((2, 3), keepdims=True), atol=1 / 255)
    same = atlas.tiled(np.zeros_like(maps), 20, 0, 0, difference=True)
    assert set(base64.b64decode(same["shares"])) == {128}


def test_the_gallery_shows_what_each_class_is_learned_from() -> None:
    shown = training_blocks.gallery(EPISODE, "en")
    assert shown.count("<img") == 3
    assert "2 classes" in shown
    assert training_blocks.gallery(Episode((Example("a", "A"), Example("b", "B"))), "en") == ""
