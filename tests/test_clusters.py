"""Training on sentences that nobody labelled: clusters are like classes, nothing measured is in them, and a resumed run has the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.loading import load_backbone
from meta_demo.cli import main
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.data.drawing.glyphs import glyph_source
from meta_demo.data.episode import Example
from meta_demo.data.sampler import Fixed, Variable
from meta_demo.data.source import Source, make_source
from meta_demo.data.sources import load_source, load_unlabelled
from meta_demo.learning import checkpoint
from meta_demo.learning.clusters import apart, clustered
from meta_demo.learning.plan import Plan, TaskPlan
from meta_demo.learning.recipe import Recipe, prepare, split
from meta_demo.learning.saved_run import STATE
from meta_demo.modalities.base import identity


def start(backbone: Backbone, algorithm: str = "protonet"):
    return checkpoint.start(backbone, algorithm, None, {}, 0)


def everything(source: Source) -> list[str]:
    return [str(text) for texts in source.classes.values() for text in texts]


@pytest.mark.many
@pytest.mark.parametrize("algorithm", ["protonet", "maml"])
def test_clusters_are_much_like_classes(algorithm: str, minilm: Backbone) -> None:
    """Of twelve classes of a pack and of another, most of a cluster's sentences are of one class; by chance a quarter would be."""
    labels = [label for name in ("school", "shopping") for label in list(load_source(f"builtin:{name}").classes)[:6]]
    whole = load_source("builtin").only(labels, "some")
    of = {text: label for label, texts in whole.classes.items() for text in texts}
    sources = clustered(start(minilm, algorithm), everything(whole), Fixed(3, 1, 2), seed=0)
    root = round(whole.size**0.5)
    assert [s.name.split()[0] for s in sources] == [str(root // 2), str(root), str(root * 2)]
    finest = sources[1].classes
    common = sum(max([of[str(t)] for t in texts].count(label) for label in labels) for texts in finest.values())
    assert common / sources[1].size > 0.45
    assert all(len(texts) >= 3 for s in sources for texts in s.classes.values())


def test_no_measured_sentence_is_in_a_cluster_whatever_its_capitals(tiny: Backbone, tmp_path: Path) -> None:
    train_on, validate_on = split([load_source("builtin:school")], (), 0)
    held_out = everything(validate_on[0])
    unlabelled = [*held_out, *(text.upper() for text in held_out), *everything(load_source("builtin:sport"))]
    plan = Plan(steps=1, meta_batch=1, valid_episodes=2)
    task = TaskPlan(n_way=2, n_query=2)
    recipe = Recipe(train_on, validate_on, plan, "protonet", task=task, unlabelled=unlabelled)
    training = prepare(recipe, lambda: tiny, tmp_path)
    assert len(training.tasks.sources) > 1
    trained_on = {identity(text) for source in training.tasks.sources for text in everything(source)}
    assert trained_on.isdisjoint(map(identity, held_out))
    assert [s["name"] for s in training.record["sources"][1:]] == [s.name for s in training.tasks.sources[1:]]


def test_each_example_once() -> None:
    assert apart(["a", "b", "A", "a"], [make_source("x", [Example("B", "c")])]) == ["a"]


def test_small_clusters_and_partitions_without_enough_are_left_out(tiny: Backbone) -> None:
    texts = everything(load_source("builtin:school"))
    few, many = (clustered(start(tiny), texts, shape, 0) for shape in (Fixed(9, 1, 4), Variable()))
    assert len(few) < len(many) and all(len(s.classes) >= 9 for s in few)
    for count in range(7):
        with pytest.raises(UserError, match=rf"\({count} different ones\)"):
            clustered(start(tiny), texts[:count], Fixed(), 0)
    with pytest.raises(UserError, match=r"\(0 different ones\): they fall into at most 0"):
        clustered(start(tiny), [], Variable(), 0)


def write(path: Path, texts: list[str]) -> Path:
    if path.suffix.lower() == ".txt":
        path.write_text("\n".join([*texts[:3], "  ", *texts[3:], ""]))
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps({"text": t, "label": None}) for t in texts))
    else:
        path.write_text("\n".join(["id,text", *(f"{i},{t}" for i, t in enumerate(texts))]))
    return path


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "A.TXT"])
def test_tables_need_no_labels_here_and_a_text_file_no_header(name: str, tmp_path: Path) -> None:
    texts = [f"sentence {i}" for i in range(5)]
    assert load_unlabelled([str(write(tmp_path / name, texts))])[0] == texts


