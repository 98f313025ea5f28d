"""The bias terms of the last layers alone: a thousandth of the weights, and often enough."""

import torch
from torch import Tensor

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.scopes.base import Reach, Scope, pretrained, register
from meta_demo.words import words


@register("bias", words("bias terms of the last layers", "最后几层的偏置"))
class Bias(Scope):
    """BitFit (Ben Zaken, Goldberg & Ravfogel 2022): every bias, of linear maps and norms alike."""

    def size(self, backbone: Backbone, reach: Reach) -> int:
        named = (pair for _, layer in self.layers(backbone, reach) for pair in layer.named_parameters())
        return sum(p.numel() for name, p in named if name.endswith("bias"))

    def weights(self, backbone: Backbone, reach: Reach, rng: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        layers = self.layers(backbone, reach)
        own = {name: w for path, layer in layers for name, w in pretrained(path, layer).items()}
        return {name: w for name, w in own.items() if name.endswith("bias")}
