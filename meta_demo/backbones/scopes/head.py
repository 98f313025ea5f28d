"""Nothing of the Transformer: what a task changes lies on top of it."""

import torch
from torch import Tensor

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.scopes.base import Reach, Scope, register
from meta_demo.words import words


@register("head", words("only the classifier", "仅分类头"))
class Head(Scope):
    def boundary(self, n_layers: int, reach: Reach) -> int:  # noqa: ARG002
        return n_layers

    def weights(self, backbone: Backbone, reach: Reach, rng: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        return {}
