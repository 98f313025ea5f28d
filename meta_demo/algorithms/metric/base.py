"""Metric-based learners: no gradient step, only where the examples lie in the embedding space."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import normalize

from meta_demo.algorithms.base import State
from meta_demo.algorithms.body import BodyAlgorithm, BodyConfig
from meta_demo.core import config as knobs
from meta_demo.core.config import knob
from meta_demo.core.corpus import Corpus
from meta_demo.core.examples import Examples
from meta_demo.core.features import Features
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
        yield replace(state, outputs=self.answer(state, z).detach())
