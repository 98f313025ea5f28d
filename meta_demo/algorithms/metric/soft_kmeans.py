"""Prototypes that examples nobody labelled have moved: each counts for the classes it lies near."""

from dataclasses import dataclass

import torch
from torch import Tensor

from meta_demo.algorithms.metric.base import DistanceAlgorithm, DistanceConfig
from meta_demo.algorithms.registry import register
from meta_demo.core.config import knob
from meta_demo.core.examples import Examples
from meta_demo.core.heads import distance_logits, prototypes
from meta_demo.words import words


@dataclass(frozen=True)
class SoftKMeansConfig(DistanceConfig):
    """How often, and how sharply, unlabelled examples are shared out among the classes."""

    rounds: int = knob(
        1,
        words("Rounds", "轮数"),
        words(
            "how often unlabelled examples are shared out and the prototypes moved", "分配未标注示例并移动原型的次数"
        ),
        lo=0,
        hi=20,
    )
    softness: float = knob(
        10.0,
        words("Sharpness of the shares", "分配的锐度"),
        words(
            "how much more of an unlabelled example the nearest class gets than the others",
            "未标注示例分给最近类别的份额比其他类别多多少",
        ),
        lo=0.1,
        hi=1000.0,
    )


@register(
    "soft_kmeans",
    title=words("Soft k-means", "软 k 均值"),
    paper="Ren et al. 2018",
    about=words(
        "Prototypes that unlabelled examples pull towards where they lie; look for what twenty lines without a label are worth.",
        "未标注示例把原型拉向自己所在之处；留意二十行没有标签的文本值多少。",
    ),
)
class SoftKMeans(DistanceAlgorithm):
    """Prototypes refined by soft k-means on unlabelled inputs (Ren et al. 2018, section 3.1.1); without any, prototypical networks."""

    Config = SoftKMeansConfig
    config: SoftKMeansConfig
    reads_unlabelled = True

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:
        """Each round: shares [U, N] of the unlabelled by their distances, then means in which labelled examples count once."""
        c = prototypes(z, support.y)
        for _ in range(self.config.rounds if unlabelled is not None else 0):
            assert unlabelled is not None
            shares = distance_logits(unlabelled, c, self.like.new_tensor(self.config.softness)).softmax(-1)
            c = prototypes(torch.cat([z, unlabelled]), torch.cat([support.y, shares]))
        return {"prototypes": c}