def test_labels_of_other_sources_are_not_looked_at() -> None:
    assert load_unlabelled(["builtin:school", "builtin:sport"])[0] == [
        *everything(load_source("builtin:school")),
        *everything(load_source("builtin:sport")),
    ]


BAD = {
    "no file": ("no.txt", None, "no.txt"),
    "an empty one": ("a.txt", b"", "“a.txt” is empty"),
    "blank lines": ("a.txt", b"\n \n", "“a.txt” is empty"),
    "a picture by another name": ("a.txt", b"\x89PNG\r\n\x1a\n" + bytes(20), "really a PNG file"),
    "no column": ("a.csv", b"sentence\nx\n", "no column “text”"),
    "an unknown kind": ("a.pdf", b"x", "one of"),
}


@pytest.mark.parametrize(("name", "data", "said"), BAD.values(), ids=BAD)
def test_what_cannot_be_read_is_said(name: str, data: bytes | None, said: str, tmp_path: Path) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=said):
        load_unlabelled([str(tmp_path / name)])


def run(folder: Path, *more: str | Path) -> int:
    small = ("--n-way", "3", "--n-query", "2", "--meta-batch", "1", "--valid-episodes", "2", "--save-every", "1")
    return main(["train", "--algorithm", "protonet", "--output", str(folder), *small, *map(str, more)])


@pytest.mark.many
def test_a_resumed_run_has_the_same_clusters_and_the_same_bits(tmp_path: Path) -> None:
    texts = write(tmp_path / "sentences.txt", everything(load_source("builtin:sport")))
    flags = ("--source", "builtin:school", "--unlabelled", texts, "--steps", "3")
    assert run(tmp_path / "whole", *flags) == 0
    assert run(tmp_path / "cut", *flags, "--minutes", "0") == 0
    assert run(tmp_path / "cut", *flags, "--resume") == 0
    whole, cut = (load_file(tmp_path / part / STATE) for part in ("whole", "cut"))
    assert whole.keys() == cut.keys() and all((whole[k] == cut[k]).all() for k in whole)
    (tmp_path / "sentences.txt").write_text(texts.read_text() + "\none more sentence about something else")
    assert run(tmp_path / "cut", *flags, "--resume") == 2


@pytest.mark.many
def test_sentences_without_labels_are_enough_where_there_is_something_to_validate_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = write(tmp_path / "sentences.txt", everything(load_source("builtin:sport")))
    assert run(tmp_path / "out", "--unlabelled", texts, "--valid", "builtin:school", "--steps", "1") == 0
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card["sources"] and all("unlabelled" in source["name"] for source in card["sources"])
    capsys.readouterr()
    assert run(tmp_path / "not", "--unlabelled", texts, "--steps", "1") == 2
    assert "--valid" in capsys.readouterr().err
    few = write(tmp_path / "few.txt", ["a", "b", "c", "d", "e"])
    assert run(tmp_path / "not", "--source", "builtin:school", "--unlabelled", few, "--steps", "1") == 2
    assert "(5 different ones)" in capsys.readouterr().err


def test_pictures_are_clustered_as_texts_are(vision_folder: Path) -> None:
    glyphs = glyph_source(0).classes
    drawings = [glyphs[label][i] for label in list(glyphs)[:4] for i in range(8)]
    backbone = load_backbone(str(vision_folder), torch.device("cpu"), Cache(1 << 26))
    sources = clustered(start(backbone), drawings, Fixed(2, 1, 1), 0)
    assert sources and all(s.modality == "picture" for s in sources)
