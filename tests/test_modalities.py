"""Modalities: found by walking the package, told apart by nobody else, and a third one that needs nothing but its folder."""

from __future__ import annotations

import ast
import gc
import hashlib
import json
import shutil
import subprocess
import sys
import weakref
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel

import meta_demo
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.loading import DEFAULT, load_backbone
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.core.examples import Task
from meta_demo.data.episode import Example, episode_from_cards, make_episode
from meta_demo.data.fingerprints import fingerprint, recognised
from meta_demo.data.names import with_names
from meta_demo.data.reading.readers import read_episode, read_rows
from meta_demo.data.reading.tasks import parse_episode
from meta_demo.data.samples import load_sample
from meta_demo.data.source import make_source
from meta_demo.data.sources import BUILTIN, GLYPHS, built_in, load_source
from meta_demo.learning.tensors import to_task
from meta_demo.modalities.base import MODALITIES, Modality, modality_of, register
from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.distortions import viewed
from meta_demo.modalities.text.modality import Text

PACKAGE = Path(meta_demo.__file__).parent
POINTS = Path(__file__).parent / "points"
TASK = json.loads((POINTS / "samples" / "signs.json").read_text())
RED, BLUE = (
    Picture(9, 7, "RGB", bytes(colour) * 63, name) for name, colour in (("r", (255, 0, 0)), ("b", (0, 0, 255)))
)


# --- the registry


def test_every_folder_is_one_modality_and_text_comes_first() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("modalities/*/modality.py")}
    assert {type(kind).__module__.split(".")[-2] for kind in MODALITIES.values()} == folders
    assert list(MODALITIES)[:2] == ["text", "picture"] == list(DEFAULT)[:2]
    assert (DEFAULT["text"], DEFAULT["picture"]) == ("minilm", "glyph-vit")


@pytest.mark.parametrize("same", [{"name": "text"}, {"key": "text"}, {"content": str}])
def test_two_of_one_name_key_or_type_are_refused(same: dict[str, Any]) -> None:
    before = dict(MODALITIES)
    other = {"name": "speech", "key": "audio", "content": bytes, "rank": 5}
    with pytest.raises(ValueError, match=f"same {next(iter(same))}"):
        register(type("Speech", (Text,), other | same))
    assert before == MODALITIES


def test_what_is_of_no_modality_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="complex is no input of text, picture"):
        modality_of(1j)


def test_nobody_else_tells_text_from_pictures() -> None:
    """The page aside, no `isinstance` on a kind of input, no modality compared, and no key of one spelled out."""
    types = {"Picture", "PictureInputs", "TextInputs"}
    literals = {kind.name for kind in MODALITIES.values()} | {kind.key for kind in MODALITIES.values()}
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if {"modalities", "ui"} & set(path.relative_to(PACKAGE).parts):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            asks = isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance"
            if asks and types & {part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)}:
                found.append(f"{path.name}:{node.lineno}")
            if isinstance(node, ast.Compare | ast.Subscript) or (isinstance(node, ast.Dict) and node.keys):
                parts = node.keys if isinstance(node, ast.Dict) else list(ast.iter_child_nodes(node))
                if literals & {part.value for part in parts if isinstance(part, ast.Constant)} - {"text"}:
                    found.append(f"{path.name}:{node.lineno}")
            if isinstance(node, ast.Compare) and ".modality" in ast.unparse(node):
                found.append(f"{path.name}:{node.lineno}")
    assert found == []


def test_messages_name_what_was_mixed() -> None:
    with pytest.raises(UserError) as caught:
        make_episode([Example(RED, "a"), Example("hi", "b")])
    assert str(caught.value).startswith("The task holds sentences (“hi”) and pictures (“r”): a model")
    assert "任务里既有句子（“hi”），又有图片（“r”）：" in caught.value.message("zh")
    with pytest.raises(UserError) as caught:
        parse_episode({"support": [{"image": "", "text": "", "label": "a"}]})
    assert str(caught.value).startswith("support[0] has both “text” and “image”:")
    assert "同时有“text”和“image”：" in caught.value.message("zh")


