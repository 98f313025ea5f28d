"""Pictures all the way: task files, folders, zips and data URLs through adapt, evaluate, train and the HTTP API."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from meta_demo.cli import main
from meta_demo.core.errors import UserError
from meta_demo.data.reading.readers import read_episode
from meta_demo.data.reading.tasks import beside
from meta_demo.data.sources import check_apart, hold_out, is_episodes, load_source, load_sources, read_episodes
from meta_demo.modalities.picture.content import Picture

pytestmark = pytest.mark.many

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 160, 60),
    "blue": (30, 60, 220),
    "yellow": (230, 210, 40),
    "grey": (128,) * 3,
}
KINDS = (("png", "RGB"), ("jpg", "CMYK"), ("gif", "P"), ("png", "RGBA"), ("webp", "RGB"), ("bmp", "RGB"))


def image(colour: str, number: int, mode: str = "RGB") -> Image.Image:
    """A picture of one colour, more or less, of a size of its own."""
    rng = np.random.default_rng([*colour.encode(), number])
    shape = (20 + 7 * number, 30 + 5 * number, 3)
    noisy = np.clip(np.array(COLOURS[colour]) + rng.integers(-20, 20, shape), 0, 255)
    return Image.fromarray(noisy.astype(np.uint8)).convert(mode)


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """A folder of five class folders in two groups, six pictures each, every one of another kind, mode and size."""
    for place, colour in enumerate(COLOURS):
        folder = tmp_path / "colours" / ("bright" if place < 3 else "pale") / colour
        folder.mkdir(parents=True)
        for number, (suffix, mode) in enumerate(KINDS):
            image(colour, number, mode).save(folder / f"{number}.{suffix}")
    return tmp_path / "colours"


@pytest.fixture
def task(colours: Path) -> Path:
    """A task file beside that folder."""
    rows = [
        {"image": f"colours/bright/{c}/{i}", "label": c} for c in ("red", "green", "blue") for i in ("0.png", "1.jpg")
    ]
    query = [{"image": "colours/bright/red/2.gif", "label": "red"}, {"image": url(image("blue", 9))}]
    path = colours.parent / "task.json"
    path.write_text(json.dumps({"support": rows, "query": query}))
    return path


def url(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def run(vision_folder: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A command with the tiny vision model -> what it wrote as JSON."""

    def call(*arguments: str | Path) -> dict[str, Any]:
        out = tmp_path / "out.json"
        assert main([*map(str, arguments), "--model", str(vision_folder), "--json", str(out)]) == 0
        found: dict[str, Any] = json.loads(out.read_text())
        return found

    return call


def test_adapt_a_task_file(task: Path, run: Any) -> None:
    report = run("adapt", task, "--algorithms", "protonet,maml")
    assert report["labels"] == ["red", "green", "blue"]
    for result in report["results"]:
        assert len(result["predictions"]) == 2 and result["steps"][-1]["query_accuracy"] is not None
        for prediction in result["predictions"]:
            assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert [p["label"] for p in report["results"][0]["predictions"]] == ["red", "blue"]


def test_adapt_a_folder_and_a_zip_of_it(colours: Path, run: Any) -> None:
    packed = shutil.make_archive(str(colours.parent / "bright"), "zip", colours, "bright")
    folder, archive = (run("adapt", path, "--algorithms", "protonet") for path in (colours / "bright", packed))
    assert folder["labels"] == archive["labels"] == ["blue", "green", "red"]
    assert folder["results"][0]["steps"] == archive["results"][0]["steps"]


def test_a_task_is_read_without_files_unless_it_is_on_the_command_line(task: Path) -> None:
    with pytest.raises(UserError, match=r"support\[0\]\.image .* data URL"):
        read_episode(task)
    episode = read_episode(task, beside(task.parent))
    assert all(isinstance(row.content, Picture) for row in (*episode.support, *episode.query))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"text": "red"}, "task_mixed"),
        ({"image": "colours/none.png"}, "no_file"),
        ({"image": "task.json"}, "unknown_suffix"),
        ({"image": ""}, "is_folder"),
        ({"image": "a\0b.png"}, "no_file"),
        ({"image": "data:image/png;base64,AAAA"}, "picture_kind"),
        ({"image": url(Image.new("RGBA", (30, 30), 0))}, "blank_query"),
    ],
)
def test_bad_pictures_in_a_task(task: Path, change: dict[str, str], name: str) -> None:
    content = json.loads(task.read_text())
    content["query"].append(change)
    task.write_text(json.dumps(content))
    with pytest.raises(UserError) as caught:
        read_episode(task, beside(task.parent))
    assert caught.value.name == name


