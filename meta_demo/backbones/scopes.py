"""Scopes: which weights of the Transformer are the algorithm's own, and which layers stay a frozen prefix.

head     nothing but the classifier head           prefix: all layers
lora     low-rank factors beside the linear maps   prefix: all but the last n layers
last_n   every weight of the last n layers         prefix: all but the last n layers
all      every weight of every layer               prefix: the embedding tables
model    every weight there is                     prefix: nothing
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from meta_demo.backbones.replay import LORA_A, LORA_B

if TYPE_CHECKING:
    from meta_demo.backbones.backbone import Backbone

SCOPES = ("head", "lora", "last_n", "all", "model")


def boundary(scope: str, last_n: int, n_layers: int) -> int:
    """The number of frozen layers at the bottom."""
    return {"head": n_layers, "all": 0, "model": 0}.get(scope, max(0, n_layers - last_n))


def own_weights(backbone: Backbone, scope: str, last_n: int, rank: int, rng: torch.Generator) -> dict[str, Tensor]:
    """The start of the weights in `scope`: the pretrained values themselves, or fresh low-rank factors.

    LoRA (Hu et al. 2022): W + 2 B A with A [r, in] normal of variance 1/in and B [out, r] zero, so that nothing changes at first.
    """
    if scope == "head":
        return {}
    if scope == "model":
        return {name: p.detach().clone() for name, p in backbone.model.named_parameters()}
    layers = list(backbone.named_layers())[boundary(scope, last_n, backbone.n_layers) :]
    if scope != "lora":
        return {f"{path}.{name}": p.detach().clone() for path, layer in layers for name, p in layer.named_parameters()}
    factors = {}
    for path, layer in layers:
        for name, module in layer.named_modules():
            if isinstance(module, nn.Linear):
                out_dim, in_dim = module.weight.shape
                a = torch.randn(rank, in_dim, generator=rng, dtype=module.weight.dtype) / in_dim**0.5
                factors[f"{path}.{name}.{LORA_A}"] = a.to(module.weight.device)
                factors[f"{path}.{name}.{LORA_B}"] = module.weight.new_zeros(out_dim, rank)
    return factors


def merged(backbone: Backbone, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """`weights` with every pair of low-rank factors added into the weight it stands beside, W + 2 B A: less work for each input."""
    whole = {name: w for name, w in weights.items() if not name.endswith((LORA_A, LORA_B))}
    for name, b in weights.items():
        if name.endswith(LORA_B):
            place = name.removesuffix(LORA_B)
            whole[place + "weight"] = backbone.parameter(place + "weight").addmm(b, weights[place + LORA_A], alpha=2)
    return whole
