"""Run any stretch of layers of a Hugging Face encoder with any weights, without touching the model.

A *shell* is a copy of the module tree that shares every tensor with the model. Each thread borrows a shell of its own, so
`torch.func.functional_call`, which swaps parameters while it runs, never swaps those of somebody else. In a shell the
layers below `start` are stand-ins that pass the cached hidden states on, and the one at `stop` ends the run: the model's own
`forward` still makes masks, position biases and the final norm, so every architecture works as it does in transformers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain
from queue import Empty, LifoQueue
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import linear

from meta_demo.core.errors import UserError

LORA_A, LORA_B = "lora_a", "lora_b"
_MANY = ContextVar("many", default=False)


@contextmanager
def many_weights() -> Iterator[None]:
    """While this lasts the model may run under `vmap` over its weights, and gradients through it are right."""
    before = _MANY.set(True)
    try:
        yield
    finally:
        _MANY.reset(before)


class _Reached(Exception):
    """Carries the hidden states out of the model's forward at the layer where a run stops."""

    def __init__(self, hidden: Tensor) -> None:
        self.hidden = hidden


class _Linear(nn.Linear):
    """A linear layer beside which low-rank factors, where a run sets them, add 2 B A (Hu et al. 2022, with alpha = 2 r)."""

    def forward(self, input: Tensor) -> Tensor:
        factors: list[Tensor] = [getattr(self, name) for name in (LORA_A, LORA_B) if hasattr(self, name)]
        if not factors:
            return super().forward(input)
        if _MANY.get():
            a, b = factors
            return super().forward(input) + 2 * (input @ a.T) @ b.T
        rows = input.reshape(-1, self.in_features)
        output: Tensor = _LowRank.apply(rows, self.weight, self.bias, *factors)  # type: ignore[no-untyped-call]
        return output.view(*input.shape[:-1], self.out_features)


class _Norm(nn.LayerNorm):
    """A layer norm spelled out under `vmap`, where torch's own has wrong second derivatives once its weights differ (torch 2.13)."""

    def forward(self, input: Tensor) -> Tensor:
        if not _MANY.get() or len(self.normalized_shape) > 1:
            return super().forward(input)
        centred = input - input.mean(-1, keepdim=True)
        output = centred * (centred.square().mean(-1, keepdim=True) + self.eps).rsqrt()
        output = output * self.weight if self.weight is not None else output
        return output + self.bias if self.bias is not None else output


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


_OURS: dict[type[nn.Module], type[nn.Module]] = {nn.Linear: _Linear, nn.LayerNorm: _Norm}


class _StandIn(nn.Module):
    """Takes the place of a layer: returns the hidden states it is given, or those put into it, as that layer would."""

    def __init__(self, layer: nn.Module, arity: int, stop: bool) -> None:
        super().__init__()
        self.__dict__["layer"] = layer  # not registered: its parameters are not part of this stretch
        self.arity, self.stop = arity, stop
        self.hidden: Tensor | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        hidden = self.hidden if self.hidden is not None else _hidden_of(args, kwargs)
        if self.stop:
            raise _Reached(hidden)
        return (hidden, *[None] * (self.arity - 1)) if self.arity else hidden

    def __getattr__(self, name: str) -> Any:
        """Some models ask a layer for its kind of attention before they call it."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["layer"], name)


def _hidden_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    hidden: Tensor = args[0] if args else kwargs["hidden_states"]
    return hidden


def find_layers(model: nn.Module) -> tuple[str, nn.ModuleList]:
    """Path and list of the Transformer's layers: the longest ModuleList, as names differ between architectures."""
    lists = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    if not lists:
        raise UserError("model_layers", model=type(model).__name__)
    return max(lists, key=lambda item: len(item[1]))


class Replay:
    """Runs layers `start` to `stop` of `model`; safe under any number of threads."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.path, self.layers = find_layers(model)
        self.arity = 0  # of the tuple a layer returns; 0: it returns a tensor
        self._idle: dict[tuple[int, int], LifoQueue[nn.Module]] = {}
        self._lock = Lock()

    def probe(self, inputs: dict[str, Tensor]) -> None:
        """Learn from one real run what this architecture's layers return."""
        seen: list[int] = []
        hook = self.layers[0].register_forward_hook(
            lambda _m, _a, output: seen.append(len(output) if isinstance(output, tuple) else 0)
        )
        self.model(**inputs)
        hook.remove()
        if not seen:
            raise UserError("model_layers", model=type(self.model).__name__)
        self.arity = seen[0]

    def run(
        self, inputs: dict[str, Tensor], hidden: Tensor | None, start: int, stop: int, weights: dict[str, Tensor]
    ) -> Tensor:
        """Hidden states [b, W, D] before layer `start` (None for start 0) -> after layer `stop - 1`; all layers: the model's output.

        `inputs` are the keyword arguments of the model's own `forward`.
        """
        with self._shell(start, stop) as shell:
            if start:
                _layers(shell, self.path)[start - 1].hidden = hidden
            try:
                output = functional_call(shell, weights, (), inputs) if weights else shell(**inputs)
            except _Reached as reached:
                return reached.hidden
            finally:
                if start:
                    _layers(shell, self.path)[start - 1].hidden = None
        last: Tensor = output.last_hidden_state
        return last

    def attentions(self, inputs: dict[str, Tensor], weights: dict[str, Tensor]) -> Tensor:
        """Attention weights of every layer and head, transformers' own: [layers, heads, W, W] of one input."""
        with self._shell(0, len(self.layers)) as shell:
            maps = functional_call(shell, weights, (), {**inputs, "output_attentions": True}).attentions
        if len(maps) != len(self.layers):
            raise UserError("no_attentions", model=type(self.model).__name__, found=len(maps), layers=len(self.layers))
        return torch.stack([layer[0] for layer in maps])

    @contextmanager
    def _shell(self, start: int, stop: int) -> Iterator[nn.Module]:
        with self._lock:
            idle = self._idle.setdefault((start, stop), LifoQueue())
        try:
            shell = idle.get_nowait()
        except Empty:
            shell = self._new_shell(start, stop)
        try:
            yield shell
        finally:
            idle.put(shell)

    def _new_shell(self, start: int, stop: int) -> nn.Module:
        shared = {id(tensor): tensor for tensor in chain(self.model.parameters(), self.model.buffers())}
        shell = copy.deepcopy(self.model, shared)
        for module in shell.modules():
            module.__class__ = _OURS.get(type(module), type(module))
        layers = _layers(shell, self.path)
        for i in range(start):
            layers[i] = _StandIn(layers[i], self.arity, stop=False)
        if stop < len(layers):
            layers[stop] = _StandIn(layers[stop], self.arity, stop=True)
        return shell


def _layers(model: nn.Module, path: str) -> Any:
    return model.get_submodule(path)