def test_a_class_of_blank_pads_has_no_example(task: Path) -> None:
    content = json.loads(task.read_text())
    content["support"].append({"image": url(Image.new("RGB", (30, 30), "white")), "label": "white"})
    with pytest.raises(UserError, match="“white” has no example"):
        task.write_text(json.dumps(content))
        read_episode(task, beside(task.parent))


def test_the_same_picture_under_two_labels(colours: Path) -> None:
    shutil.copy(colours / "bright/red/0.png", colours / "bright/blue/same.png")
    with pytest.raises(UserError, match="two labels"):
        read_episode(colours / "bright")


def test_sources_of_pictures(colours: Path, tmp_path: Path) -> None:
    source = load_source(str(colours))
    assert {group: len(labels) for group, labels in source.groups.items()} == {"bright": 3, "pale": 2}
    assert (source.size, source.dropped, source.modality) == (30, 0, "picture")
    assert load_source(shutil.make_archive(str(tmp_path / "packed"), "zip", colours)).sha256 == source.sha256
    (tmp_path / "split.json").write_text(json.dumps({"train": ["bright/red", "pale/grey"]}))
    (kept,) = load_sources([str(colours)], [f"{tmp_path / 'split.json'}:train"])
    assert list(kept.classes) == ["bright/red", "pale/grey"] and kept.sha256 != source.sha256
    (train,), (valid,) = hold_out([source], seed=0)
    check_apart([train], [valid])
    with pytest.raises(UserError, match=r"red/0\.png"):
        check_apart([source], [source.only(["bright/red"], "valid")])


def test_a_picture_data_set_through_the_datasets_library(colours: Path) -> None:
    found = load_source(f"hub:{colours / 'bright'}")
    assert {label: len(pictures) for label, pictures in found.classes.items()} == {"blue": 6, "green": 6, "red": 6}
    assert set(found.classes["red"]) == set(load_source(str(colours)).classes["bright/red"])


def test_an_episodes_file_of_pictures(task: Path) -> None:
    content = json.loads(task.read_text())
    content["query"][1]["label"] = "blue"
    path = task.with_suffix(".jsonl")
    path.write_text(f"{json.dumps(content)}\n{json.dumps(content)}\n")
    first, second = read_episodes(path)
    assert is_episodes(str(path)) and first == second
    assert first.support[0].content is second.support[0].content, "a file is read once"


def test_evaluate_and_train(colours: Path, run: Any, tmp_path: Path) -> None:
    drawn = ("--n-way", "2", "--k-shot", "1", "--n-query", "2")
    for within in ((), ("--within",)):
        found = run("evaluate", colours, *drawn, "--episodes", "6", "--algorithms", "protonet", *within)
        assert found["results"][0]["episodes"] == 6 and found["results"][0]["accuracy"] > 0.5
    folder = tmp_path / "made"
    small = ("--steps", "2", "--meta-batch", "1", "--valid-episodes", "2", "--save-every", "1")
    run("train", "--source", colours, "--algorithm", "protonet", "--output", folder, *drawn, *small)
    trained = run("adapt", colours / "pale", "--algorithms", "protonet", "--checkpoint", folder)
    assert trained["results"][0]["checkpoint"] == str(folder)
    with pytest.raises(AssertionError):  # what was trained on is not measured
        run("evaluate", colours, *drawn, "--episodes", "2", "--algorithms", "protonet", "--checkpoint", folder)


def test_pictures_over_http(page_url: str, vision_folder: Path, task: Path) -> None:
    client = Client(page_url, verbose=False)
    rows = [{"image": url(image(c, i)), "label": c} for c in ("red", "blue") for i in range(2)]
    asked = {"support": rows, "query": [{"image": url(image("blue", 5))}]}
    report = client.predict(asked, str(vision_folder), ["protonet"], 0, api_name="/adapt")
    assert report["results"][0]["predictions"][0]["label"] == "blue"
    for bad, said in (
        (json.loads(task.read_text()), "should be a picture as a data URL"),
        ({"support": [*rows, {"text": "x", "label": "red"}]}, "a model reads one or the other"),
        ({"support": [*rows, {"image": str(task.parent / "colours/bright/red/0.png"), "label": "red"}]}, "data URL"),
    ):
        with pytest.raises(AppError, match=said):
            client.predict(bad, str(vision_folder), ["protonet"], 0, api_name="/adapt")
