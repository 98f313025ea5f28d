"""Comparisons that are repeated: with fewer examples, in other orders, with other seeds."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from tiny_models import QUERY, SUPPORT

from meta_demo.algorithms.base import Algorithm
from meta_demo.core.errors import UserError
from meta_demo.core.intervals import small_interval
from meta_demo.data.episode import Example, make_episode
from meta_demo.serving import repeats
from meta_demo.serving.repeats import DRAWS, ORDER, SEED, TURNS, Shots, draws, held_out, ladder
from meta_demo.serving.requests import Learner, Request


def of(*counts: int):
    return make_episode([Example(f"sentence {c} {i}", f"class {c}") for c, n in enumerate(counts) for i in range(n)])


def test_one_of_each_class_is_left_to_be_asked_about():
    assert ladder(of(9, 4)) == [1, 2, 3] and ladder(of(9, 12)) == [1, 2, 3, 5] and ladder(of(2, 2)) == [1]
    with pytest.raises(UserError, match="second"):
        ladder(of(1, 9))
    more = make_episode([Example("a", "x"), Example("b", "y")], [Example("c", "x"), Example("d", "y"), Example("e")])
    assert ladder(more) == [1]


def test_a_draw_asks_the_same_of_growing_sets_and_never_what_was_learned():
    episode = of(6, 14)
    every = [*draws(episode, 0)]
    assert len(every) == DRAWS and len({draw[-1][1].support for draw in every}) > 1
    for draw in every:
        assert [shots for shots, _ in draw] == [1, 2, 3]
        for shots, dealt in draw:
            labels = [row.label for row in dealt.support]
            assert [labels.count(f"class {c}") for c in range(2)] == [shots] * 2
            assert not {*dealt.support} & {*dealt.query} and dealt.query == draw[0][1].query
        assert all({*one.support} < {*other.support} for (_, one), (_, other) in pairwise(draw))
    assert [*draws(episode, 0)] == every


def test_a_curve_is_the_mean_over_draws_with_students_interval():
    who, other = Learner("maml"), Learner("anil")
    found = Shots({(who, 5): (0.5, 0.7, 0.9), (who, 1): (0.25,), (other, 1): (1.0,)})
    assert found.curve(who) == [(1, 0.25, float("inf")), (5, *small_interval([0.5, 0.7, 0.9]))]


def test_what_is_held_out_is_asked_or_the_last_of_each_class():
    assert [row.content for row in held_out(of(2, 1, 3)).query] == ["sentence 0 1", "sentence 2 2"]
    assert len(held_out(of(2, 1, 3)).support) == 4
    kept = make_episode([Example("a", "x"), Example("b", "y")], [Example("c", "x"), Example("d")])
    assert [row.content for row in held_out(kept).query] == ["c"] and held_out(kept).support == kept.support
    with pytest.raises(UserError, match="second"):
        held_out(of(1, 1))


@pytest.fixture(scope="module")
def asked():
    episode = make_episode([Example(t, str(c)) for t, c in (*SUPPORT, *QUERY)])
    return Request(
        episode, algorithms=("protonet", "finetune"), checkpoint="none", knobs={"finetune": {"inner_steps": 2}}
    )


@pytest.mark.slow
def test_shots_come_with_every_episode_and_are_those_of_an_adaptation(service, asked, monkeypatch):
    monkeypatch.setattr(repeats, "DRAWS", 2)
    seen = [*repeats.over_shots(service, asked, asked.episode, lambda e: e)]
    steps = ladder(asked.episode)
    assert len(seen) == 2 * len(steps)
    shots, dealt = next(draws(asked.episode, 0))[0]
    (last,) = (s for s in service.adapt_stream(Request(dealt, algorithms=("protonet",), checkpoint="none")))
    assert seen[0].known[Learner("protonet", "none"), shots] == (last.query_score.value,)
    assert all(len(values) == 2 for values in seen[-1].known.values())


@pytest.mark.slow
def test_a_repetition_asks_about_the_last_step_alone(service, asked, monkeypatch):
    """One pass over the questions for each learner, however many steps it takes, and the answers and scores are those of a whole stream."""
    request = replace(asked, episode=held_out(asked.episode))
    whole = {s.learner: s for s in service.adapt_stream(replace(request, intervals=False))}
    passes, predict = [], Algorithm.predict
    monkeypatch.setattr(Algorithm, "predict", lambda self, s, x: (passes.append(self.name), predict(self, s, x))[1])
    last = repeats._last(service, request, None, "repeats")
    assert sorted(passes) == ["finetune", "protonet"] and whole[Learner("finetune", "none")].steps == 2
    for who, snapshot in last.items():
        assert (snapshot.query_score, snapshot.query_loss) == (whole[who].query_score, whole[who].query_loss)
        assert snapshot.outputs.tobytes() == whole[who].outputs.tobytes()


@pytest.mark.slow
def test_prototypes_depend_on_neither_order_nor_seed(service, asked, monkeypatch):
    """Also where another order of examples is another order of classes."""
    *_, last = repeats.repeated(service, asked, asked.episode, lambda e: e)
    steady = last[Learner("protonet", "none")]
    assert steady.changed == {ORDER: (0,) * TURNS, SEED: (0,) * TURNS} and len(set(steady.right)) == 1
    assert len(last[Learner("finetune", "none")].right) == 1 + 2 * TURNS
    first = repeats._last

    def otherwise(service, request, visitor, kind):
        found = first(service, request, visitor, kind)
        if request.seed:
            found = {who: repeats.replace(s, outputs=s.outputs[:, ::-1]) for who, s in found.items()}
        return found

    monkeypatch.setattr(repeats, "_last", otherwise)
    *_, last = repeats.repeated(service, asked, asked.episode, lambda e: e)
    assert last[Learner("protonet", "none")].most(SEED) > 0 == last[Learner("protonet", "none")].most(ORDER)
