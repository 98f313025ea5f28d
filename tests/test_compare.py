"""Comparisons on a task's own examples: who is left out, and that nobody has learned from what it is asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest
import torch
from conftest import of_methods
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import QUERY, SUPPORT, tiny_backbone

from meta_demo.algorithms.base import State
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.core.examples import Examples
from meta_demo.core.intervals import paired_interval
from meta_demo.data.episode import Example, make_episode
from meta_demo.data.names import with_names
from meta_demo.serving import compare
from meta_demo.serving.compare import FOLDS, MOST, NOTHING, ONE, SEVERAL, Row, compared, plan
from meta_demo.serving.jobs import Job
from meta_demo.serving.requests import Learner, Request

NAMES = ("charged", "delivery", "login")
ROWS = [Example(t, NAMES[c]) for t, c in (*SUPPORT, *QUERY)]
EPISODE = make_episode(ROWS[: len(SUPPORT) + 1], [Example("a parcel", "delivery"), Example("my password", "charged")])
ALL = [name for name, cls in sorted(REGISTRY.items()) if "classes" in cls.objectives]
BACKBONE = tiny_backbone()


def job(name: str, episode=EPISODE) -> Job:
    cls = REGISTRY[name]
    steps = {loops: 2} if (loops := cls.steps_knob) else {}
    made = cls(BACKBONE, cls.Config(**steps), 0).requires_grad_(False).eval()
    return Job(Cache(0).shelf(), (Learner(name),), (), made, "", episode)


def rows(*names: str, episode=EPISODE) -> dict[str, Row]:
    jobs = [job(name, episode) for name in names]
    return {row.algorithm: row for row in compared(jobs, plan(episode), lambda job: job.snapshots())}


@torch.no_grad()
def by_hand(name: str, out: tuple[int, ...]) -> torch.Tensor:
    """What an algorithm answers the examples `out` when it has learned from the others, all of it written out."""
    algorithm, objective = job(name).algorithm, EPISODE.objective
    kept = [row for i, row in enumerate(EPISODE.support) if i not in out]
    y = objective.encode([row.label for row in kept], algorithm.like)
    *_, last = algorithm.adapt(Examples(algorithm.features([row.content for row in kept]), y, objective))
    asked = algorithm.features([EPISODE.support[i].content for i in out])
    return algorithm.predict(last, asked).softmax(-1)


def turns_of(episode) -> list[tuple[int, ...]]:
    """The first example of each class, then the second, and so on; not the only one."""
    labels = [row.label for row in episode.support]
    nth = [labels[:i].count(label) for i, label in enumerate(labels)]
    more = sorted(
        (i for i, label in enumerate(labels) if labels.count(label) > 1), key=lambda i: labels.index(labels[i])
    )
    return [tuple(i for i in more if nth[i] == n) for n in range(max(nth) + 1)]


@pytest.mark.parametrize("name", of_methods(ALL))
def test_it_is_a_loop_that_learns_without_the_example(name):
    """One example of each class at a time; over the registry."""
    found, places = rows(name)[name], plan(EPISODE)
    groups = turns_of(EPISODE)
    assert found.complete and found.rounds == len(groups) and {*found.answers} == {*places.asked}
    for out in groups:
        for place, expected in zip(out, by_hand(name, out), strict=True):
            got = torch.from_numpy(found.answers[place])
            torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-8)
            right = EPISODE.labels[int(expected.argmax())] == EPISODE.support[place].label
            assert found.right[place] == right
    assert found.score.count == len(places.asked) and found.whole.query_score.count == 2


def test_only_who_moves_something_says_so():
    found = rows("protonet", "anil", "maml")
    assert found["protonet"].moved == 0 < found["anil"].moved < found["maml"].moved
    assert {found[name].left for name in ("maml", "anil", "protonet")} == {ONE}


def test_who_moves_the_body_learns_anew_five_times_at_most():
    """Of seven examples a class, two of each are left out together: the same examples, in fewer rounds."""
    places = plan(of(7, 7))
    few, each = places.rounds(REGISTRY["maml"]), places.rounds(REGISTRY["protonet"])
    assert [len(out) for out in few] == [4, 4, 2, 2, 2] and [len(out) for out in each] == [2] * 7
    assert sorted(p for out in few for p in out) == sorted(p for out in each for p in out) == places.asked
    found = rows("maml", episode=of(6, 6))["maml"]
    assert found.left == SEVERAL and found.complete and found.rounds == FOLDS and len(found.right) == 12


def test_learners_that_leave_the_body_alone_come_first():
    jobs = [job(name) for name in ("maml", "protonet")]
    order = list(dict.fromkeys(r.algorithm for r in compared(jobs, plan(EPISODE), lambda job: job.snapshots())))
    assert order == ["protonet", "maml"]


def test_somebody_can_stop_after_each_inner_step():
    stream = compared([job("maml")], plan(EPISODE), lambda job: job.snapshots())
    seen = [row.done for row in stream]
    steps = 3  # with the start
    assert len(seen) > len(plan(EPISODE).turns) * steps and seen == sorted(seen)


def test_who_diverges_says_so_and_the_others_go_on(monkeypatch):
    def lost(_, support, **__):
        yield State({}, support.y * float("nan"))

    monkeypatch.setattr(REGISTRY["anil"], "adapt", lost)
    found = rows("anil", "protonet")
    assert found["anil"].error.name == "diverged" and not found["anil"].complete
    assert found["protonet"].complete and not found["protonet"].error
    assert compare.best([*found.values()]) == found["protonet"]


# --- who is left out


def of(*counts: int):
    return make_episode([Example(f"sentence {c} {i}", f"class {c}") for c, n in enumerate(counts) for i in range(n)])


@settings(max_examples=60)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=7).filter(lambda counts: max(counts) > 1))
def test_no_class_is_ever_empty_and_none_alone_misses_one(counts):
    """Everybody but the lone ones has one turn; in a turn each class that still has one loses it, whatever the algorithm."""
    episode = of(*counts)
    places = plan(episode)
    assert sorted(p for turn in places.turns for p in turn) == places.asked
    assert len(places.turns) == max(counts)
    for n, turn in enumerate(places.turns):
        assert len(turn) == sum(count > n for count in counts if count > 1)
    for out in (*places.rounds(REGISTRY["protonet"]), *places.rounds(REGISTRY["maml"])):
        assert {row.label for i, row in enumerate(places.examples) if i not in out} == {*episode.labels}
    alone = {f"class {c}" for c, n in enumerate(counts) if n == 1}
    assert {places.examples[p].label for p in places.asked} == {*episode.labels} - alone


def test_a_class_of_one_is_named_and_not_counted():
    (note,) = plan(of(1, 3, 1, 2)).notes
    assert note.name == "compare_alone" and dict(note.values) == {"labels": "class 0, class 2", "count": 2}
    with pytest.raises(UserError, match="second"):
        plan(of(1, 1))


@torch.no_grad()
@pytest.mark.parametrize("name", ["protonet", "maml"])
def test_where_every_class_has_one_what_is_held_out_is_asked_about(name):
    support = [next(row for row in ROWS if row.label == label) for label in NAMES]
    asked = [Example("a parcel", "delivery"), Example("my password", None), Example("charged twice", "charged")]
    episode = make_episode(support, asked)
    places, found = plan(episode), rows(name, episode=episode)[name]
    assert [places.examples[place].content for place in places.asked] == ["a parcel", "charged twice"]
    assert [(n.name, dict(n.values)) for n in places.notes] == [("compare_held_out", {"count": 2})]
    *_, last = job(name, episode).snapshots()
    for place, query in zip(places.asked, (0, 2), strict=True):
        assert found.answers[place].tobytes() == last.outputs[query].tobytes()
        assert found.right[place] == (episode.labels[last.outputs[query].argmax()] == asked[query].label)
    assert found.complete and found.left == NOTHING and found.score.count == 2 and (found.moved > 0) == (name == "maml")


@torch.no_grad()
def test_of_many_that_are_held_out_as_many_of_each_class(monkeypatch):
    monkeypatch.setattr(compare, "MOST", 4)
    support = [next(row for row in ROWS if row.label == label) for label in NAMES]
    asked = [
        Example(f"{label} {i}", label) for label, count in zip(NAMES, (5, 1, 3), strict=True) for i in range(count)
    ]
    episode = make_episode(support, asked)
    places, found = plan(episode), rows("protonet", episode=episode)["protonet"]
    assert [places.examples[p].content for p in places.asked] == ["charged 0", "charged 1", "delivery 0", "login 0"]
    assert [n.name for n in places.notes] == ["compare_held_out", "compare_held_out_bounded"]
    *_, last = job("protonet", episode).snapshots()
    assert [found.answers[p].tobytes() for p in places.asked] == [last.outputs[q].tobytes() for q in (0, 1, 5, 6)]


def test_a_sentence_that_stands_there_twice_is_asked_once():
    """Two spellings of one sentence: whoever learned from one has seen the other."""
    twice = [Example("Where is my card", "a"), Example("where is my CARD", "a"), Example("it is lost", "a")]
    places = plan(make_episode([*twice, Example("x", "b"), Example("y", "b")]))
    assert [row.content for row in places.examples] == ["Where is my card", "it is lost", "x", "y"]
    assert [(n.name, dict(n.values)) for n in places.notes] == [("compare_repeated", {"count": 1})]


def test_of_many_as_many_of_each_class():
    places = plan(of(*[50] * 9, 3))
    assert len(places.asked) == MOST
    shares = Counter(places.examples[p].label for p in places.asked)
    assert shares["class 9"] == 3 and max(shares.values()) - min(shares[f"class {c}"] for c in range(9)) <= 1
    assert [n.name for n in places.notes] == ["compare_bounded"]
    assert len(plan(of(*[2] * 50)).asked) == 100


def test_names_of_classes_are_never_left_out():
    episode = with_names(of(1, 2))
    places = plan(episode, named=2)
    assert [places.examples[p].content for p in places.asked] == ["sentence 0 0", "sentence 1 0", "sentence 1 1"]


# --- what can be said of a difference


def answered(right: str) -> Row:
    return Row(Learner("x"), "", ONE, 1, 1, right={i: c == "1" for i, c in enumerate(right)})


def mcnemar(wins: int, losses: int) -> float:
    """The exact test, by counting every way in which the differing ones may fall."""
    n, least = wins + losses, min(wins, losses)
    few = sum(1 for k in range(least + 1) for _ in combinations(range(n), k))
    return min(1.0, 2 * few / 2**n)


def test_an_interval_excludes_zero_where_mcnemars_test_does():
    for wins in range(9):
        for losses in range(9 - wins):
            low, high = paired_interval(wins, losses, 20)
            assert low - 1e-9 <= (wins - losses) / 20 <= high + 1e-9
            assert (low > 0 or high < 0) == (mcnemar(wins, losses) < 0.05), (wins, losses)


def test_answers_that_never_differ_on_few_examples_are_no_proof_that_they_never_do():
    (low, high), (closer, _) = paired_interval(0, 0, 15), paired_interval(0, 0, 150)
    assert high == -low == pytest.approx(1 - 0.025 ** (1 / 15)) and low < closer < 0


def test_differences_are_over_the_examples_that_both_were_asked():
    found = compare.difference(answered("1111110"), answered("0000000"))
    assert found.value == pytest.approx(6 / 7) and found.clear
    assert not compare.difference(answered("11111"), answered("00000")).clear  # five of five: p = 0.06
    assert compare.difference(answered("11"), answered("0")).value == 1.0


def test_who_cannot_be_told_apart_is_named():
    top, like, far = answered("1" * 20), answered("1" * 18 + "00"), answered("1" * 4 + "0" * 16)
    others = [replace(row, learner=Learner(name)) for row, name in ((like, "like"), (far, "far"))]
    assert [row.algorithm for row in compare.near(top, [top, *others])] == ["like"]


def test_nobody_is_best_before_everybody_is_there():
    half, whole = replace(answered("11"), rounds=2), answered("01")
    assert compare.best([half, whole]) is None
    assert compare.best([whole, answered("11")]) == answered("11")
    assert compare.best([]) is None


def test_the_service_refuses_what_is_too_dear_before_it_begins(service, monkeypatch):
    monkeypatch.setattr(service.workshop, "budget", replace(service.workshop.budget, seconds=0.001))
    with pytest.raises(UserError, match="take"):
        next(service.compare(Request(EPISODE, algorithms=("maml",)), plan(EPISODE)))
