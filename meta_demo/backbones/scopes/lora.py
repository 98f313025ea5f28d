"""Low-rank factors beside the linear maps of the last layers."""

import torch
from torch import Tensor, nn

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.replay import LORA_A, LORA_B
from meta_demo.backbones.scopes.base import Reach, Scope, register
from meta_demo.words import words


@register("lora", words("low-rank factors", "低秩因子"))
class LoRA(Scope):
    """W + 2 B A with A [r, in] normal of variance 1/in and B [out, r] zero, so that nothing changes at first (Hu et al. 2022)."""

    def weights(self, backbone: Backbone, reach: Reach, rng: torch.Generator) -> dict[str, Tensor]:
        factors = {}
        for path, layer in self.layers(backbone, reach):
            for name, module in layer.named_modules():
                if isinstance(module, nn.Linear):
                    out_dim, in_dim = module.weight.shape
                    a = torch.randn(reach.rank, in_dim, generator=rng, dtype=module.weight.dtype) / in_dim**0.5
                    factors[f"{path}.{name}.{LORA_A}"] = a.to(module.weight.device)
                    factors[f"{path}.{name}.{LORA_B}"] = module.weight.new_zeros(out_dim, reach.rank)
        return factors


def merged(backbone: Backbone, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """`weights` with every pair of low-rank factors added into the weight it stands beside, W + 2 B A: less work for each input."""
    whole = {name: w for name, w in weights.items() if not name.endswith((LORA_A, LORA_B))}
    for name, b in weights.items():
        if name.endswith(LORA_B):
            place = name.removesuffix(LORA_B)
            whole[place + "weight"] = backbone.parameter(place + "weight").addmm(b, weights[place + LORA_A], alpha=2)
    return whole