def test_a_model_says_what_it_reads_in_both_languages(minilm: Any) -> None:
    with pytest.raises(UserError) as caught:
        minilm.encode(RED)
    assert str(caught.value) == (
        "This model reads sentences, and “r” is a picture: pick a model for pictures such as glyph-vit."
    )
    assert caught.value.message("zh") == "此模型读取句子，而“r”是图片：请选择图片模型，例如 glyph-vit。"


def test_a_table_with_two_inputs_in_a_row_or_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,image,label\na,b,c\n")
    with pytest.raises(UserError, match="has both a text and an image: keep one") as caught:
        read_rows(path)
    assert "同时有 text 和 image：" in caught.value.message("zh")
    path.write_text("words,label\na,c\n")
    with pytest.raises(UserError, match=r"no column “text”.* name the columns “text” \(or “image”, “x”\) and “label”"):
        read_rows(path)


def test_built_in_sources_are_of_the_modality_that_they_are_listed_under() -> None:
    assert GLYPHS in built_in("picture") and "school" in built_in("text") and built_in("points") == []
    named = {"text": f"{BUILTIN}:{built_in('text')[0]}"} | {kind: built_in(kind)[0] for kind in ("picture", "curve")}
    assert all(load_source(name).modality == kind for kind, name in named.items())


# --- pixels


class Sociable:
    """A processor whose pixels of a picture depend on those that it is given together with it."""

    do_normalize = do_rescale = False

    def __init__(self, real: Any) -> None:
        self.real, self.calls = real, 0

    def __call__(self, images: list[Any], **how: Any) -> dict[str, torch.Tensor]:
        self.calls += len(images)
        return {"pixel_values": self.real(images=images, **how)["pixel_values"] + len(images) / 8}


@pytest.fixture
def looking(vision_folder: Path) -> Any:
    return load_backbone(str(vision_folder), torch.device("cpu"), Cache(1 << 26)).inputs


def test_pixels_depend_on_the_picture_alone(looking: Any) -> None:
    """Whatever is asked for with it, and whatever is cached."""
    looking.processor = Sociable(looking.processor)
    together = looking.batch([RED, BLUE, RED], 17)[0]
    assert looking.processor.calls == 2
    looking._cache = Cache(0)
    alone = [looking.batch([picture], 17)[0][0] for picture in (RED, BLUE, RED)]
    assert torch.equal(together, torch.stack(alone)) and not torch.equal(alone[0], alone[1])


