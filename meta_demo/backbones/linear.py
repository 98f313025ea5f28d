"""Linear maps beside which low-rank factors add 2 B A (Hu et al. 2022, with alpha = 2 r), whatever class of the model's they are.

What goes in or comes out may be scaled, feature by feature (IA3), and the first rows of what comes out may be others' (prefixes).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from meta_demo.backbones.added import ROWS
from meta_demo.backbones.many import MANY

LORA_A, LORA_B = "lora_a", "lora_b"
SCALED_IN, SCALED_OUT = "scaled_in", "scaled_out"


def linear_shape(module: nn.Module) -> tuple[int, int] | None:
    """(out, in) of a module that is a linear map of its last dimension; None for any other, and for one whose weight others use."""
    if isinstance(
        module, NonDynamicallyQuantizableLinear
    ):  # `nn.MultiheadAttention` reads its weight and never calls it
        return None
    if isinstance(module, nn.Linear):
        return module.out_features, module.in_features
    if type(module).__name__ == "Conv1D" and isinstance(module.weight, Tensor):  # GPT-2's: the weight is transposed
        return int(module.weight.shape[1]), int(module.weight.shape[0])
    return None


def is_transposed(module: nn.Module) -> bool:
    """Whether the weight of a linear map is [in, out]."""
    return not isinstance(module, nn.Linear)


def take_factors(module: nn.Module) -> None:
    """Let a linear map use the factors, scales and rows that a run sets on it; any other module stays as it is."""
    if linear_shape(module) is not None:
        cls: Any = type(module)
        module.__class__ = _with_factors(cls)


@cache
def _with_factors(cls: type[Any]) -> type[Any]:
    plain = not issubclass(cls, nn.Linear) or cls.forward is nn.Linear.forward

    def forward(self: Any, input: Tensor) -> Tensor:
        scaled_in, scaled_out, rows = (getattr(self, name, None) for name in (SCALED_IN, SCALED_OUT, ROWS))
        output = mapped(self, input if scaled_in is None else input * scaled_in)
        output = output if scaled_out is None else output * scaled_out
        return output if rows is None else torch.cat([rows.expand(len(output), -1, -1), output[:, len(rows) :]], 1)

    def mapped(self: Any, input: Tensor) -> Tensor:
        factors: list[Tensor] = [getattr(self, name) for name in (LORA_A, LORA_B) if hasattr(self, name)]
        if not factors:
            unchanged: Tensor = cls.forward(self, input)
            return unchanged
        if not plain or MANY.get():  # a map with a forward of its own, or weights that differ from task to task
            a, b = factors
            added: Tensor = cls.forward(self, input) + 2 * (input @ a.T) @ b.T
            return added
        weight = self.weight.T if is_transposed(self) else self.weight
        rows = input.reshape(-1, weight.shape[1])
        output: Tensor = _LowRank.apply(rows, weight, self.bias, *factors)  # type: ignore[no-untyped-call]
        return output.view(*input.shape[:-1], weight.shape[0])

    return type(cls.__name__, (cls,), {"forward": forward})


class _LowRank(torch.autograd.Function):
    """x [T, in] -> x W^T + b + 2 (x A^T) B^T, in as few and as large operations as there are: most of an inner step is spent here.

    W and b stay as they are; the gradient by x, A and B can be differentiated again.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor) -> Tensor:
        low = x @ a.T  # [T, r]
        ctx.save_for_backward(x, weight, a, b, low)
        return linear(x, weight, bias).addmm_(low, b.T.to(low.dtype), alpha=2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, a, b, low = (t.to(grad.dtype) for t in ctx.saved_tensors)  # under autocast they differ
        if torch.is_grad_enabled():
            low = x @ a.T  # connected to what it came from, for the second derivative
        by_low = 2 * (grad @ b)  # [T, r]
        by_x = (grad @ weight).addmm_(by_low, a) if ctx.needs_input_grad[0] else None
        return by_x, None, None, by_low.T @ x, grad.T @ (2 * low)
