"""What a scope is, and the registry of those there are: which weights of the Transformer are the algorithm's own.

Everything under the lowest weight in scope is a frozen prefix, whose features are computed once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.linear import linear_shape
from meta_demo.words import Words

# What the maps of an attention are called, whatever the architecture.
KEYS = ("key", "k", "k_proj", "k_lin", "key_proj")
VALUES = ("value", "v", "v_proj", "v_lin", "value_proj")
FUSED = ("c_attn", "Wqkv", "qkv", "query_key_value", "qkv_proj")  # queries, keys and values in one


@dataclass(frozen=True)
class Reach:
    """How far a scope goes where it can go less far: the last `layers` layers, low-rank factors of this `rank`, and so many `tokens`
    before those of an input."""

    layers: int
    rank: int
    tokens: int = 8


class Scope(ABC):
    """One choice of weights."""

    name: ClassVar[str]
    about: ClassVar[Words]
    whole: ClassVar[bool] = False  # whether every weight of the model is in it
    adds: ClassVar[bool] = (
        False  # whether it puts tokens before those of an input: it does not begin as the model that it is
    )

    def boundary(self, n_layers: int, reach: Reach) -> int:
        """The number of frozen layers at the bottom."""
        return max(0, n_layers - reach.layers)

    @abstractmethod
    def weights(self, backbone: Backbone, reach: Reach, rng: torch.Generator) -> dict[str, Tensor]:
        """The start of the weights in scope, under the model's own names: pretrained values, or fresh ones beside them."""

    def size(self, backbone: Backbone, reach: Reach) -> int:
        """How many numbers `weights` holds, or a few more; none is made."""
        return sum(p.numel() for _, layer in self.layers(backbone, reach) for p in layer.parameters())

    def layers(self, backbone: Backbone, reach: Reach) -> Iterator[tuple[str, nn.Module]]:
        """Path and module of each layer above the boundary."""
        yield from list(backbone.named_layers())[self.boundary(backbone.n_layers, reach) :]


SCOPES: dict[str, Scope] = {}


def register(name: str, about: Words) -> Callable[[type[Scope]], type[Scope]]:
    """Class decorator: makes a scope known under `name`; `about` says what is in it. Raises ValueError for a second one of that name."""

    def add(cls: type[Scope]) -> type[Scope]:
        if name in SCOPES:
            raise ValueError(f"two scopes are called {name}")
        cls.name, cls.about = name, about
        SCOPES[name] = cls()
        return cls

    return add


def pretrained(path: str, layer: nn.Module) -> dict[str, Tensor]:
    """A copy of every weight of a layer, under the model's own names."""
    return {f"{path}.{name}": p.detach().clone() for name, p in layer.named_parameters()}


def maps_of(layer: nn.Module) -> tuple[dict[str, nn.Module], dict[str, nn.Module]]:
    """The linear maps of a layer by path, in order: those inside what the model itself calls attention, and all others."""
    maps = {name: module for name, module in layer.named_modules() if linear_shape(module) is not None}
    inside = {name: module for name, module in maps.items() if "attention" in name.lower() or "attn" in name.lower()}
    return inside, {name: module for name, module in maps.items() if name not in inside}
