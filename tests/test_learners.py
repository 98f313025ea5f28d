"""One algorithm from two starts: who adapts, what it is kept by, and what a chart of both shows."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from test_plots import snapshot
from test_service import EPISODE

from meta_demo.algorithms.families import grouped
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.data.episode import Episode
from meta_demo.data.samples import load_sample
from meta_demo.learning import checkpoint
from meta_demo.serving.requests import AT_RANDOM, NOT_TRAINED, PLAIN, Learner, Request, Snapshot
from meta_demo.serving.service import Service
from meta_demo.ui import blocks
from meta_demo.ui.cards import cards_from, dealt, episode_of, spelled
from meta_demo.ui.curves import LINE, PALE, curves
from meta_demo.ui.gaps import sentences
from meta_demo.ui.learners import called, rivals, twins
from meta_demo.ui.multiples import TOGETHER, called_short, live
from meta_demo.ui.palette import mark
from meta_demo.ui.session import Gaps, Run
from meta_demo.ui.side import discover
from meta_demo.ui.starts import BOTH, THREE, Switch, origins_of
from meta_demo.ui.words import title
from meta_demo.words import LANGUAGES

MODEL = "minilm"
SHIPPED = tuple(name for name in sorted(REGISTRY) if checkpoint.shipped(MODEL, name, checkpoint.CLASSES))


def both(algorithms: tuple[str, ...], knobs: dict[str, dict[str, Any]] | None = None) -> Request:
    """What the page asks where the visitor chose both starts."""
    switch = replace(Switch(), origin=BOTH).fitted(MODEL, algorithms, ())
    trained = switch.checkpoints(MODEL, algorithms, ())
    also = switch.also(MODEL, algorithms, (), knobs or {})
    return Request(EPISODE, MODEL, algorithms, knobs=knobs or {}, checkpoints=trained, also=also)


def dealt_sample(name: str, shots: int) -> Episode:
    """A sample with so many examples of each class, the others held out."""
    side = next(cls for cls in discover() if cls.name == "picture")()
    return episode_of(spelled(dealt(cards_from(load_sample(name), side), shots, side), side), side)


def history(service: Service, request: Request) -> dict[Learner, list[Snapshot]]:
    found: dict[Learner, list[Snapshot]] = {}
    for one in service.adapt_stream(request):
        found.setdefault(one.learner, []).append(one)
    return found


def test_every_shipped_start_has_a_twin_with_the_same_knobs(service: Service) -> None:
    jobs = service.workshop.jobs(both(SHIPPED))
    found = twins(job.learner for job in jobs)
    assert [one.algorithm for one, _ in found] == list(SHIPPED)
    by = {job.learner: job for job in jobs}
    for trained, plain in found:
        assert by[trained].algorithm.config == by[plain].algorithm.config, trained.algorithm
        assert by[plain].checkpoint == NOT_TRAINED != by[trained].checkpoint


def test_both_starts_are_what_each_is_alone(service: Service) -> None:
    knobs = {"maml": {"inner_steps": 2}}
    request = both(("maml", "nearest", "protonet"), knobs)
    found = history(service, request)
    assert [who.algorithm for who in found] == ["maml", "maml", "nearest", "protonet", "protonet"]
    for who, steps in found.items():
        alone = replace(request, algorithms=(who.algorithm,), also={}, checkpoints={who.algorithm: who.start})
        alone = replace(alone, knobs={who.algorithm: request.knobs_of(who)})
        assert [s.outputs.tobytes() for s in service.adapt_stream(alone)] == [s.outputs.tobytes() for s in steps]
    trained, plain = twins(found)[0]
    assert [s.steps for s in found[plain]] == [2] * 3
    assert found[plain][0].outputs.tobytes() != found[trained][0].outputs.tobytes()
    assert [p.learner for p in service.predict(request, ["a lost card"])] == list(request.learners)
    one, other = (service.attention(request, who, "a lost card", 0)[0] for who in (trained, plain))
    assert one.tobytes() != other.tobytes()


def test_the_json_knows_one_start_of_each(service: Service) -> None:
    request = both(("protonet",))
    one, two = (service.report(asked)[0] for asked in (request, replace(request, also={})))
    for report in (one, two):
        del report["results"][0]["seconds"]
    assert json.dumps(one) == json.dumps(two) and len(one["results"]) == 1


def test_stopping_keeps_both_where_they_are() -> None:
    trained, plain = Learner("maml", "folder"), Learner("maml", PLAIN)
    request = Request(EPISODE, MODEL, ("maml", "protonet"), checkpoints={"maml": "folder"}, also={plain: {"last_n": 1}})
    run = Run(request, "digest", {}).with_history({plain: [snapshot("maml", 0, 3)], trained: [snapshot("maml", 1, 3)]})
    assert run.learners == [trained, plain] and not run.whole
    cut = run.stopped().request
    assert cut.learners == (trained, plain)
    assert cut.knobs_of(trained) == {"inner_steps": 1} and cut.knobs_of(plain) == {"inner_steps": 0, "last_n": 1}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_twins_share_a_colour_and_the_gap_is_shaded(lang: str) -> None:
    trained, plain, alone = Learner("maml", "folder"), Learner("maml", PLAIN), Learner("protonet")
    steps = {who: [replace(snapshot("maml", i, 3), learner=who) for i in range(4)] for who in (trained, plain)}
    shown = curves({**steps, alone: [snapshot("protonet", 0, 0)]}, lang)
    shades = [t for t in shown.data if t.fill == "toself"]
    assert [(t.yaxis, len(t.x)) for t in shades] == [("y2", 8)]
    one, other = ([t for t in shown.data if t.name == called(who, steps, lang)] for who in (trained, plain))
    assert {t.line.color for t in one} == {t.line.color for t in other} and len(one) == len(other) == 2
    assert {t.opacity for t in one} == {1} and {t.opacity for t in other} == {PALE["plain"][1]}
    assert {t.line.dash for t in one} != {t.line.dash for t in other}
    assert called(alone, [*steps, alone], lang) == called(alone, [alone], lang)
    assert called(trained, [trained], lang) == called(plain, [plain], lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_curves_are_named_at_their_ends_each_on_a_line_of_its_own(lang: str) -> None:
    names = ["maml", "protonet", "nearest", "kernel"]
    steps = {Learner(name): [snapshot(name, 0, 0)] for name in names}
    steps[Learner("maml", PLAIN)] = [replace(snapshot("maml", 0, 0), learner=Learner("maml", PLAIN))]
    named = [a for a in curves(steps, lang).layout.annotations if a.yref == "y2"]
    ends = {a.text: (a.yshift, a.font.color) for a in named}
    assert ends[title("maml", lang)][1] == mark("maml").colour
    assert sorted(a.text for a in named) == sorted(title(name, lang) for name in names), "a plain twin has none"
    shifts = sorted(shift for shift, _ in ends.values())
    assert all(later - earlier >= LINE - 1 for earlier, later in itertools.pairwise(shifts))


@pytest.mark.parametrize("query", [20, 0])
def test_many_algorithms_stand_in_a_panel_for_each_family_where_each_is_named(query: int) -> None:
    few = [*REGISTRY][:TOGETHER]
    assert "y3" not in {t.yaxis for t in live({Learner(name): [snapshot(name, 0, 3)] for name in few}, "en").data}
    many = {Learner(name): [snapshot(name, i, 3, query) for i in range(4)] for name in REGISTRY}
    many[Learner("maml", PLAIN)] = [replace(snapshot("maml", 0, 3, query), learner=Learner("maml", PLAIN))]
    figure = live(many, "en")
    written = [a.text for a in figure.layout.annotations]
    ends = [a.text for a in figure.layout.annotations if a.yref.lstrip("y").isdigit() or a.yref == "y"]
    assert sorted(ends) == sorted(title(name, "en") for name in REGISTRY)
    for place, (family, names) in enumerate(grouped([*REGISTRY]).items(), 1):
        axis = f"y{'' if place == 1 else place}"
        assert called_short(family, "en") in written
        own = {t.legendgroup for t in figure.data if t.yaxis == axis}
        assert own == {*names}
        shifts = sorted(a.yshift for a in figure.layout.annotations if a.yref == axis)  # all end at one height here
        assert all(later - earlier >= LINE - 1 for earlier, later in itertools.pairwise(shifts))
    assert sum(t.fill == "toself" for t in figure.data) == bool(query)


@pytest.mark.slow
def test_drawings_have_three_starts_each_with_the_same_knobs_and_told_apart(service: Service) -> None:
    model, algorithms = "glyph-vit", ("maml", "protonet")
    switch = replace(Switch(), origin=THREE).fitted(model, algorithms, ())
    also = switch.also(model, algorithms, (), {"maml": {"inner_steps": 1}})
    scratch = Learner("maml", checkpoint.RANDOM)
    assert also[scratch] == {k: v for k, v in also[Learner("maml", PLAIN)].items() if k != "scope"}
    assert also[scratch]["inner_steps"] == 1 and "scope" in also[Learner("maml", PLAIN)]
    episode = dealt_sample("arrows", 1)
    trained = switch.checkpoints(model, algorithms, ())
    found = history(
        service, Request(episode, model, algorithms, knobs={"maml": {"inner_steps": 1}}, checkpoints=trained, also=also)
    )
    assert [(one.algorithm, other.start) for one, other in rivals(found)] == [
        ("maml", PLAIN), ("maml", checkpoint.RANDOM), ("protonet", PLAIN), ("protonet", checkpoint.RANDOM)
    ]  # fmt: skip
    assert len(twins(found)) == 2, "what is shaded lies between the meta-trained start and the plain one"
    assert [steps[0].checkpoint == AT_RANDOM for steps in found.values()] == [False, False, True] * 2
    shown = curves(found, "en")
    names = {called(who, found, "en"): who for who in found}
    assert len(names) == 6
    lines = {(t.line.dash, t.line.color) for t in shown.data if t.name in names}
    assert len(lines) == 6
    said = {who: str(blocks.run({who: steps}, "en")["cards"]) for who, steps in found.items()}
    assert {who for who, shown in said.items() if "random weights" in shown} == {w for w in found if w.random}
    assert not any("yours" in shown for shown in said.values())
    page = sentences(Run(Request(episode, model, algorithms), "digest", {}, found, episode), Gaps(), 0, "en")
    assert page.count("against random weights") == 2 and page.count("against the plain one") == 2


def test_random_weights_are_offered_where_they_say_something() -> None:
    assert THREE in origins_of(scratch=True) and THREE not in origins_of(scratch=False)
    assert replace(Switch(), origin=THREE).among(origins_of(scratch=False)).origin == BOTH