def test_looks_are_made_from_what_is_kept_and_are_not_kept(looking: Any) -> None:
    looks = [look for picture in (RED, BLUE) for look in looking.looks(picture, 3)]
    assert [look.view for look in looks] == [0, 1, 2] * 2 and looks[0] == RED
    first = looking.batch(looks, 17)[0]
    size = looking._cache.size
    looking.processor = None  # would be called
    assert torch.equal(looking.batch(looks, 17)[0], first) and looking._cache.size == size
    plain = looking.batch([RED, BLUE], 17)[0]
    for n in range(3):
        torch.testing.assert_close(first[n::3], viewed(plain, n), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_pixels_are_kept_by_what_processor_and_picture_say(vision_folder: Path) -> None:
    cache = Cache(1 << 26)
    one, same = (load_backbone(str(vision_folder), torch.device("cpu"), cache).inputs for _ in range(2))
    one.batch([RED], 17)
    size, same.processor = cache.size, None  # would be called
    same.batch([replace(RED, name="another name")], 17)
    assert cache.size == size > 3 * 32 * 32 * 4
    other = load_backbone("glyph-vit", torch.device("cpu"), cache).inputs
    assert other.batch([RED], 1)[0].shape != one.batch([RED], 1)[0].shape


def test_the_cache_keeps_no_picture_alive(looking: Any) -> None:
    picture = Picture(50, 50, "L", bytes(range(250)) * 10)
    looking.batch([picture], 17)
    kept = weakref.ref(picture)
    del picture
    gc.collect()
    assert kept() is None and looking._cache.size > 0


def test_a_sentence_is_looked_at_once(tiny: Any) -> None:
    assert tiny.inputs.looks("hello", 5) == ["hello"] and not tiny.inputs.distorts


def test_looking_at_what_is_no_picture_is_refused(looking: Any) -> None:
    with pytest.raises(UserError, match="“hello” is a sentence"):
        looking.looks("hello", 3)


# --- a third one


def saved(folder: Path) -> Path:
    """A tiny model of points, made from a configuration."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    config = AutoConfig.for_model("bert", **sizes, vocab_size=12, max_position_embeddings=8, reads="points")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def points() -> Iterator[Modality[Any]]:
    """The third modality, registered for this module alone."""
    before = dict(MODALITIES)
    module = import_module("points.modality")
    if "points" not in MODALITIES:
        register(module.Points)
    yield MODALITIES["points"]
    MODALITIES.clear()
    MODALITIES.update(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("model"))


def test_its_tasks_are_read(points: Modality[Any], tmp_path: Path) -> None:
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    episode = read_episode(tmp_path / "task.json")
    assert episode.modality == "points" and episode.labels == ("left", "right")
    assert [row.content.x for row in episode.query] == [-0.75, 0.25]
    for suffix, said in (
        (".csv", "at,label\n-0.5,left\n1e-3,right\n"),
        (".jsonl", '{"at": -0.5, "label": "left"}\n' * 2),
    ):
        (tmp_path / f"rows{suffix}").write_text(said)
        assert read_rows(tmp_path / f"rows{suffix}")[0] == Example(points.content(-0.5), "left")
    assert episode_from_cards([("left", [points.content(0.0)]), ("right", [points.content(1.0)])]).modality == "points"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"at": "0.5", "label": "a"}, 'support[0].at is "0.5" and should be a number'),
        ({"at": None, "label": "a"}, "support[0].at is null and should be a number"),
        ({"at": float("nan"), "label": "a"}, "support[0].at is NaN and should be a finite number"),
        ({"at": 1, "text": "one", "label": "a"}, "support[0] has both “text” and “at”"),
    ],
)
def test_its_bad_rows_are_refused(points: Modality[Any], row: dict[str, Any], said: str) -> None:
    assert points.said is float
    with pytest.raises(UserError) as caught:
        parse_episode({"support": [row]})
    assert said in str(caught.value)


@pytest.mark.usefixtures("points")
def test_it_mixes_with_no_other() -> None:
    with pytest.raises(UserError, match=r"sentences \(“one”\) and points \(“x = 1”\)"):
        parse_episode({"support": [{"at": 1, "label": "a"}, {"text": "one", "label": "b"}]})
    with pytest.raises(UserError, match="and these are points: leave --names out"):
        with_names(parse_episode(TASK))


def test_it_makes_sources_and_fingerprints(points: Modality[Any]) -> None:
    rows = [Example(points.content(x), label) for x, label in ((0.5, "a"), (0.5, "a"), (1.0, "b"), (2.0, "a"))]
    source = make_source("line", rows)
    assert (source.modality, source.size, source.dropped) == ("points", 3, 1)
    assert source.sha256 != make_source("line", rows[:3]).sha256
    assert recognised({"a": fingerprint(source.classes["a"])}, [points.content(0.5), points.content(2.0)]) == ["a"]


@pytest.mark.slow
@pytest.mark.usefixtures("points")
def test_it_goes_through_loading_features_and_every_algorithm(folder: Path, minilm: Any) -> None:
    episode = make_episode(*(getattr(parse_episode(TASK), part) for part in ("support", "query")))
    backbone = load_backbone(str(folder), torch.device("cpu"), Cache(1 << 26))
    assert backbone.inputs.modality == "points"
    contents = [row.content for row in episode.support]
    whole, cut = (backbone.forward(backbone.features(contents, boundary), {}) for boundary in (0, 2))
    torch.testing.assert_close(whole, cut)
    for name, cls in REGISTRY.items():
        try:
            algorithm = cls(backbone, cls.Config())
        except UserError as error:
            assert error.name == "scope_tokens", (
                f"{name}: this model can be given no tokens of ours, and refuses nothing else"
            )
            continue
        task: Task = to_task(algorithm, episode)
        *_, last = algorithm.adapt(task.support)
        assert algorithm.predict(last, task.query.x).shape == (2, 2), name
    for model, content, said in (
        (backbone, "hello", "This model reads points, and “hello” is a sentence: pick a model for text such as minilm"),
        (minilm, contents[0], "and “x = -0.5” is a point: pick a model for points such as tiny-points"),
    ):
        with pytest.raises(UserError) as caught:
            model.encode(content)
        assert said in str(caught.value)


def test_a_model_of_text_stays_one_of_text(points: Modality[Any], minilm: Any) -> None:
    assert minilm.inputs.modality == "text" and not points.reads_with(minilm.model.config, "input_ids")


def test_its_folder_is_all_that_it_takes(tmp_path: Path) -> None:
    """Put beside the others in a copy of the package: command line, default model, sample, table and words know it."""
    shutil.copytree(PACKAGE, tmp_path / "meta_demo", ignore=shutil.ignore_patterns("__pycache__"))
    mine = tmp_path / "meta_demo" / "modalities" / "points"
    shutil.copytree(POINTS, mine, ignore=shutil.ignore_patterns("__pycache__"))
    weights = (saved(mine / "model") / "model.safetensors").read_bytes()
    (mine / "sha256.txt").write_text(hashlib.sha256(weights).hexdigest())
    (tmp_path / "rows.csv").write_text("at,label\n" + "".join(f"{i / 10},{'ab'[i % 2]}\n" for i in range(8)))
    (tmp_path / "bad.csv").write_text("at,label\nhere,a\n")
    program = (
        "import sys\n"
        "from meta_demo.cli import main\n"
        "from meta_demo.data.samples import sample_names\n"
        "assert sample_names('points') == ['signs']\n"
        "codes = [main(line.split()) for line in sys.argv[1:]]\n"
        "print(codes)\n"
    )
    sample = "meta_demo/modalities/points/samples/signs.json"
    commands = [
        f"adapt {sample} --algorithms protonet,maml --json out.json",
        "evaluate rows.csv --n-way 2 --k-shot 1 --n-query 2 --episodes 3 --algorithms protonet --json scores.json",
        "models --json models.json",
        "adapt bad.csv",
        f"adapt {sample} --model minilm",
    ]
    done = subprocess.run(
        [sys.executable, "-c", program, *commands], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip().endswith("[0, 0, 0, 2, 2]"), done.stderr
    out = json.loads((tmp_path / "out.json").read_text())
    assert (out["model"], out["labels"]) == ("tiny-points", ["left", "right"])
    assert [len(result["predictions"]) for result in out["results"]] == [2, 2]
    assert json.loads((tmp_path / "scores.json").read_text())["results"][0]["episodes"] == 3
    models = json.loads((tmp_path / "models.json").read_text())["models"]
    said = {"name": "tiny-points", "parameters": "5 k", "modality": "points", "bundled": True}
    assert any(model | said == model for model in models)
    assert "bad.csv, 2 is here and should be a number" in done.stderr
    assert "“x = -0.5” is a point: pick a model for points such as tiny-points" in done.stderr


def test_samples_are_of_the_modality_that_they_are_listed_under() -> None:
    assert load_sample("shapes").modality == "picture" and load_sample("news").modality == "text"
