"""Learned scales of what the last layers keep as keys and values, and of the hidden units of their feed-forward parts."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.linear import SCALED_IN, SCALED_OUT, linear_shape
from meta_demo.backbones.scopes.base import FUSED, KEYS, VALUES, Reach, Scope, maps_of, register
from meta_demo.words import words


@register("ia3", words("scales of keys, values and hidden units", "键、值与隐藏单元的缩放"))
class IA3(Scope):
    """(IA)^3 (Liu et al. 2022, section 3.3): one at first. Where queries, keys and values come from one map, as in GPT-2, all that comes
    out of it is scaled, as PEFT does."""

    def weights(self, backbone: Backbone, reach: Reach, rng: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        return {name: like.new_ones(size) for name, size, like in self._scales(backbone, reach)}

    def size(self, backbone: Backbone, reach: Reach) -> int:
        return sum(size for _, size, _ in self._scales(backbone, reach))

    def _scales(self, backbone: Backbone, reach: Reach) -> Iterator[tuple[str, int, Tensor]]:
        """Name and length of each scale, and a weight beside which it stands."""
        for path, layer in self.layers(backbone, reach):
            inside, outside = maps_of(layer)
            for name, module in inside.items():
                if name.rpartition(".")[2] in {*KEYS, *VALUES, *FUSED}:
                    yield f"{path}.{name}.{SCALED_OUT}", shape_of(module)[0], next(module.parameters())
            if outside:  # the last map leads from the hidden units back
                name, module = list(outside.items())[-1]
                yield f"{path}.{name}.{SCALED_IN}", shape_of(module)[1], next(module.parameters())


def shape_of(module: nn.Module) -> tuple[int, int]:
    """(out, in) of a linear map."""
    shape = linear_shape(module)
    assert shape is not None
    return shape
