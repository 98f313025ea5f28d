"""Drawing tasks from sources: N-way K-shot, or of varying size as in Meta-Dataset; of numbers, K examples of one group.

Task number i of a stream depends on the seed, the stream and i alone, so that a resumed run, or one of several processes,
draws exactly what one uninterrupted process would have drawn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from meta_demo.core.corpus import Corpus
from meta_demo.core.errors import UserError
from meta_demo.core.lazy import lazy
from meta_demo.core.strings import shorten
from meta_demo.data.episode import Episode, Example
from meta_demo.data.source import Source
from meta_demo.modalities.base import Content, length

MIXES = ("uniform", "size", "temperature")
TRAIN, VALID, TEST = 0, 1, 2  # streams: the same seed draws different tasks for each


class Shape(ABC):
    """How large a task is."""

    @property
    @abstractmethod
    def ways(self) -> int:
        """Classes that a task has at the least."""

    @property
    @abstractmethod
    def least(self) -> tuple[int, int]:
        """Support and query examples that each of its classes has at the least."""

    @abstractmethod
    def sizes(self, source: Source, labels: Sequence[str], rng: np.random.Generator) -> list[tuple[str, int, int]]:
        """Some of `labels`, the classes of one task, each with its numbers of support and query examples."""

    def whole(self, rng: np.random.Generator) -> tuple[int, int]:  # noqa: ARG002
        """Support and query examples of a task that has no classes."""
        return self.least

    def fits(self, labels: Sequence[str]) -> bool:
        """Whether so many classes are enough for a task."""
        return len(labels) >= self.ways

    @property
    @abstractmethod
    def alone(self) -> Shape:
        """The same for a task whose examples are all of one group."""

    def of(self, source: Source) -> Shape:
        """How large the tasks of a source are."""
        return self.alone if source.objective.pooled else self

    def check(self, source: Source) -> None:
        """Raises UserError when `source` has too few classes or texts, and says what would fit."""
        shape = self.of(source)
        if not source.tasks and not shape.fits(list(source.classes)):
            raise _few_classes(source, shape.ways)
        k_shot, n_query = shape.least
        if k_shot < source.objective.least:
            values = {"objective": source.objective.title, "least": source.objective.least}
            raise UserError("few_shots", source=source.name, k_shot=k_shot, **values)
        if source.tasks:
            return
        label, texts = min(source.classes.items(), key=lambda item: len(item[1]))
        if len(texts) < k_shot + n_query:
            raise _few_texts(source.name, label, len(texts), k_shot, n_query)


def _few_classes(source: Source, n_way: int) -> UserError:
    """That a task has more classes than `source`, and how many there would be room for."""
    count = len(source.classes)
    values = {"source": source.name, "count": count, "n_way": n_way}
    if source.held_out:
        return UserError("few_classes_left", held_out=source.held_out, whole=count + source.held_out, **values)
    return UserError("few_classes" if count > 1 else "few_classes_one", **values)


def _few_texts(source: str, label: str, count: int, k_shot: int, n_query: int) -> UserError:
    """That a class has too few examples for a task, with the numbers that there would be enough for."""
    values: dict[str, Any] = {"label": shorten(label), "source": source, "count": count}
    values |= {"k_shot": k_shot, "n_query": n_query, "need": k_shot + n_query}
    if count > k_shot:
        return UserError("few_texts", fits=count - k_shot, flags=f"--n-query {count - k_shot}", **values)
    if count > n_query:
        return UserError("few_texts", fits=count - n_query, flags=f"--k-shot {count - n_query}", **values)
    if count > 1:
        return UserError("few_texts", fits=1, flags=f"--k-shot 1 --n-query {count - 1}", **values)
    return UserError("few_texts_one", **values)


@dataclass(frozen=True)
class Fixed(Shape):
    """N classes with K support and Q query examples each."""

    n_way: int = 5
    k_shot: int = 1
    n_query: int = 5

    @property
    def ways(self) -> int:
        return self.n_way

    @property
    def least(self) -> tuple[int, int]:
        return self.k_shot, self.n_query

    @property
    def alone(self) -> Fixed:
        return replace(self, n_way=1)

    def sizes(self, source: Source, labels: Sequence[str], rng: np.random.Generator) -> list[tuple[str, int, int]]:  # noqa: ARG002
        return [(labels[i], self.k_shot, self.n_query) for i in rng.choice(len(labels), self.n_way, replace=False)]


@dataclass(frozen=True)
class Variable(Shape):
    """Any number of classes and unequal shots (Triantafillou et al. 2020, section 3.2), within bounds that fit a small machine."""

    max_way: int = 20
    max_support: int = 60
    n_query: int = 5
    min_shot: int = 1

    @property
    def ways(self) -> int:
        return min(2, self.max_way)

    @property
    def least(self) -> tuple[int, int]:
        return self.min_shot, 1

    @property
    def alone(self) -> Variable:
        return replace(self, max_way=1, min_shot=2)

    def whole(self, rng: np.random.Generator) -> tuple[int, int]:
        return int(rng.integers(2, self.max_support + 1)), self.n_query

    def sizes(self, source: Source, labels: Sequence[str], rng: np.random.Generator) -> list[tuple[str, int, int]]:
        top = min(self.max_way, len(labels))
        n_way = int(rng.integers(min(5, top), top + 1))
        chosen = [labels[i] for i in rng.choice(len(labels), n_way, replace=False)]
        counts = np.array([len(source.classes[label]) for label in chosen])
        n_query = int(min(self.n_query, counts.min() // 2))  # at most half of the smallest class is asked about
        left = counts - n_query
        beta = 1.0 - rng.random()  # (0, 1]: how large a part of what there is
        support = min(self.max_support, int(np.ceil(beta * np.minimum(100, left)).sum()))
        alpha = rng.uniform(np.log(0.5), np.log(2), n_way)
        share = np.exp(alpha) * left / (np.exp(alpha) * left).sum()
        shots = np.floor(share * max(0, support - n_way)).astype(int) + 1
        shots = np.minimum(np.maximum(shots, self.min_shot), left)
        return [(label, int(k), n_query) for label, k in zip(chosen, shots, strict=True)]


@dataclass(frozen=True)
class Sampler:
    """Task i of a mixture of sources. `mix`: a source's chance is uniform, its size, or its size to the power 1/temperature.

    `within` is the chance that all classes of a task come from one group, where a source has groups that are large enough.
    """

    sources: Sequence[Source]
    shape: Shape
    seed: int = 0
    stream: int = TRAIN
    mix: str = "uniform"
    temperature: float = 2.0
    within: float = 0.0

    def __post_init__(self) -> None:
        for source in self.sources:
            self.shape.check(source)
            if self.within == 1 and not self._groups(source):
                largest = max(map(len, source.groups.values()), default=0)
                raise UserError("few_in_group", source=source.name, count=largest)

    @lazy
    def corpus(self) -> Corpus[Content]:
        """Everything that tasks are drawn from, but for what is drawn by a program without end."""
        kept = [source for source in self.sources if not source.program]
        return Corpus(
            (content for source in kept for contents in source.classes.values() for content in contents), length
        )

    def weights(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The chance of each source."""
        power = {"uniform": 0.0, "size": 1.0, "temperature": 1 / self.temperature}[self.mix]
        raw = np.array([source.size for source in self.sources], dtype=float) ** power
        return np.asarray(raw / raw.sum())

    def draw(self, index: int) -> Episode:
        """Task number `index`: no text in it twice."""
        rng = np.random.default_rng([self.seed, self.stream, index])
        source = self.sources[rng.choice(len(self.sources), p=self.weights())]
        if source.tasks:
            shots, queries = self.shape.whole(rng)
            drawn = tuple(source.tasks(rng, shots + queries))
            return Episode(drawn[:shots], drawn[shots:], source=source.name)
        support, query = [], []
        for name, shots, queries in self.shape.of(source).sizes(source, self._labels(source, rng), rng):
            texts = source.classes[name]
            places = rng.choice(len(texts), shots + queries, replace=False)
            picked = [Example(texts[i], source.label(name, i)) for i in places]
            support += picked[:shots]
            query += picked[shots:]
        return Episode(tuple(support), tuple(query), source=source.name)

    def _labels(self, source: Source, rng: np.random.Generator) -> Sequence[str]:
        """The classes that a task is drawn from: all, or one group's."""
        groups = self._groups(source) if self.within and rng.random() < self.within else []
        return groups[rng.integers(len(groups))] if groups else list(source.classes)

    def _groups(self, source: Source) -> list[list[str]]:
        return [labels for labels in source.groups.values() if self.shape.of(source).fits(labels)]
