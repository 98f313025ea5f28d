"""Where added tokens begin: at what the model has in their place for an example; and whether it can be given any."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from meta_demo.backbones.added import ROWS, TOKENS, added_of
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.errors import UserError

_HELD: WeakKeyDictionary[Backbone, dict[tuple[str, int, int], bool]] = WeakKeyDictionary()


def token_width(backbone: Backbone, layer: int) -> int:
    """How many numbers there are of a token before layer `layer`: those of a word, where that is the lowest of a model that reads words."""
    words = backbone.words_path
    return int(backbone.parameter(f"{words}.weight").shape[1]) if not layer and words else backbone.appetite.width


def drawn(backbone: Backbone, layer: int, count: int, rng: torch.Generator) -> Tensor:
    """`count` tokens [count, D] like those that the model has before layer `layer`, or, where nobody sees these, after it."""
    words = backbone.words_path
    path = words if not layer and words else f"{backbone.layers_path}.{max(0, layer - 1)}"
    return alike(backbone.passing([path])[path][0], count, rng)


def alike(seen: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """`count` rows [count, D], each feature normal with the mean and spread that it has over the rows of `seen` [1, L, D]."""
    rows = seen.detach().flatten(0, -2)
    noise = torch.randn(count, rows.shape[1], generator=rng, dtype=rows.dtype).to(rows.device)
    return rows.mean(0) + rows.std(0, unbiased=False) * noise


def check_tokens(backbone: Backbone, scope: str, weights: dict[str, Tensor]) -> None:
    """Raises UserError where the model cannot be given `weights` that add tokens: where it raises something itself, where an input
    beside longer ones comes out otherwise, where nothing changes, or, if keys and values are their own, anything else of theirs has a part.
    """
    added, _ = added_of(weights, backbone.layers_path)
    if added is None:
        return
    known = _HELD.setdefault(backbone, {})
    key = (scope, added.layer, added.count)
    if key not in known:
        try:
            known[key] = _holds(backbone, added.layer, weights)
        except UserError:
            raise
        except Exception:  # whatever the architecture raises where there are more tokens than it was given
            known[key] = False
    if not known[key]:
        raise UserError("scope_tokens", scope=scope, model=backbone.name)


@torch.no_grad()
def _holds(backbone: Backbone, layer: int, weights: dict[str, Tensor]) -> bool:
    contents = backbone.inputs.examples
    whole = backbone.features(contents, layer)
    plain, together = backbone.forward(whole, {}), backbone.forward(whole, weights)
    alone = torch.cat([backbone.forward(backbone.features([content], layer), weights) for content in contents])
    tolerance = 1e-3 if backbone.dtype.itemsize <= 4 else 1e-6
    held = bool(((together - alone).abs() <= tolerance).all()) and not torch.equal(plain, together)
    if held and any(name.endswith(ROWS) for name in weights):
        name = f"{backbone.layers_path}.{layer}.{TOKENS}"
        count, width = len(next(iter(weights.values()))), token_width(backbone, layer)
        other = torch.randn(count, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        again = backbone.forward(whole, {**weights, name: other.to(backbone.head)})
        held = bool(((again - together).abs() <= tolerance).all())
    return held
