"""Running a model under `vmap` over its weights: what in it must then be computed another way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor, nn

MANY = ContextVar("many", default=False)  # whether the weights differ from task to task


@contextmanager
def many_weights() -> Iterator[None]:
    """While this lasts the model may run under `vmap` over its weights, and gradients through it are right."""
    before = MANY.set(True)
    try:
        yield
    finally:
        MANY.reset(before)


class Norm(nn.LayerNorm):
    """A layer norm spelled out under `vmap`, where torch's own has wrong second derivatives once its weights differ (torch 2.13)."""

    def forward(self, input: Tensor) -> Tensor:
        if not MANY.get() or len(self.normalized_shape) > 1:
            return super().forward(input)
        centred = input - input.mean(-1, keepdim=True)
        output = centred * (centred.square().mean(-1, keepdim=True) + self.eps).rsqrt()
        output = output * self.weight if self.weight is not None else output
        return output + self.bias if self.bias is not None else output


def spell_out(module: nn.Module) -> None:
    """Let a layer norm spell itself out where weights are many; any other module stays as it is."""
    if type(module) is nn.LayerNorm:
        module.__class__ = Norm
