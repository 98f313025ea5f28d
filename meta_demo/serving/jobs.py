"""A job: one algorithm on one support set, which becomes snapshots; its states are kept, and computed again where they were dropped."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from meta_demo.algorithms.base import Algorithm, State
from meta_demo.core.belonging import Belonging, belonging
from meta_demo.core.cache import Shelf, size_of
from meta_demo.core.corpus import Corpus
from meta_demo.core.errors import UserError
from meta_demo.core.examples import Examples
from meta_demo.core.features import Features
from meta_demo.core.lazy import lazy
from meta_demo.core.objective import Objective
from meta_demo.data.episode import Episode
from meta_demo.modalities.base import Content, digest
from meta_demo.serving.decisive import Decisive, decisive
from meta_demo.serving.leaned import ATTENTION, INFLUENCE, SIMILARITY, Leaned, influence, leaves_out, without_each
from meta_demo.serving.requests import Array, Learner, Prediction, Snapshot


@dataclass(frozen=True)
class Trajectory:
    """The states of a whole adaptation with the seconds until each; `error` says why it ended early."""

    states: tuple[State, ...]
    seconds: tuple[float, ...]
    feature_seconds: float
    error: UserError | None

    def at(self, step: int | None) -> tuple[int, State]:
        """The state after `step` inner steps, at most the last."""
        reached = len(self.states) - 1
        found = reached if step is None else min(step, reached)
        return found, self.states[found]


class _Course:
    """The states of an adaptation as they come, `count` of them as large as the first; none where they take more bytes than there is
    room to keep."""

    def __init__(self, room: int, count: int) -> None:
        self._room, self._count = room, count
        self.whole = True
        self.states: list[State] = []
        self.seconds: list[float] = []

    def add(self, state: State, seconds: float) -> None:
        self.whole &= size_of(state.tensors) * self._count <= self._room
        if self.whole:
            self.states.append(state)
            self.seconds.append(seconds)
        else:
            self.states.clear()


@dataclass(frozen=True)
class _Query:
    """Inputs to predict, and the targets of those that have a label."""

    contents: Sequence[Content]
    labelled: list[int]
    y: Tensor  # [len(labelled), O]


@dataclass(frozen=True)
class Job:
    """One algorithm on one support set, ready to run; `key` names what it computes, `start` the learner and what else the algorithm is
    made from, and `shelf` keeps both.

    Made anew for each request, so that nothing is alive that is not counted.
    """

    shelf: Shelf
    start: tuple[Any, ...]
    key: tuple[Any, ...]
    algorithm: Algorithm
    checkpoint: str
    episode: Episode
    errand: Callable[[], Iterator[State]] | None = None  # who computes the states instead of this process
    intervals: bool = True
    keeps: bool = True  # whether what it computes is kept for others
    each_step: bool | None = None  # whether all queries are predicted after every step, or none before the last
    rest: Callable[[], object] = lambda: (
        None
    )  # called between two pieces of what is long: steps, states, examples left out

    @property
    def is_known(self) -> bool:
        """Whether the adaptation was computed before and is still kept."""
        return self.shelf.get((*self.key, "trajectory")) is not None

    @property
    def learner(self) -> Learner:
        """Whose answers these are."""
        learner: Learner = self.start[0]
        return learner

    @property
    def objective(self) -> Objective:
        return self.episode.objective

    @lazy
    def y(self) -> Tensor:
        """The targets of the support set [S, O]."""
        return self.objective.encode([row.label for row in self.episode.support], self.algorithm.like)

    def unlabelled(self) -> Features | None:
        """The inputs that nobody labelled, where there are any and the algorithm learns from them."""
        contents = self.episode.unlabelled if self.algorithm.reads_unlabelled else ()
        return self.algorithm.features(contents) if contents else None

    def support(self) -> Examples:
        """The support set as the algorithm takes it; what the algorithm has come to hold by then counts from now on."""
        x = self.algorithm.features([row.content for row in self.episode.support])
        if self.keeps:
            self.shelf.put(self.start, (self.algorithm, self.checkpoint))
        return Examples(x, self.y, self.objective)

    def spreads(self, start: State) -> list[Tensor | None]:
        """What makes the intervals of the answers in each state, given state 0; None where nobody asked for any."""
        return self._spreads(start, range(self.algorithm.steps + 1))

    def _spreads(self, start: State, steps: Sequence[int]) -> list[Tensor | None]:
        """The same after each of `steps`, which ascend."""
        if not (self.intervals and self.objective.has_intervals):
            return [None] * len(steps)
        known: dict[int, Tensor | None] = self.shelf.get((*self.key, "spreads")) or {}
        if not known.keys() >= {*steps}:
            (found,) = self.algorithm.spreads([self.support()], [start], steps)
            known = {**known, **dict(zip(steps, found, strict=True))}
            self.shelf.put((*self.key, "spreads"), known)
        return [known[step] for step in steps]

    def snapshots(self) -> Iterator[Snapshot]:
        """One snapshot per state: of a trajectory computed before, or of one that is computed on the way and then kept."""
        query = self._query()
        known: Trajectory | None = self.shelf.get((*self.key, "trajectory"))
        spreads: list[Tensor | None] = []
        if known:
            times, spreads = known.feature_seconds, self.spreads(known.states[0])
            for step, state in enumerate(known.states):
                yield self._snapshot(query, state, step, (times, known.seconds[step]), spreads[step])
            if known.error:
                last = len(known.states) - 1
                yield self._snapshot(
                    query, known.states[last], last, (times, known.seconds[last]), spreads[last], known.error
                )
            return
        course, step = _Course(self.shelf.limit if self.keeps else 0, self.algorithm.steps + 1), -1
        support, times = self._timed_support()
        error = None
        for state, elapsed, error in self._adapt(support):
            if error is None:
                step += 1
                spreads = spreads or self.spreads(state)
                course.add(state, elapsed)
            yield self._snapshot(query, state, step, (times, elapsed), spreads[step], error)
        self._keep(course, times, error)

    def reached(self, step: int | None) -> tuple[State, int, State]:
        """State 0, and the one after `step` inner steps, at most the last, with its number. An adaptation that was dropped is repeated,
        and one that there is no room to keep no farther than it has to be."""
        known: Trajectory | None = self.shelf.get((*self.key, "trajectory"))
        if known:
            return known.states[0], *known.at(step)
        course = _Course(self.shelf.limit if self.keeps else 0, self.algorithm.steps + 1)
        support, times = self._timed_support()
        first, last, at, error = None, None, -1, None
        for state, elapsed, error in self._adapt(support):
            self.rest()
            if error is None:
                course.add(state, elapsed)
                first = first or state
                if step is None or at < step:
                    last, at = state, at + 1
                if at == step and not course.whole:
                    break
        self._keep(course, times, error)
        assert first is not None and last is not None  # an adaptation without a good state has raised
        return first, at, last

    def states(self, most: int) -> dict[int, State]:
        """Up to `most` states, at least two, by their steps, evenly over the adaptation from first to last; those two alone where the
        adaptation is not kept, as each more would be computed anew."""
        first, at, last = self.reached(None)
        known: Trajectory | None = self.shelf.get((*self.key, "trajectory"))
        if known is None:
            return {0: first, at: last}
        return {step: known.states[step] for step in sorted({round(i * at / (most - 1)) for i in range(most)})}

    def predict(
        self,
        contents: Sequence[Content],
        step: int | None,
        *,
        similar: bool = True,
        among: Corpus[Content] | None = None,
    ) -> Prediction:
        """The answers to `contents`, in the batches of `among`, after `step` inner steps, and, where somebody wants to know how `similar`,
        what each example counts in them and how like the classes they are."""
        algorithm = self.algorithm
        first, at, state = self.reached(step)
        z = algorithm.embed(state.tensors, algorithm.features(contents, among))
        (spread,) = self._spreads(first, [at])
        shown = self.objective.shown(algorithm.answer(state, z), spread)
        if not similar:
            return Prediction(self.learner, at, array(shown))
        like = self._belonging(contents, first, state, z) if self.objective.labels else None
        return Prediction(self.learner, at, array(shown), self._leaned(at, state, z), like)

    def _leaned(self, at: int, state: State, z: Tensor) -> Leaned:
        """What each example counts in the answers for z [Q, D] after `at` inner steps."""
        shares = self.algorithm.leaned_on(state, z)
        if shares is not None:
            return Leaned(ATTENTION, array(shares))
        if not leaves_out(self.algorithm, self.objective, self.y):
            return Leaned(SIMILARITY, array(z @ self.support_embeddings(at, state).T))
        others: list[State] | None = self.shelf.get((*self.key, "without", at))
        if others is None:
            others = without_each(self.algorithm, self.support(), self.unlabelled(), at, self.rest)
            self.shelf.put((*self.key, "without", at), others)
        return Leaned(INFLUENCE, array(influence(self.algorithm, state, others, z)))

    def _belonging(self, contents: Sequence[Content], first: State, state: State, z: Tensor) -> Belonging:
        """How like the classes `contents` are, whose embeddings are z [Q, D] in a state: by those before the adaptation, whose state is
        `first`, as examples that it has learned from lie nearer to each other than anything new can."""
        if not self.algorithm.adapts_body:
            return belonging(array(self.support_embeddings(0, state)), array(self.y), array(z))
        body = self.algorithm.body
        begun = first if all(torch.equal(first.tensors.get(name, w), w) for name, w in body.items()) else State({})
        return belonging(array(self.support_embeddings(None, begun)), array(self.y), self.embedded(contents))

    def attention(self, content: Content, step: int | None) -> tuple[Array, Array]:
        """Attention maps [layers, heads, L, L] of `content` at the start and after `step` inner steps."""
        first, _, last = self.reached(step)
        start, end = (self.algorithm.weights(state.tensors) for state in (first, last))
        before = array(self.algorithm.backbone.attentions(content, start))
        same = start.keys() == end.keys() and all(torch.equal(end[name], w) for name, w in start.items())
        return before, before if same else array(self.algorithm.backbone.attentions(content, end))

    def embedded(self, contents: Sequence[Content]) -> Array:
        """Unit embeddings [B, D] before the adaptation."""
        return array(self.algorithm.embed({}, self.algorithm.features(contents)))

    def decisive(self, content: Content, step: int | None) -> Decisive:
        """Which words of `content` decided the answer after `step` inner steps."""
        return decisive(self.algorithm, self.reached(step)[2], content, self.objective)

    def _query(self) -> _Query:
        query = self.episode.query
        labelled = [i for i, example in enumerate(query) if example.label is not None]
        y = self.objective.encode([query[i].label for i in labelled], self.algorithm.like)
        return _Query([e.content for e in query], labelled, y)

    def _keep(self, course: _Course, times: float, error: UserError | None) -> None:
        """Keep an adaptation with the seconds that the support set's features took, where it is known from end to end."""
        if course.whole:
            known = Trajectory(tuple(course.states), tuple(course.seconds), times, error)
            self.shelf.put((*self.key, "trajectory"), known)

    def support_embeddings(self, at: int | None, state: State) -> Tensor:
        """The support set's embeddings [S, D] in the state after `at` inner steps; None: before anything was adapted."""
        if state.embeddings is not None:
            return state.embeddings
        key = (*self.key, "support", at)
        known: Tensor | None = self.shelf.get(key)
        if known is None:
            known = self.algorithm.embed(state.tensors, self.support().x)
            self.shelf.put(key, known)
        return known

    def _timed_support(self) -> tuple[Examples | None, float]:
        """The support set, where it is this process that learns from it, and the seconds that it took."""
        if self.errand:
            return None, 0.0
        started = time.perf_counter()
        support = self.support()
        return support, time.perf_counter() - started

    def _states(self, support: Examples | None) -> Iterator[State]:
        if self.errand:
            return self.errand()
        return self.algorithm.adapt(support or self.support(), unlabelled=self.unlabelled())

    def _adapt(self, support: Examples | None) -> Iterator[tuple[State, float, UserError | None]]:
        """States with the seconds computed so far; where numbers stop being finite, once more the last good state, with the error.

        Raises UserError when the start itself is not finite.
        """
        elapsed, good, step = 0.0, None, 0
        stream = self._states(support)
        while True:
            started = time.perf_counter()
            state = next(stream, None)
            if state is None:
                return
            elapsed += time.perf_counter() - started
            if not finite([_support_outputs(state), *state.tensors.values()]):
                error = UserError("diverged", algorithm=self.algorithm.name, step=step)
                if good is None:
                    raise error
                yield good, elapsed, error
                return
            yield state, elapsed, None
            good, step = state, step + 1

    def _answers(self, query: _Query, state: State, *, every: bool) -> tuple[Tensor, Tensor]:
        """The outputs for all queries [Q, O], or none [0, O] where not `every` one is predicted, and for those with a label, or none."""
        places = [*range(len(query.contents))] if every else query.labelled if self.each_step is None else []
        if not places:
            return self.y[:0], self.y[:0]
        x = self.algorithm.features(query.contents)
        if len(places) == len(query.contents):
            out = self.algorithm.predict(state, x)
            return out, out[query.labelled]
        return self.y[:0], self.algorithm.predict(state, x.taken(places))

    def _snapshot(
        self,
        query: _Query,
        state: State,
        step: int,
        times: tuple[float, float],
        spread: Tensor | None,
        error: UserError | None = None,
    ) -> Snapshot:
        """`times` are the seconds that the support set's features and the adaptation so far took; `spread` makes intervals."""
        algorithm, objective = self.algorithm, self.objective
        started = time.perf_counter()
        every = self.each_step or step == algorithm.steps or error is not None
        out, asked = self._answers(query, state, every=every)
        predict_seconds = time.perf_counter() - started
        support_out = _support_outputs(state)
        return Snapshot(
            learner=self.learner,
            checkpoint=self.checkpoint,
            objective=objective.name,
            step=step,
            steps=algorithm.steps,
            support_loss=float(objective.loss(support_out, self.y)),
            support_score=objective.score(support_out, self.y),
            query_loss=float(objective.loss(asked, query.y)) if len(asked) else None,
            query_score=objective.score(asked, query.y) if len(asked) else None,
            outputs=array(objective.shown(out, spread)),
            seconds={"features": times[0], "adapt": times[1], "predict": predict_seconds},
            error=error,
        )


def learned_from(episode: Episode) -> bytes:
    """A hash of what is learned from: examples with their labels in order, and those without."""
    said = hashlib.blake2b(digest_size=16)
    for row in episode.support:
        said.update(digest(row.content) + repr(row.label).encode())
    for content in episode.unlabelled:
        said.update(b"unlabelled" + digest(content))
    return said.digest()


def array(tensor: Tensor) -> Array:
    """The numbers of `tensor`, in float64 where it has them, else in float32."""
    found: Array = (tensor if tensor.dtype == torch.float64 else tensor.float()).cpu().numpy()
    return found


def finite(tensors: Sequence[Tensor]) -> bool:
    """Whether every number is. Where all sums are finite, so is what was added; only a sum of finite numbers that is too large looks on."""
    sums = torch.stack([t.sum() for t in tensors])
    return bool(torch.isfinite(sums).all()) or all(bool(torch.isfinite(t).all()) for t in tensors)


def _support_outputs(state: State) -> Tensor:
    """The outputs for the support set that the algorithm computed on its way: outside meta-training every state has them."""
    if state.outputs is None:
        raise ValueError("adapt() must set outputs when graph is false")
    return state.outputs
