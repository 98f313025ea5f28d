"""Low-rank factors beside the linear maps of the last layers."""

import torch
from torch import Tensor

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.linear import LORA_A, LORA_B, is_transposed, linear_shape
from meta_demo.backbones.scopes.base import Reach, Scope, register
from meta_demo.words import words


@register("lora", words("low-rank factors", "低秩因子"))
class LoRA(Scope):
    """W + 2 B A with A [r, in] normal of variance 1/in and B [out, r] zero, so that nothing changes at first (Hu et al. 2022)."""

    def size(self, backbone: Backbone, reach: Reach) -> int:
        modules = (module for _, layer in self.layers(backbone, reach) for module in layer.modules())
        return sum(reach.rank * sum(shape) for module in modules if (shape := linear_shape(module)))

    def weights(self, backbone: Backbone, reach: Reach, rng: torch.Generator) -> dict[str, Tensor]:
        factors = {}
        for path, layer in self.layers(backbone, reach):
            for name, module in layer.named_modules():
                if shape := linear_shape(module):
                    out_dim, in_dim = shape
                    like = backbone.parameter(f"{path}.{name}.weight")
                    a = torch.randn(reach.rank, in_dim, generator=rng, dtype=like.dtype) / in_dim**0.5
                    factors[f"{path}.{name}.{LORA_A}"] = a.to(like.device)
                    factors[f"{path}.{name}.{LORA_B}"] = like.new_zeros(out_dim, reach.rank)
        return factors


def merged(backbone: Backbone, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """`weights` with every pair of low-rank factors added into the weight it stands beside, W + 2 B A: less work for each input."""
    whole = {name: w for name, w in weights.items() if not name.endswith((LORA_A, LORA_B))}
    for name, b in weights.items():
        if name.endswith(LORA_B):
            place, a = name.removesuffix(LORA_B), weights[name.removesuffix(LORA_B) + LORA_A]
            weight = backbone.parameter(place + "weight")
            if is_transposed(backbone.model.get_submodule(place.removesuffix("."))):
                whole[place + "weight"] = weight.addmm(a.T, b.T, alpha=2)
            else:
                whole[place + "weight"] = weight.addmm(b, a, alpha=2)
    return whole
