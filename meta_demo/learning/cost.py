"""What a request will take, in bytes and seconds, told before anything of it is computed; what is too dear is refused with what would fit.

An estimate follows from lengths, the sizes of the model and the knobs alone, so that equal requests are judged alike. Bytes are meant
to be no fewer than what is measured, and no more than three times as many. Seconds are those of a slow processor: they bound what
would never end, and promise nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.body import BodyConfig
from meta_demo.algorithms.gradient.together import MANY, ROOM, TOKENS
from meta_demo.backbones import pieces
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.scopes import SCOPES, Reach
from meta_demo.core.cache import MB
from meta_demo.core.errors import UserError
from meta_demo.core.settings import settings
from meta_demo.data.episode import Episode
from meta_demo.words import LANGUAGES, Words, text

BASE = 150 * MB  # what any computation takes beside its numbers: threads, kernels, what the allocator keeps
BACK = 1.8  # times what layers keep for a gradient, with what goes back through them
TWICE = 5  # times that, where the gradient is differentiated again
COPIES = 3  # of hidden states: as computed, as asked for, as packed
SPEED = {"cpu": 2e10}  # operations per second, by kind of device
FAST = 2e12  # on any other kind
# Where nothing is set: of one visitor among others, of a command.
SERVING_SECONDS, COMMAND_SECONDS = 3600, 7 * 24 * 3600


@dataclass(frozen=True)
class Budget:
    """Bytes and seconds that a computation may take. Whoever owns the machine, `own`, is told how to raise them."""

    memory: int
    seconds: float
    own: bool = True

    @classmethod
    def of_visitor(cls, device: torch.device) -> Budget:
        """For one of two visitors who compute at once: what is set, or a third of the memory each."""
        return cls._as_set(total_memory(device) // 3, SERVING_SECONDS, own=False)

    @classmethod
    def of_command(cls, device: torch.device) -> Budget:
        """For a command that has the machine to itself: what is set, or three quarters of the memory."""
        return cls._as_set(total_memory(device) * 3 // 4, COMMAND_SECONDS, own=True)

    @classmethod
    def _as_set(cls, memory: int, seconds: float, *, own: bool) -> Budget:
        said = settings()
        return cls(
            memory if said.max_memory_mb is None else said.max_memory_mb * MB,
            seconds if said.max_seconds is None else said.max_seconds,
            own,
        )


def total_memory(device: torch.device) -> int:
    """Bytes of memory that a process here may have: the machine's, or its container's, or the GPU's where that computes."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    found = 8 << 30  # where the system does not say
    with suppress(ValueError, OSError, AttributeError):
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(ValueError, OSError):
            found = min(found, int(Path(file).read_text()))
    return found


@dataclass(frozen=True)
class Work:
    """What one algorithm is given: the tokens of each input that it learns from, and of each that it is asked about; its outputs,
    steps and scope, and how often all of it is done. `learns`: the start itself, by a gradient through all of that."""

    support: tuple[int, ...]
    query: tuple[int, ...]
    outputs: int
    steps: int
    scope: str
    reach: Reach
    moves: bool  # whether a task changes the Transformer
    learns: bool = False
    twice: bool = False  # whether that gradient is differentiated again
    times: int = 1
    kept: int = 0  # bytes of states that are kept at the most
    pixels: int = 0  # numbers of one input that is no text
    copies: int = 1  # of the weights in scope
    beside: int = 0  # numbers that a step makes for each weight that moves


@dataclass(frozen=True)
class Cost:
    """Bytes above what the model takes, of which some are `passing`: taken only while one algorithm computes; and seconds."""

    memory: int
    seconds: float
    passing: int = 0

    def within(self, budget: Budget) -> bool:
        return self.memory <= budget.memory and self.seconds <= budget.seconds


