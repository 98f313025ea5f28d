"""Every weight of the last layers."""

import torch
from torch import Tensor

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.scopes.base import Reach, Scope, pretrained, register
from meta_demo.words import words


@register("last_n", words("the last layers", "最后几层"))
class LastLayers(Scope):
    def weights(self, backbone: Backbone, reach: Reach, rng: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        return {name: w for path, layer in self.layers(backbone, reach) for name, w in pretrained(path, layer).items()}
