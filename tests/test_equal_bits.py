"""Equal requests get equal bits, whatever was asked before, whatever is cached, and whatever the bound of the cache.

Tested with a model in which every input's bits depend on what shares its batch, padding included: luck cannot pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from tiny_models import ARCHITECTURES, QUERY, SUPPORT, tiny_backbone
from torch import Tensor, nn

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.cache import Cache
from meta_demo.core.corpus import LENGTH, MOST, Corpus
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode, Example, make_episode
from meta_demo.data.sampler import TEST, VALID, Fixed, Sampler
from meta_demo.data.sources import hold_out, load_source
from meta_demo.learning.evaluate import follow
from meta_demo.learning.outer import Run
from meta_demo.learning.plan import Plan
from meta_demo.learning.processes import Processes
from meta_demo.learning.saved_run import STATE
from meta_demo.serving import models
from meta_demo.serving.requests import Request
from meta_demo.serving.service import Service

NAMES = ("charged", "delivery", "login")
EPISODE = make_episode([Example(t, NAMES[c]) for t, c in SUPPORT], [Example(t, NAMES[c]) for t, c in QUERY])
KNOBS = {"scope": "lora", "last_n": 2, "lora_rank": 2, "inner_steps": 2}
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
TASKS = [Sampler([load_source("builtin:sport")], Fixed(3, 1, 2), 0, TEST).draw(i) for i in range(4)]


def sociable(cache: Cache | None = None, dtype: torch.dtype = torch.float64, architecture: str = "bert") -> Backbone:
    """A tiny model whose layers add to each token a little of the mean of the whole batch, padding and all."""
    backbone = tiny_backbone(architecture, dtype, cache=cache)
    for _, layer in backbone.named_layers():
        layer.__class__ = _sociable(type(layer))
    backbone._replay._idle.clear()  # copies of the layers as they were
    return backbone


def _sociable(kind: type[nn.Module]) -> type[nn.Module]:
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        made = kind.forward(self, *args, **kwargs)
        hidden, *rest = made if isinstance(made, tuple) else (made,)
        hidden = hidden + 0.1 * hidden.mean((0, 1))
        return (hidden, *rest) if isinstance(made, tuple) else hidden

    return type(f"Sociable{kind.__name__}", (kind,), {"forward": forward})


def build(name: str, backbone: Backbone) -> Algorithm:
    cls = REGISTRY[name]
    known = {k.name for k in cls.Config.knobs()}
    return cls(backbone, cls.Config(**{k: v for k, v in KNOBS.items() if k in known}))


def is_able(name: str) -> bool:
    """Whether the method can do with such a model: it may be given no tokens of ours, as these would change every other input."""
    try:
        build(name, SOCIABLE)
    except UserError as error:
        assert error.name == "scope_tokens"
        return False
    return True


SOCIABLE = sociable()
ALL = tuple(filter(is_able, sorted(REGISTRY)))


def bits(tensors: Sequence[Tensor]) -> list[bytes]:
    return [t.detach().numpy().tobytes() for t in tensors]


def test_the_model_of_these_tests_is_sociable() -> None:
    backbone = sociable()
    alone, beside = (backbone.forward(backbone.features(texts, 1), {})[0] for texts in (["hello"], ["hello", "parcel"]))
    assert (alone - beside).abs().max() > 1e-4


# --- features


def test_batches_follow_from_what_is_asked_for() -> None:
    """Whatever lists were asked for before, at whatever layers, and with room in the cache or without."""
    lists = [[t for t, _ in SUPPORT], [t for t, _ in QUERY], [t for t, _ in SUPPORT[::2] + QUERY], [SUPPORT[0][0]] * 3]
    weights = {n: w * 1.1 for n, w in sociable().model.named_parameters() if "layer.2" in n}

    def asked(backbone: Backbone, texts: list[str]) -> list[bytes]:
        found = (backbone.features(texts, 2), backbone.outputs(texts, 1, weights, "run"))
        return bits([g.hidden for x in found for g in x.groups if g.hidden is not None])

    fresh = [asked(sociable(), texts) for texts in lists]
    for backbone in (sociable(), sociable(Cache(0)), sociable(Cache(20_000))):
        for order in ((0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)):
            for place in order:
                backbone.features(lists[place][1:], 1)
                assert asked(backbone, lists[place]) == fresh[place]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@DTYPES
def test_going_on_from_a_lower_layer_is_one_run(architecture: str, dtype: torch.dtype) -> None:
    texts = [t for t, _ in SUPPORT + QUERY]
    once, stepwise = (sociable(None, dtype, architecture) for _ in range(2))
    for boundary in range(1, once.n_layers + 1):
        found = stepwise.features(texts, boundary)
    expected = once.features(texts, once.n_layers)
    hidden = [bits([g.hidden for g in x.groups if g.hidden is not None]) for x in (found, expected)]
    assert hidden[0] == hidden[1]


def test_a_corpus_is_computed_once_and_alike_from_wherever_one_begins() -> None:
    texts = sorted({row.content for task in TASKS for row in task.support if isinstance(row.content, str)})
    backbone, corpus = sociable(), Corpus(texts, len)
    ran: list[int] = []
    original = backbone._replay.run

    def counting(inputs: dict[str, Tensor], *rest: Any) -> Tensor:
        ran.append(len(inputs["input_ids"]))
        return original(inputs, *rest)

    backbone._replay.run = counting  # type: ignore[method-assign]
    forwards = {t: bits([backbone.features([t], 2, corpus).groups[0].hidden]) for t in texts}
    assert sum(ran) == len(texts)
    other = sociable()
    for text in reversed(texts):
        assert bits([other.features([text], 2, Corpus(texts, len)).groups[0].hidden]) == forwards[text]
    whole = backbone.features([*texts, "a stranger"], 2, corpus)
    assert sum(ran) == len(texts) + 1 and whole.count == len(texts) + 1


@given(st.lists(st.text(max_size=2 * LENGTH)), st.sampled_from([1, 3, MOST]))
def test_chunks_hold_every_input_once(texts: list[str], most: int) -> None:
    corpus = Corpus(texts, len, most)
    assert sorted(c for chunk in corpus.chunks for c in chunk) == sorted(set(texts))
    lengths = [len(c) for chunk in corpus.chunks for c in chunk]
    assert lengths == sorted(lengths)
    for place, chunk in enumerate(corpus.chunks):
        assert 0 < len(chunk) <= most and (len(chunk) == 1 or len(chunk) * len(chunk[-1]) <= most * LENGTH)
        assert all(c in corpus and corpus.place(c) == place for c in chunk)
    assert corpus.place("\0 nowhere") is None


# --- the service


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Service]:
    """Services over the sociable model, each with a cache of so many bytes."""

    def load(name: str, device: torch.device, cache: Cache, **how: Any) -> Backbone:  # noqa: ARG001
        return sociable(cache)

    monkeypatch.setattr(models, "load_backbone", load)
    return lambda room=1 << 26: Service(torch.device("cpu"), cache_bytes=room)


def request_of(episode: Episode = EPISODE, **changes: Any) -> Request:
    knobs = {n: {k: v for k, v in KNOBS.items() if k in {f.name for f in REGISTRY[n].Config.knobs()}} for n in ALL}
    return replace(Request(episode, "sociable", ALL, knobs=knobs, checkpoint="none"), **changes)


def answers(service: Service, request: Request) -> list[object]:
    """Every figure that a request can be asked for: snapshots, predictions, similarities and attention."""
    tried = "my parcel was charged twice"
    told: list[object] = [
        (s.algorithm, s.step, s.support_loss, s.query_loss, s.outputs.tobytes()) for s in service.adapt_stream(request)
    ]
    for step in (None, 1):
        told += [(p.outputs.tobytes(), p.leaned.counts.tobytes()) for p in service.predict(request, [tried], step)]
    told += [m.tobytes() for name in request.algorithms for m in service.attention(request, name, tried)]
    return told


@pytest.mark.many
@pytest.mark.parametrize("turn", range(3))
def test_a_service_answers_alike_whatever_it_was_asked_before(serve: Callable[..., Service], turn: int) -> None:
    """Each method beside others, with one of the bounds: what a cache keeps knows nothing of methods."""
    room, some = (1 << 26, 300_000, 0)[turn], ALL[turn::3]
    fresh, used = serve(), serve(room)
    support, query = EPISODE.support, EPISODE.query
    others = [
        make_episode(support[1:], query),
        make_episode([*support, Example("one more about a parcel", NAMES[1])], query[:1]),
        make_episode(support[::-1], [Example(row.content) for row in support]),
    ]
    asked = request_of(algorithms=some)
    expected = answers(fresh, asked)
    assert answers(used, asked) == expected
    for other in others:
        list(used.adapt_stream(request_of(other, algorithms=some[::-1])))
        used.predict(request_of(other, algorithms=some), [row.content for row in support[:3]])
        assert answers(used, asked) == expected
    assert answers(serve(room), asked) == expected


# --- learning


PLAN = Plan(steps=4, meta_batch=2, lr=1e-2, save_every=2, valid_every=2, valid_episodes=2)
TRAIN_ON, VALID_ON = hold_out([load_source("builtin:school")], seed=0)
EPISODES = [Sampler(VALID_ON, Fixed(2, 1, 2), 0, VALID).draw(i) for i in range(2)]


@pytest.mark.many
@pytest.mark.parametrize("name", [name for name in ALL if REGISTRY[name].learns])
def test_a_resumed_training_is_the_uninterrupted_one(name: str, tmp_path: Path) -> None:
    def run(folder: str, room: int, until: int | None = None, **options: Any) -> None:
        algorithm = build(name, sociable(Cache(room)))
        tasks = Sampler(TRAIN_ON, Fixed(3, 1, 2), seed=0)
        training = Run(algorithm, tasks, EPISODES, PLAN, tmp_path / folder)
        for progress in training.train(**options):
            if progress.step == until:
                break

    run("whole", 1 << 26)
    run("cut", 1 << 26, until=3)
    run("cut", 1 << 26, resume=True)
    if forgetful := ["forgetful"] * (ALL.index(name) % 3 == 0):  # what a cache keeps knows nothing of methods
        run("forgetful", 50_000)
    whole, *others = (load_file(tmp_path / folder / STATE) for folder in ("whole", "cut", *forgetful))
    for other in others:
        assert whole.keys() == other.keys() and all(torch.equal(whole[k], other[k]) for k in whole)


def scores(algorithm: Algorithm, processes: Processes | None = None) -> list[Any]:
    with torch.no_grad():
        run = follow(algorithm.requires_grad_(False), TASKS, range(3), processes=processes)
        return [[(s.step, s.grades) for s in steps] for steps in run]


@pytest.mark.many
@DTYPES
def test_scores_do_not_depend_on_the_cache_or_who_was_measured_before(dtype: torch.dtype) -> None:
    some = ALL[DTYPES.args[1].index(dtype) :: 2]  # each method in one of them
    expected = {name: scores(build(name, sociable(None, dtype))) for name in some}
    for room, order in ((1 << 26, (*some, *some)), (100_000, some[::-1])):
        backbone = sociable(Cache(room), dtype)
        for name in order:
            assert scores(build(name, backbone)) == expected[name]


def test_scores_do_not_depend_on_the_number_of_processes() -> None:
    parts = []
    for index in range(2):
        half = Processes()
        half.index, half.count = index, 2
        parts.append(scores(build("maml", sociable()), half))
    assert [parts[i % 2][i // 2] for i in range(len(TASKS))] == scores(build("maml", sociable()))
