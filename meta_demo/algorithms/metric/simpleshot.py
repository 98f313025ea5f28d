"""SimpleShot: nearest class mean, once embeddings are centred on what is usual and brought to one length."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from meta_demo.algorithms.metric.base import DistanceAlgorithm, DistanceConfig
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.examples import Examples
from meta_demo.core.features import Features
from meta_demo.core.heads import prototypes
from meta_demo.words import words

MOST = 2000  # inputs whose mean is the centre


@register(
    "simpleshot",
    title=words("SimpleShot"),
    paper="Wang et al. 2019",
    about=words(
        "Subtracts from every embedding the mean of all training data, then takes the nearest class mean; look for how far so little goes.",
        "从每个嵌入中减去全部训练数据的均值，再取最近的类别均值；留意这么简单能走多远。",
    ),
)
class SimpleShot(DistanceAlgorithm):
    """Nearest class mean of centred embeddings of unit length (Wang et al. 2019, section 3, CL2N). Without training the centre is zero."""

    def __init__(self, backbone: Backbone, config: DistanceConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        self.centre = nn.Parameter(torch.zeros_like(backbone.head))

    @torch.no_grad()
    def prepare(self, sources: Sequence[Any]) -> None:
        """Take the mean embedding of the training data for the centre, from which the outer loop goes on."""
        classes = [texts for source in sources for texts in source.classes.values()]
        contents = [content for texts in classes for content in texts[: max(1, MOST // len(classes))]]
        if contents:
            self.centre.copy_(super().embed({}, self.features(contents)).mean(0))

    def embed(self, tensors: dict[str, Tensor], x: Features) -> Tensor:
        """Unit embeddings [B, D] around the centre."""
        return normalize(super().embed(tensors, x) - self.centre, dim=-1)

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        return {"prototypes": normalize(prototypes(z, support.y), dim=-1)}
