"""The weights of the last layers' own norms: two numbers a feature."""

import torch
from torch import Tensor

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.scopes.base import Reach, Scope, register
from meta_demo.words import words


@register("norm", words("the norms of the last layers", "最后几层的归一化权重"))
class Norm(Scope):
    """Scales and shifts of whatever norms a layer has (Zhao et al. 2024, "Tuning LayerNorm in Attention")."""

    def weights(self, backbone: Backbone, reach: Reach, rng: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        return {name: p.detach().clone() for name, p in self._own(backbone, reach).items()}

    def size(self, backbone: Backbone, reach: Reach) -> int:
        return sum(p.numel() for p in self._own(backbone, reach).values())

    def _own(self, backbone: Backbone, reach: Reach) -> dict[str, Tensor]:
        return {
            f"{path}.{name}.{n}": p
            for path, layer in self.layers(backbone, reach)
            for name, module in layer.named_modules()
            if "norm" in type(module).__name__.lower()
            for n, p in module.named_parameters(recurse=False)
        }
