"""The attention weights of the last layers: what each token looks at, and what it takes from there."""

import torch
from torch import Tensor

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.linear import linear_shape
from meta_demo.backbones.scopes.base import Reach, Scope, pretrained, register
from meta_demo.words import words


@register("attention", words("the attention weights of the last layers", "最后几层的注意力权重"))
class Attention(Scope):
    """Linear maps, with their biases, inside what the model itself calls attention: queries, keys, values and what they are mixed to."""

    def weights(self, backbone: Backbone, reach: Reach, rng: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        found: dict[str, Tensor] = {}
        for path, layer in self.layers(backbone, reach):
            for name, module in layer.named_modules():
                if ("attention" in name.lower() or "attn" in name.lower()) and linear_shape(module):
                    found |= pretrained(f"{path}.{name}", module)
        return found
