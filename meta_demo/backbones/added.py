"""Tokens that are put before those of every input: what a scope may own beside the weights of the model.

They stand before the lowest layer that is adapted. The lowest of all is before the embedding layer of texts, which gives them its
positions, as PEFT's prompts have them. All that is known of an input below them stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

TOKENS, ROWS = "added_tokens", "added_rows"  # how a weight is called: of tokens, and of a map's rows for them
TABLE = "relative_position_bias_table"


@dataclass(frozen=True)
class Added:
    """`count` tokens before layer `layer`: `tokens` [count, D], or None where layers have keys and values of their own for them."""

    count: int
    layer: int
    tokens: Tensor | None


def added_of(weights: dict[str, Tensor], path: str) -> tuple[Added | None, dict[str, Tensor]]:
    """What of `weights` puts tokens before an input's, and those of them that are weights of modules; `path` is that of the layers."""
    found = [name for name in weights if name.endswith((TOKENS, ROWS))]
    if not found:
        return None, weights
    count = max(len(weights[name]) for name in found)
    gone = {name for name in found if not count or name.endswith(TOKENS)}
    rest = {name: w for name, w in weights.items() if name not in gone}
    if not count:
        return None, rest
    layer = min(int(name.removeprefix(f"{path}.").partition(".")[0]) for name in found)
    return Added(count, layer, next((weights[name] for name in found if name.endswith(TOKENS)), None)), rest


def before(added: Added, hidden: Tensor) -> Tensor:
    """Hidden states [b, L, D] after those of the added tokens: [b, count + L, D]. Without tokens of their own they are zero."""
    tokens = hidden.new_zeros(added.count, hidden.shape[-1]) if added.tokens is None else added.tokens
    return torch.cat([tokens.expand(hidden.shape[0], -1, -1), hidden], 1)


class Guest:
    """What makes the modules of a shell take added tokens, while a run lasts that has `added` some."""

    def __init__(self) -> None:
        self.added: Added | None = None

    def enter(self, shell: nn.Module, lowest: nn.Module | None, words: nn.Module | None) -> None:
        """Follow a shell: the `lowest` layer, where it is the first of all, and the embedding of `words`, where the model has one."""
        if lowest is not None and words is not None:
            words.register_forward_hook(self._in_their_place)
        elif lowest is not None:
            lowest.register_forward_pre_hook(self._in_front, with_kwargs=True)
        for module in shell.modules():
            if hasattr(module, TABLE):
                module.register_forward_hook(self._without_place)

    def _in_their_place(self, module: nn.Module, args: Any, output: Tensor) -> Tensor | None:  # noqa: ARG002
        """Word embeddings: those of the stand-ins that a text was given are replaced."""
        if self.added is None or self.added.tokens is None:
            return None
        return before(self.added, output[:, self.added.count :])

    def _in_front(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002
        """What a model without words gives its first layer: more tokens come before it."""
        if self.added is None:
            return None
        if args:
            return (before(self.added, args[0]), *args[1:]), kwargs
        name = next(name for name, value in kwargs.items() if isinstance(value, Tensor))
        return args, {**kwargs, name: before(self.added, kwargs[name])}

    def _without_place(self, module: nn.Module, args: Any, output: Any) -> Any:  # noqa: ARG002
        """A bias for each relative position [..., L, L]: an added token is nowhere, and has none."""
        if self.added is None or not isinstance(output, Tensor):
            return None
        more = self.added.count
        return nn.functional.pad(output, (more, 0, more, 0))
