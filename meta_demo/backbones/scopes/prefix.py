"""Learned keys and values before those of every input, for each adapted layer."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from meta_demo.backbones.added import ROWS
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.linear import linear_shape
from meta_demo.backbones.scopes.base import KEYS, VALUES, Reach, Scope, maps_of, register
from meta_demo.backbones.scopes.start_of_tokens import alike, check_tokens
from meta_demo.core.errors import UserError
from meta_demo.words import words


@register("prefix", words("learned keys and values in the last layers", "最后几层的可学习键与值"))
class Prefix(Scope):
    """Prefix tuning (Li & Liang 2021) without its reparametrisation: what a layer's maps make of added tokens is learned instead.

    So whatever a model does to keys, such as turning them by their position, it does to these as well.
    """

    adds = True

    def weights(self, backbone: Backbone, reach: Reach, rng: torch.Generator) -> dict[str, Tensor]:
        maps = list(self._maps(backbone, reach))
        seen = backbone.passing([path for path, _ in maps])
        passes = max(1, backbone.n_maps // backbone.n_layers)
        if any([t.shape[2:] for t in seen[path]] != [(width,)] * passes for path, width in maps):
            raise UserError(
                "scope_keys", scope=self.name, model=backbone.name
            )  # another part of the model asks them too
        rows = {f"{path}.{ROWS}": alike(seen[path][0], reach.tokens, rng) for path, _ in maps}
        check_tokens(backbone, self.name, rows)
        return rows

    def size(self, backbone: Backbone, reach: Reach) -> int:
        return reach.tokens * sum(width for _, width in self._maps(backbone, reach, strict=False))

    def _maps(self, backbone: Backbone, reach: Reach, *, strict: bool = True) -> Iterator[tuple[str, int]]:
        """Path of each map to keys or to values, and how wide these are. If `strict` raises UserError where a layer has none."""
        for path, layer in list(backbone.named_layers())[backbone.reachable(self.boundary(backbone.n_layers, reach)) :]:
            inside: dict[str, nn.Module] = maps_of(layer)[0]
            found = {kind: [n for n in inside if n.rpartition(".")[2] in kind] for kind in (KEYS, VALUES)}
            if strict and [len(names) for names in found.values()] != [1, 1]:
                raise UserError("scope_keys", scope=self.name, model=backbone.name)
            for name in (*found[KEYS], *found[VALUES]):
                shape = linear_shape(inside[name])
                assert shape is not None
                yield f"{path}.{name}", shape[0]