def work_of(algorithm: Algorithm, support: Iterable[Any], query: Iterable[Any], outputs: int, **more: Any) -> Work:
    """The work that inputs are for an algorithm; none of them is read."""
    inputs, config = algorithm.backbone.inputs, algorithm.config
    said = config if isinstance(config, BodyConfig) else None
    looks, added = int(getattr(algorithm, "looks", 1)), algorithm.added
    return Work(
        tuple(inputs.foreseen(content) + added for content in support for _ in range(looks)),
        tuple(inputs.foreseen(content) + added for content in query for _ in range(looks)),
        outputs,
        algorithm.steps,
        said.scope if said else "head",
        Reach(said.last_n, said.lora_rank, said.tokens) if said else Reach(1, 1),
        algorithm.adapts_body,
        pixels=inputs.numbers,
        copies=algorithm.copies,
        beside=algorithm.beside,
        **more,
    )


def cost(work: Work, backbone: Backbone) -> Cost:
    """What `work` takes on `backbone`."""
    size, layers = backbone.appetite, backbone.n_layers
    above = layers - min(SCOPES[work.scope].boundary(layers, work.reach), layers)
    if not (work.moves or work.learns):
        above = 0
    learned, asked = sum(work.support), sum(work.query)
    kept = sum(size.kept(length, above) for length in work.support)
    longest = max((*work.support, *work.query), default=1)
    own = SCOPES[work.scope].size(backbone, work.reach) * size.itemsize * work.copies
    fast = own if work.moves else 0

    hidden = COPIES * (learned + asked) * size.width * size.itemsize
    first = COPIES * (len(work.support) + len(work.query)) * work.pixels * size.itemsize + 48 * (learned + asked)
    states = (work.steps + 1) * fast  # all are kept, or none
    states = (states if states <= work.kept else 0) + own + 5 * fast
    states += fast * work.beside * (max(1, work.steps) if work.learns else 1)
    answers = 2 * max(len(work.support), len(work.query)) * work.outputs * backbone.dim * size.itemsize
    batch = min(size.most(longest) * longest, learned + asked)
    batch_bytes = 3 * batch * (size.weights // size.width + size.heads * longest) * size.itemsize
    many = _together(work, backbone, own) if work.times > 1 else 1
    if many > 1:
        through = (TWICE if work.twice else BACK) * many * kept * (max(1, work.steps) if work.learns else 1)
    else:
        one = max(pieces.KEPT, size.kept(longest, above))
        whole = kept + (sum(size.kept(length, above) for length in work.query) if work.learns else 0)
        through = BACK * min(whole, one * (2 if work.learns else 1))
        if work.learns and work.twice:
            through = max(through, TWICE * min(kept, one))
    passing = BASE + int(answers + max(batch_bytes, through))
    memory = hidden + first + states + passing

    per_token = 2 * size.weights + 4 * longest * size.width
    rounds = work.steps if work.moves else 0
    back = 4 * (3 if work.learns and work.twice else 1)
    inner = learned * above * (1 + rounds * back) + asked * above * (1 if work.learns else rounds + 1)
    operations = work.times * size.passes * per_token * inner
    operations += size.passes * per_token * (learned + asked) * (layers - above) * (1 if work.times == 1 else 2)
    return Cost(int(memory), operations / SPEED.get(backbone.device.type, FAST), passing)


def _together(work: Work, backbone: Backbone, own: int) -> int:
    """How many of such tasks a small model is given at once (`algorithms/gradient/together.py`)."""
    if backbone.inputs.pads or not work.moves:
        return 1
    tokens = (sum(work.support) + sum(work.query)) * max(1, work.steps)
    return max(1, min(MANY, work.times, ROOM // max(1, own * (1 + work.beside)), TOKENS // max(1, tokens)))


def together(costs: Sequence[Cost]) -> Cost:
    """Several algorithms side by side: one computes at a time, and all hold what they have."""
    passing = max(c.passing for c in costs)
    return Cost(sum(c.memory - c.passing for c in costs) + passing, sum(c.seconds for c in costs), passing)


def afford(works: Sequence[Work], backbone: Backbone, budget: Budget) -> None:
    """Raises UserError, which says what would fit, where `works` take more than `budget`."""

    def taken(change: Callable[[Work], Work]) -> Cost:
        return together([cost(change(work), backbone) for work in works])

    found = taken(lambda work: work)
    if found.within(budget):
        return
    said = {lang: "; ".join(way[lang] for way in _ways(works, taken, budget, backbone)) for lang in LANGUAGES}
    if found.memory > budget.memory:
        raise UserError("cost_memory", needs=found.memory / 2**30, limit=budget.memory / 2**30, ways=said)
    raise UserError("cost_seconds", needs=_minutes(found.seconds), limit=_minutes(budget.seconds), ways=said)


def _ways(
    works: Sequence[Work], taken: Callable[[Callable[[Work], Work]], Cost], budget: Budget, backbone: Backbone
) -> list[Words]:
    """What would fit, each by itself; at the least, that less would."""

    def most(high: int, change: Callable[[int], Callable[[Work], Work]]) -> int:
        """The greatest number below `high` with which it fits; 0 where none does."""
        low = 0
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if taken(change(middle)).within(budget) else (low, middle)
        return low

    count = max(len(work.support) for work in works)
    longest = max(length for work in works for length in (*work.support, *work.query))
    steps = max(work.steps for work in works)
    ways = []
    if few := most(count, lambda n: lambda work: _fewer(work, n / count)):
        ways.append(_way("examples", count=few, whole=count))
    if not works[0].pixels and (short := most(longest, lambda n: lambda work: _shorter(work, n))):
        ways.append(_way("length", tokens=short, words=max(1, short * 3 // 4)))
    if fewer := most(steps, lambda n: lambda work: replace(work, steps=min(work.steps, n))):
        ways.append(_way("steps", steps=fewer))
    moving = [work for work in works if work.moves or work.learns]
    sizes = {name: scope.size(backbone, moving[0].reach) for name, scope in SCOPES.items()} if moving else {}
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        if name not in {w.scope for w in moving} and taken(partial(_within, name)).within(budget):
            ways.append(_way("scope", scope=name))
            break
    if len(works) > 1 and all(together([cost(work, backbone)]).within(budget) for work in works):
        ways.append(_way("alone"))
    if budget.own:
        ways.append(_way("raise"))
    return ways or [_way("less")]


def _way(name: str, **values: Any) -> Words:
    return {lang: text(f"cost.way.{name}", lang, **values) for lang in LANGUAGES}


def _fewer(work: Work, share: float) -> Work:
    """The first of the inputs, as many in a hundred of either kind."""

    def some(lengths: tuple[int, ...]) -> tuple[int, ...]:
        return lengths[: max(1, int(len(lengths) * share))]

    return replace(work, support=some(work.support), query=some(work.query) if work.query else ())


def _shorter(work: Work, most: int) -> Work:
    return replace(
        work,
        support=tuple(min(most, length) for length in work.support),
        query=tuple(min(most, length) for length in work.query),
    )


def _within(scope: str, work: Work) -> Work:
    return replace(work, scope=scope)


def _minutes(seconds: float) -> int:
    return max(1, round(seconds / 60))


def afford_episodes(algorithm: Algorithm, episodes: Sequence[Episode], budget: Budget, **more: Any) -> None:
    """Raises UserError where the largest of `episodes` takes more memory than `budget`, or all of them more seconds."""
    works = [work_of_episode(algorithm, episode, **more) for episode in episodes]
    if not works:
        return
    largest = max(works, key=lambda work: cost(work, algorithm.backbone).memory)
    total = sum(sum(work.support) + sum(work.query) for work in works)
    one = max(1, sum(largest.support) + sum(largest.query))
    afford([replace(largest, times=max(1, largest.times * round(total / one)))], algorithm.backbone, budget)


def work_of_episode(algorithm: Algorithm, episode: Episode, **more: Any) -> Work:
    """The work of one task; raises UserError where the algorithm cannot hold it at all."""
    algorithm.check_fits(len(episode.support), episode.objective.width)
    others = episode.unlabelled if algorithm.reads_unlabelled else ()
    support = [*(row.content for row in episode.support), *others]
    query = [row.content for row in episode.query]
    return work_of(algorithm, support, query, episode.objective.width, **more)
