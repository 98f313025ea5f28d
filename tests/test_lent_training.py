"""A training on GPUs that are lent, one loan after another: the steps and the start of one that nobody lent anything to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_lending import crossed

from meta_demo.backbones.backbone import Backbone
from meta_demo.core.errors import Note, UserError
from meta_demo.learning import checkpoint
from meta_demo.learning.outer import Progress
from meta_demo.learning.plan import Plan, TaskPlan
from meta_demo.learning.recipe import Recipe, Training, load_packs, split
from meta_demo.serving import lent_training
from meta_demo.serving.crossing import LONGEST, Piece, Refused, Work, seconds
from meta_demo.serving.lending import Desk, Lender
from meta_demo.serving.lent_training import LENT, lend

pytestmark = pytest.mark.many


class Elsewhere:
    """Another process that lends: its desk has the model, and it does what `change` makes of the pieces of each loan."""

    def __init__(
        self, backbone: Backbone, change: Callable[[int, Iterator[Piece]], Iterator[Piece]] | None = None
    ) -> None:
        self.desk, self.works = Desk("cpu"), list[Work]()
        self.desk.place(backbone)
        self._change = change or (lambda _, pieces: pieces)

    def __call__(self, work: Work) -> Iterator[Piece]:
        self.works.append(crossed(work))
        yield from self._change(len(self.works), map(crossed, self.desk.worked(self.works[-1])))


def training(algorithm: str = "protonet", steps: int = 5, **plan: Any) -> Training:
    sources = split([load_packs(["sport", "health"])], [], 0)
    whole = Plan(**{"steps": steps, "meta_batch": 2, "valid_every": 2, "valid_episodes": 3, "save_every": 2, **plan})
    return Training(Recipe(*sources, whole, algorithm, task=TaskPlan(n_way=2, n_query=2)), "tiny-bert")


def done(made: Training, tiny: Backbone, elsewhere: Elsewhere | None = None) -> list[Progress]:
    loan = Lender(elsewhere, worth=0).loan if elsewhere else None
    return list(made.run(lambda: tiny, (lambda run: lend(run, loan)) if loan else lambda run: run.train()))


def same(made: Training, seen: list[Progress], tiny: Backbone) -> None:
    """Every step is told once, with the losses, validations and weights of a training in one process."""
    here = Training(made.recipe, made.model)
    expected = done(here, tiny)
    assert [p.step for p in seen] == [p.step for p in expected]
    for ours, theirs in zip(expected, seen, strict=True):
        assert (theirs.loss, theirs.best) == (pytest.approx(ours.loss, abs=1e-5), pytest.approx(ours.best))
        assert (theirs.valid is None) == (ours.valid is None) and theirs.best_step == ours.best_step
    for name, weights in load_file(here.folder / checkpoint.WEIGHTS).items():
        torch.testing.assert_close(load_file(made.folder / checkpoint.WEIGHTS)[name], weights, atol=1e-5, rtol=1e-4)
    ours, theirs = (json.loads((t.folder / checkpoint.CARD).read_text()) for t in (here, made))
    for card in (ours, theirs):
        for differs in ("weights_sha256", "minutes", "validation"):
            card.pop(differs)
    assert ours == theirs


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine needs longer than a GPU: what ends a loan is its steps, not the clock."""
    monkeypatch.setattr(lent_training, "SPARE", 30)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps in a loan."""
    monkeypatch.setattr(lent_training, "STEPS", 2)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("algorithm", ["protonet", "maml", "simpleshot", "feat", "multitask"])
def test_several_loans_train_as_one_process_does(tiny: Backbone, algorithm: str) -> None:
    before = tiny.hash
    elsewhere, made = Elsewhere(tiny), training(algorithm)
    seen = done(made, tiny, elsewhere)
    assert len(elsewhere.works) == 3 and [w["training"]["last"] for w in elsewhere.works] == [2, 4, 5]
    assert [note for note in made.notes if note.name != "multitask_alone"] == [LENT]
    same(made, seen, tiny)
    elsewhere.desk.backbone(tiny.name).__dict__.pop("hash", None)
    assert elsewhere.desk.backbone(tiny.name).hash == before, "no weight of the model is changed in place"


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(("at", "expected"), [(1, ["gpu_quota"]), (2, ["gpu_trained", "gpu_quota"])])
def test_where_no_more_is_lent_the_cpu_goes_on(tiny: Backbone, at: int, expected: list[str]) -> None:
    def change(number: int, pieces: Iterator[Piece]) -> Iterator[Piece]:
        if number == at:
            raise Refused(Note("gpu_quota"))
        yield from pieces

    made = training()
    seen = done(made, tiny, Elsewhere(tiny, change))
    assert [note.name for note in made.notes] == expected
    same(made, seen, tiny)


@pytest.mark.usefixtures("few")
def test_a_loan_that_is_cut_off_costs_the_steps_since_the_last_save(tiny: Backbone) -> None:
    def change(number: int, pieces: Iterator[Piece]) -> Iterator[Piece]:
        yield next(pieces)
        yield next(pieces)
        if number == 2:  # the process is gone, in the midst of the loan
            raise Refused(Note("gpu_refused"))
        yield from pieces

    made = training()
    seen = done(made, tiny, Elsewhere(tiny, change))
    assert [note.name for note in made.notes] == ["gpu_trained", "gpu_refused"]
    same(made, seen, tiny)


def test_memory_that_is_short_there_is_said(tiny: Backbone) -> None:
    def change(_: int, pieces: Iterator[Piece]) -> Iterator[Piece]:
        yield next(pieces)
        yield {"error": "gpu_memory", "values": {}}

    made = training()
    seen = done(made, tiny, Elsewhere(tiny, change))
    assert [note.name for note in made.notes] == ["gpu_trained", "gpu_memory"]
    same(made, seen, tiny)


def test_what_a_visitor_can_mend_is_said_as_here(tiny: Backbone) -> None:
    made = training("maml", lr=1e6, warmup=0.0, clip=1e9)
    with pytest.raises(UserError) as here:
        done(Training(made.recipe, made.model), tiny)
    with pytest.raises(UserError) as there:
        done(made, tiny, Elsewhere(tiny))
    assert (there.value.name, str(there.value)) == (here.value.name, str(here.value))
    checkpoint.load(made.folder, tiny)


def test_stopping_measures_and_keeps_what_was_reached(tiny: Backbone) -> None:
    made, elsewhere = training(steps=100), Elsewhere(tiny)
    run = made.run(lambda: tiny, lambda run: lend(run, Lender(elsewhere, worth=0).loan))
    seen = [next(run).step, next(run).step]
    made.stop()
    seen += [p.step for p in run]
    assert seen == [0, 1, 1] and len(elsewhere.works) == 1
    card = json.loads((made.folder / checkpoint.CARD).read_text())
    assert card["trained_steps"] == 1 and [row["step"] for row in card["validation"]] == [0, 1]


def test_a_process_that_was_forked_in_the_midst_of_adapting_learns_all_the_same(tiny: Backbone) -> None:
    """Gradients are switched off in it, as they were where it was forked."""
    made, elsewhere = training(), Elsewhere(tiny)
    with torch.no_grad():
        seen = done(made, tiny, elsewhere)
    same(made, seen, tiny)


def test_minutes_that_are_over_end_it(tiny: Backbone) -> None:
    made, elsewhere = training(steps=100_000, minutes=0.02), Elsewhere(tiny)
    seen = done(made, tiny, elsewhere)
    assert seen[-1].step < 100_000 and seen[-1].valid
    assert len(elsewhere.works) <= 1 + seen[-1].step // lent_training.STEPS


def test_a_training_that_is_little_is_not_sent_away(tiny: Backbone) -> None:
    elsewhere, made = Elsewhere(tiny), training()
    seen = list(made.run(lambda: tiny, lambda run: lend(run, Lender(elsewhere).loan)))
    assert elsewhere.works == [] and made.notes == []
    same(made, seen, tiny)


def test_a_loan_takes_as_many_steps_as_there_is_time_for(tiny: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere, made = Elsewhere(tiny), training(steps=3)
    done(made, tiny, elsewhere)
    (work,) = elsewhere.works
    assert work["training"]["last"] == 3 and 12 <= seconds(work) < LONGEST
    assert len(work["training"]["contents"]) == len({*work["training"]["contents"]}), "an input crosses once"
    monkeypatch.setattr(lent_training, "gpu_seconds", lambda *_: 30.0)
    done(training(steps=3), tiny, elsewhere)
    assert [w["training"]["last"] for w in elsewhere.works[1:]] == [1, 2, 3], "at the least one"
    assert np.isfinite(work["operations"]) and isinstance(Path(work["training"]["folder"]), Path)
