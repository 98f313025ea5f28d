"""Metric-based learners: no gradient step, only where the examples lie in the embedding space."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import normalize

from meta_demo.algorithms.base import State
from meta_demo.algorithms.body import BodyAlgorithm, BodyConfig, ScaleConfig, log_scale
from meta_demo.backbones.backbone import Backbone
from meta_demo.core import config as knobs
from meta_demo.core.config import knob
from meta_demo.core.corpus import Corpus
from meta_demo.core.examples import Examples
from meta_demo.core.features import Features
from meta_demo.core.heads import distance_logits
from meta_demo.modalities.base import Content
from meta_demo.words import words


@dataclass(frozen=True)
class MetricConfig(BodyConfig):
    """`views`: how many times more each picture is looked at, a little distorted; its embedding is the mean."""

    views: int = knob(
        0,
        words("Further looks", "额外视角"),
        words(
            "how many times more each picture is looked at, a little distorted, and averaged; texts are read once",
            "每张图片再看几次（略作变形）并取平均；文本只读一次",
        ),
        lo=0,
        hi=16,
    )


class MetricAlgorithm(BodyAlgorithm):
    """A learner that remembers something of the support set's embeddings, and compares."""

    Config: ClassVar[type[knobs.Config]] = MetricConfig
    config: MetricConfig
    family = "metric"

    @property
    def looks(self) -> int:
        """How many times an input is looked at."""
        return len(self._looks(self.backbone.inputs.example))

    def features(self, contents: Sequence[Content], among: Corpus[Content] | None = None) -> Features:
        """The looks at each of `contents`, one after the other."""
        if self.looks > 1 and among:
            among = among.each(("looks", self.looks), self._looks)
        return super().features([look for content in contents for look in self._looks(content)], among)

    def _looks(self, content: Content) -> list[Content]:
        return self.backbone.inputs.looks(content, 1 + self.config.views)

    def embed(self, tensors: dict[str, Tensor], x: Features) -> Tensor:
        """The mean embedding of each input's looks [B, D]."""
        z = super().embed(tensors, x)
        return normalize(z.view(-1, self.looks, z.shape[1]).mean(1), dim=-1) if self.looks > 1 else z

    @abstractmethod
    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:
        """What is kept of the embeddings z [S, D] of the support set, and of those [U, D] of the inputs that nobody labelled."""

    def adapt(self, support: Examples, *, unlabelled: Features | None = None, graph: bool = False) -> Iterator[State]:  # noqa: ARG002 (always differentiable)
        z = self.embed({}, self.backbone.pack(support.x))
        others = self.embed({}, unlabelled) if self.reads_unlabelled and unlabelled is not None else None
        tensors = self.remember(z, support, others)
        state = State(tensors, objective=support.objective)
        yield replace(state, outputs=self.answer(state, z).detach(), embeddings=z.detach())


@dataclass(frozen=True)
class DistanceConfig(MetricConfig, ScaleConfig):
    """Knobs of whoever looks how far an input is."""


class DistanceAlgorithm(MetricAlgorithm):
    """A learner with a learned sharpness of distances, and a prototype for each class where it does not answer otherwise."""

    Config: ClassVar[type[knobs.Config]] = DistanceConfig
    config: DistanceConfig

    def __init__(self, backbone: Backbone, config: DistanceConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        self.log_scale = log_scale(backbone, config.scale)

    def answer(self, state: State, z: Tensor) -> Tensor:
        """How near the prototypes are that `remember` kept (Snell et al. 2017, eq. 2)."""
        return distance_logits(z, state.tensors["prototypes"], self.log_scale.exp())


class AveragingAlgorithm(DistanceAlgorithm):
    """A learner that answers with the mean of the examples' labels, each by how much it counts; so it does numbers too."""

    objectives = frozenset({"classes", "numbers"})

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        return {"examples": z, "targets": support.y}

    @abstractmethod
    def closeness(self, state: State, z: Tensor) -> Tensor:
        """The logarithm of what every example counts [B, S], up to a constant per row."""

    def answer(self, state: State, z: Tensor) -> Tensor:
        return self._average(state, self.closeness(state, z))

    def leaned_on(self, state: State, z: Tensor) -> Tensor:
        return self.closeness(state, z).softmax(-1)

    def left_out(self, supports: Sequence[Examples], steps: Sequence[int]) -> list[list[Tensor]] | None:
        """Each example by all others: nothing is closer to it than itself, so its own weight is taken away."""
        states = [next(self.adapt(support)) for support in supports]
        others = [self.closeness(s, s.tensors["examples"]).fill_diagonal_(float("-inf")) for s in states]
        return [[self._average(s, closeness)] * len(steps) for s, closeness in zip(states, others, strict=True)]

    def _average(self, state: State, closeness: Tensor) -> Tensor:
        assert state.objective, "adapt() says what its labels are"
        return state.objective.from_average(closeness.softmax(-1) @ state.tensors["targets"])
