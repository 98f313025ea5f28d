"""The attention weights of the last layers: what each token looks at, and what it takes from there."""

import torch
from torch import Tensor

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.linear import linear_shape
from meta_demo.backbones.scopes.base import Reach, Scope, register
from meta_demo.words import words


@register("attention", words("the attention weights of the last layers", "最后几层的注意力权重"))
class Attention(Scope):
    """Queries, keys, values and what they are mixed to: linear maps with their biases, and other matrices, inside what the model itself
    calls attention. A model that has none, such as FNet, has no such scope."""

    def weights(self, backbone: Backbone, reach: Reach, rng: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        return {name: p.detach().clone() for name, p in self._own(backbone, reach).items()}

    def size(self, backbone: Backbone, reach: Reach) -> int:
        return sum(p.numel() for p in self._own(backbone, reach).values())

    def _own(self, backbone: Backbone, reach: Reach) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for path, layer in self.layers(backbone, reach):
            for name, module in layer.named_modules():
                if "attention" in name.lower() or "attn" in name.lower():
                    own = {f"{path}.{name}.{n}": p for n, p in module.named_parameters(recurse=False)}
                    inside = linear_shape(module) is not None
                    found |= {n: p for n, p in own.items() if inside or p.dim() > 1}
        return found
