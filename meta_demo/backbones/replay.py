"""Run any stretch of layers of a Hugging Face encoder with any weights, without touching the model.

A *shell* is a copy of the module tree that shares every tensor with the model. Each thread borrows a shell of its own, so
`torch.func.functional_call`, which swaps parameters while it runs, never swaps those of somebody else. In a shell the
layers below `lower` are stand-ins that pass the cached hidden states on, and the one before `upper` ends the run: the model's own
`forward` still makes masks, position biases and the final norm, so every architecture works as it does in transformers. Where one
does not, the trial at load (`trial.py`) finds out.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from queue import Empty, LifoQueue
from threading import Lock
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from meta_demo.backbones.added import Added, Guest, before
from meta_demo.backbones.linear import take_factors
from meta_demo.backbones.many import spell_out
from meta_demo.core.errors import UserError

SHARE = 0.7  # of the weights in lists of modules, at the least, that the list of layers must hold


class _Reached(Exception):
    """Carries the hidden states out of the model's forward after the layer where a run stops."""

    def __init__(self, hidden: Tensor) -> None:
        self.hidden = hidden


class _StandIn(nn.Module):
    """Takes the place of a layer: returns the hidden states it is given, or those put into it, as that layer would."""

    def __init__(self, layer: nn.Module, arity: int) -> None:
        super().__init__()
        self.__dict__["layer"] = layer  # not registered: its parameters are not part of this stretch
        self.arity = arity
        self.hidden: Tensor | None = None
        self.tells = 0  # 1 where a run asks for attention, of which this one has none

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        hidden = self.hidden if self.hidden is not None else _first_tensor(args, kwargs)
        return (hidden, *[None] * (max(self.arity, 1 + self.tells) - 1)) if self.arity else hidden

    def __getattr__(self, name: str) -> Any:
        """Some models ask a layer for its kind of attention before they call it."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["layer"], name)


def _first_tensor(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    return next(value for value in (*args, *kwargs.values()) if isinstance(value, Tensor))


def _stop(module: nn.Module, args: Any, output: Any) -> None:  # noqa: ARG001  (torch's signature)
    raise _Reached(output if isinstance(output, Tensor) else output[0])


def find_layers(model: nn.Module) -> tuple[str, nn.ModuleList]:
    """Path and list of the Transformer's layers: the list of modules with most weights, as names differ between architectures.

    Raises UserError where that is only a part of the layers: the attentions, or the first of several blocks.
    """
    lists = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) and not isinstance(module[0], nn.ModuleList)
    }
    sizes = {name: sum(p.numel() for p in module.parameters()) for name, module in lists.items()}
    inside = {id(p): p.numel() for module in lists.values() for p in module.parameters()}
    path = max(sizes, key=lambda name: sizes[name], default="")
    if not path or sizes[path] < SHARE * sum(inside.values()):
        raise UserError("model_layers", model=type(model).__name__)
    return path, lists[path]


class Replay:
    """Runs layers `lower` to `upper` of `model`; safe under any number of threads."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.path, self.layers = find_layers(model)
        names, tensors = ([*model.named_parameters(remove_duplicate=single)] for single in (False, True))
        self.tied = len(names) > len(tensors)  # whether a parameter has several names; looking for them takes time
        self.words = _path_of_words(model)
        self.arity = 0  # of the tuple a layer returns; 0: it returns a tensor
        self._idle: dict[tuple[int, int], LifoQueue[nn.Module]] = {}
        self._lock = Lock()

    def probe(self, inputs: dict[str, Any]) -> Tensor:
        """The model's output, from one real run that says what this architecture's layers return."""
        seen: list[int] = []
        hook = self.layers[0].register_forward_hook(
            lambda _m, _a, output: seen.append(len(output) if isinstance(output, tuple) else 0)
        )
        try:
            last: Tensor = self.model(**inputs).last_hidden_state
        finally:
            hook.remove()
        if not seen:
            raise UserError("model_layers", model=type(self.model).__name__)
        self.arity = seen[0]
        return last

    def run(
        self,
        inputs: dict[str, Any],
        hidden: Tensor | None,
        lower: int,
        upper: int,
        weights: dict[str, Tensor],
        added: Added | None = None,
    ) -> Tensor:
        """Hidden states [b, W, D] before layer `lower` (None for lower 0) -> after layer `upper - 1`; all layers: the model's output.

        `inputs` are the keyword arguments of the model's own `forward`. What the model does after its layers, such as a norm, is done
        where `upper` is their number: such hidden states do not begin a further run. What was `added` before the tokens of the inputs,
        for which `inputs` have room, is gone again from what comes out.
        """
        try:
            last: Tensor = self._called(inputs, hidden, lower, upper, weights, added).last_hidden_state
        except _Reached as reached:
            last = reached.hidden
        return last[:, added.count :] if added else last

    def _called(
        self,
        inputs: dict[str, Any],
        hidden: Tensor | None,
        lower: int,
        upper: int,
        weights: dict[str, Tensor],
        added: Added | None,
    ) -> Any:
        """What the model's forward returns when it begins with `hidden` before layer `lower`; raises _Reached where it ends early."""
        with self._shell(lower, upper) as shell:
            guest: Guest = shell.__dict__["guest"]
            guest.added = added
            if lower and hidden is not None:
                _layers(shell, self.path)[lower - 1].hidden = before(added, hidden) if added else hidden
            for layer in _layers(shell, self.path)[:lower]:
                layer.tells = int("output_attentions" in inputs)
            try:
                return (
                    functional_call(shell, weights, (), inputs, tie_weights=self.tied) if weights else shell(**inputs)
                )
            finally:
                guest.added = None
                if lower:
                    _layers(shell, self.path)[lower - 1].hidden = None

    def finish(self, z: Tensor, heads: Sequence[str], weights: dict[str, Tensor]) -> Tensor:
        """What is pooled after the modules of the model at the paths `heads`, one after the other."""
        for path in heads:
            below = f"{path}."
            own = {name.removeprefix(below): w for name, w in weights.items() if name.startswith(below)}
            if not own:
                z = self.model.get_submodule(path)(z)
                continue
            with self._shell(0, len(self.layers)) as shell:
                z = functional_call(shell.get_submodule(path), own, (z,))
        return z

    def attentions(
        self,
        inputs: dict[str, Any],
        weights: dict[str, Tensor],
        hidden: Tensor | None = None,
        lower: int = 0,
        added: Added | None = None,
    ) -> tuple[Tensor, ...]:
        """Attention weights of every pass through a layer from `lower` on, transformers' own: each [b, heads, W, W], if the model tells;
        with those of the `added` tokens."""
        told = self._called({**inputs, "output_attentions": True}, hidden, lower, len(self.layers), weights, added)
        return tuple(found for found in told.attentions or () if found is not None)

    def passing(self, inputs: dict[str, Any], paths: Sequence[str]) -> dict[str, list[Tensor]]:
        """What the modules at `paths` give out while the model reads `inputs`: one tensor for each time that they are called."""
        found: dict[str, list[Tensor]] = {path: [] for path in paths}
        with self._shell(0, len(self.layers)) as shell:
            hooks = [
                shell.get_submodule(path).register_forward_hook(
                    lambda _m, _a, output, path=path: found[path].append(_first_tensor((*_tupled(output),), {}))
                )
                for path in paths
            ]
            try:
                shell(**inputs)
            finally:
                for hook in hooks:
                    hook.remove()
        return found

    def forget(self) -> None:
        """Let go of the shells that nobody has borrowed."""
        with self._lock:
            self._idle.clear()

    @contextmanager
    def _shell(self, lower: int, upper: int) -> Iterator[nn.Module]:
        with self._lock:
            idle = self._idle.setdefault((lower, upper), LifoQueue())
        try:
            shell = idle.get_nowait()
        except Empty:
            shell = self._new_shell(lower, upper)
        try:
            yield shell
        finally:
            idle.put(shell)

    def _new_shell(self, lower: int, upper: int) -> nn.Module:
        shared = {id(tensor): tensor for tensor in chain(self.model.parameters(), self.model.buffers())}
        shell = copy.deepcopy(self.model, shared)
        for module in shell.modules():
            take_factors(module)
            spell_out(module)
        layers = _layers(shell, self.path)
        for i in range(lower):
            layers[i] = _StandIn(layers[i], self.arity)
        guest = shell.__dict__["guest"] = Guest()  # not registered: it is no module
        words = shell.get_submodule(self.words) if self.words is not None else None
        guest.enter(shell, layers[0] if not lower else None, words)
        if upper < len(layers):
            layers[upper - 1].register_forward_hook(_stop)
        return shell


def _tupled(output: Any) -> tuple[Any, ...]:
    return output if isinstance(output, tuple) else (output,)


def _path_of_words(model: Any) -> str | None:
    """The path of the embedding of words; None for a model that reads none."""
    with suppress(Exception):  # whatever transformers raises where a model has no such thing
        words = model.get_input_embeddings()
        if isinstance(words, nn.Embedding):
            return next((path for path, module in model.named_modules() if module is words), None)
    return None


def _layers(model: nn.Module, path: str) -> Any:
    return model.get_submodule(path)
