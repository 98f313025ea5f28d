"""Laws of what the Learn tab teaches: texts are whole, equations become MathML, and drawings show what the classes do."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from conftest import of_methods
from latex2mathml.converter import convert
from tiny_models import make_task, tiny_backbone

from meta_demo.algorithms.gradient.fast import HEAD
from meta_demo.algorithms.lesson import PARTS, Lesson
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.added import TOKENS
from meta_demo.words import LANGUAGES

BACKBONE = tiny_backbone(seed=5)
OURS = [name for name, cls in sorted(REGISTRY.items()) if cls.__module__.startswith("meta_demo.")]
OF_OURS = pytest.mark.parametrize("name", OURS)
COMPUTED = pytest.mark.parametrize("name", of_methods(OURS))
TEXTS = ("outer", "inner", "cost", "use", "look")
LAYERS, CONTEXT = "layers", "context"
BODY = {LAYERS, CONTEXT, "mixture"}  # what the weights of the Transformer are made from
KEPT = {"prototypes": "prototypes", "examples": "memory"}  # name in a state -> the part of a learner that it is
ROOT = Path(__file__).parents[1]
CJK = re.compile(r"[\u4e00-\u9fff]")


def lesson_of(name: str) -> Lesson:
    found = REGISTRY[name].lesson
    assert found is not None, f"{name} has no lesson: give `register` one"
    return found


def build(name: str):
    """The algorithm with its default knobs, and a task for it."""
    cls = REGISTRY[name]
    kind = "classes" if "classes" in cls.objectives else "numbers"
    algorithm = cls(BACKBONE, cls.Config(**cls.defaults.get(kind, {})))
    return algorithm, make_task(BACKBONE, algorithm.boundary, kind=kind)


def taught(name: str) -> tuple[bool, bool]:
    """Whether a meta-gradient reaches anything that the Transformer's weights are made from, and anything else; a single number that
    is not of the Transformer, such as a sharpness, does not count."""
    algorithm, task = build(name)
    algorithm.train()
    algorithm.backward([task])
    reached = [p for p in algorithm.parameters() if p.grad is not None and bool(p.grad.any())]
    made = [w.sum() for w in algorithm.body.values() if w.requires_grad]
    used = torch.autograd.grad(sum(made), reached, allow_unused=True) if made and reached else [None] * len(reached)
    others = [p for p, g in zip(reached, used, strict=True) if g is None and p.numel() > 1]
    return any(g is not None for g in used), bool(others)


def changed(name: str) -> set[str]:
    """The parts that adaptation makes or moves, as far as the names in its states tell; a head that stands still is the class means
    that it was made from."""
    algorithm, task = build(name)
    states = [state.tensors for state in algorithm.adapt(task.support)]
    parts: set[str] = set()
    for tensor, w in states[-1].items():
        still = len(states) > 1 and torch.equal(w, states[0][tensor])
        if tensor.startswith(HEAD):
            parts.add("prototypes" if still else "head")
        elif tensor in algorithm.body:
            parts |= set() if still else {CONTEXT if tensor.endswith(TOKENS) else LAYERS}
        elif tensor in KEPT:
            parts.add(KEPT[tensor])
    return parts


@OF_OURS
@pytest.mark.parametrize("field", TEXTS)
def test_each_text_is_one_or_two_sentences_in_every_language(name, field):
    said = getattr(lesson_of(name), field)
    assert set(said) == set(LANGUAGES)
    for lang, end in (("en", r"[.?](?=\s|$)"), ("zh", "[。？]")):
        assert said[lang] == said[lang].strip() and re.search(f"{end}$", said[lang]), said[lang]
        assert 1 <= len(re.findall(end, said[lang])) <= 2, said[lang]
        assert bool(CJK.search(said[lang])) == (lang == "zh"), said[lang]
    assert not re.search(r"[,;:?!] |[a-z]\.(\s|$)", said["zh"]), "marks of Chinese are those of Chinese"


@OF_OURS
def test_the_equation_becomes_mathml_without_leftovers(name):
    root = ElementTree.fromstring(convert(lesson_of(name).equation))
    assert root.tag.endswith("math") and len(list(root.iter())) > 10
    for element in root.iter():
        assert not set(element.text or "") & set("\\&*_"), element.text
        if element.tag.rpartition("}")[2] in {"mi", "mn", "mo", "mtext"}:
            assert element.text, f"an empty {element.tag} is of a command that is not known"


@OF_OURS
def test_its_drawing_names_each_part_once_and_only_parts(name):
    lesson = lesson_of(name)
    for parts in (lesson.learned, lesson.moved):
        assert set(parts) <= set(PARTS) and len(set(parts)) == len(parts)
    assert lesson.moved, "a task's examples change something"
    with pytest.raises(ValueError, match="no part of a learner"):
        replace(lesson, moved=("nothing of the kind",))


@COMPUTED
def test_what_is_drawn_as_learned_gets_a_meta_gradient(name):
    """A single number, such as a sharpness, is said and not drawn."""
    learned = set(lesson_of(name).learned)
    assert bool(learned) == REGISTRY[name].learns
    if not learned:
        return
    body, more = taught(name)
    assert bool(learned & BODY) == body
    assert bool(learned - BODY) == more


@COMPUTED
def test_what_is_drawn_as_moved_is_what_adaptation_changes(name):
    moved, found = set(lesson_of(name).moved), changed(name)
    assert bool(moved & BODY) == REGISTRY[name].adapts_body
    assert found <= moved
    assert (
        moved <= found or not found & {LAYERS, CONTEXT, "head", "prototypes"} or moved - found <= {"mixture", "memory"}
    )


@OF_OURS
def test_no_start_is_said_to_be_missing_that_is_there(name):
    said = lesson_of(name).look
    missing = "No start is shipped" in said["en"]
    assert missing == ("没有自带起点" in said["zh"])
    assert not (missing and list(ROOT.glob(f"checkpoints/*/{name}/card.json")))


def measured(table: str) -> list[dict[str, Any]]:
    """The rows of a table of the Benchmark tab, by the English names of its columns; what begins with a number is that number."""
    found = json.loads((ROOT / f"benchmarks/results/{table}.json").read_text(encoding="utf-8"))
    columns = [column["en"] for column in found["columns"]]

    def value(cell: Any) -> Any:
        number = re.match(r"[+-]?\d+(\.\d+)?(?= |$)", str(cell))
        return float(number.group()) if number else cell

    return [dict(zip(columns, map(value, row), strict=True)) for row in found["rows"]]


def sines(start: str, points: int = 5, family: str = "sines") -> list[float]:
    """The squared error after 0, 1, 2, 5 and 10 steps."""
    (row,) = (r for r in measured("sines") if (r["family"], r["start"], r["points"]) == (family, start, points))
    return [row[f"after step {step}"] for step in (0, 1, 2, 5, 10)]


@pytest.mark.parametrize("points", [5, 10])
def test_what_is_said_of_sines_was_measured(points):
    """MAML: the first step does most of the work from its start, hardly any from plain weights. Each other start beside it."""
    start, first, *_, last = sines("maml", points)
    assert start - first > 0.8 * (start - last)
    plain = {r["start"] for r in measured("sines") if r["start"].startswith("maml, plain") and r["family"] == "sines"}
    for rate in plain:
        start, after, *_ = sines(rate, points)
        assert start - after < 0.2 * start
    assert plain and first < 0.8 * sines("fomaml", points)[1]
    assert all(one > other for one, other in pairwise(sines("reptile", points)))
    assert sines("anil", points)[-1] > 3 * last
    kernel = sines("kernel, plain", points)[0]
    assert all(min(sines(name, points)[1:3]) < kernel for name in ("maml", "fomaml", "anil", "reptile", "finetune"))


def test_what_is_said_of_lines_was_measured():
    kernel = sines("kernel, plain", 5, "lines")[0]
    assert all(min(sines(name, 5, "lines")) > kernel for name in ("maml", "fomaml", "anil", "reptile", "finetune"))


def test_what_is_said_of_sentences_was_measured():
    """Where MAML, first-order MAML and Reptile end; where ANIL's and MAML's gain is; when a prototypical network's start gains."""
    table = {(r["algorithm"], r["tasks from"], r["shots"]): r for r in measured("checkpoints")}
    for (name, source, shots), row in table.items():
        if name in ("maml", "reptile"):
            assert abs(row["meta-trained"] - table["fomaml", source, shots]["meta-trained"]) <= 0.5
        if name == "protonet" and shots == 5:
            gain = row["difference in points"]
            assert gain < min(1, table[name, source, 1]["difference in points"])
    for row in measured("curve"):
        if row["algorithm"] in ("anil", "maml") and row["start"] == "difference":
            assert row["step 0"] > 0.5 * row["step 5"]
        if row["algorithm"] == "anil":
            assert abs(row["step 20"] - row["step 0"]) < 0.5
        if row["algorithm"] == "finetune" and row["start"] != "difference":
            assert row["step 0"] == pytest.approx(20, abs=1), "a guess among five"


def test_what_is_said_of_fine_tuning_was_measured():
    for row in measured("baseline"):
        if row["learner"] == "difference":
            assert row["step 5"] > 1 if row["shots"] == 1 else row["step 5"] < 1


def test_what_is_said_of_memory_was_measured():
    assert all(row["20 over 1"] < 1.25 for row in measured("memory") if row["way"] == "walk back")
