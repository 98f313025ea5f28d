"""A self-test of what `replay.py` takes for granted, made when a model is loaded: cut anywhere, it is still the model that it is.

The verdict is kept by architecture, sizes and versions, on disk where there is room for it, so that it costs something once. What a
model cannot do it is not asked for; a model whose own output is not its own twice, or depends on chance, is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from meta_demo.backbones.replay import Replay
from meta_demo.core.errors import UserError
from meta_demo.core.places import write_whole
from meta_demo.core.settings import settings
from meta_demo.modalities.inputs import Inputs

TRIED = 16  # tokens of the widest batch that a model is tried on, most of them padding
WIDEST = 256  # tokens of padding beyond that
EDITION = 2  # of the trial itself: a verdict of another one is not believed
ROUNDING = (
    4  # units in the last place, for machines that do not give equal bits twice: the trace of a change can be small
)
_KNOWN: dict[str, Verdict] = {}


@dataclass(frozen=True)
class Verdict:
    """What a model can do: be cut after so many layers, pad inputs beside longer ones, tell its attention in so many maps."""

    boundaries: tuple[int, ...]
    pads: bool
    maps: int
    heads: int


@dataclass(frozen=True)
class _Alone:
    """One input by itself, and what the model's own forward makes of it."""

    key: Any
    length: int
    arguments: dict[str, Any]
    output: Tensor  # [1, L, D]


def try_out(replay: Replay, inputs: Inputs, name: str) -> Verdict:
    """The verdict on the model of `replay`, known or found now. Raises UserError, which calls the model `name`, when nothing can be
    done with it."""
    key = _identity(replay, inputs)
    file = settings().cache_folder / "trials" / f"{key}.json"
    if key not in _KNOWN:
        found = _read(file)
        if found is None:
            found = _Trial(replay, inputs, name).verdict()
            with suppress(OSError):
                write_whole(file, json.dumps(asdict(found)).encode())
        _KNOWN[key] = found
    return _KNOWN[key]


def check_sight(replay: Replay, name: str, arguments: dict[str, Any], own: Tensor) -> None:
    """Raises UserError when a change early in an input changes nothing of its end: attention that is left out, or zero.

    `own` [1, L, D] is what the model makes of `arguments`. No verdict is kept of this, which the numbers in the weights decide too.
    """
    key = "input_ids" if "input_ids" in arguments else "pixel_values"
    other, behind = _changed(arguments[key])
    if own.shape[1] < 2:
        return  # one token, with nothing to see
    with torch.no_grad():
        moved = (replay.model(**{**arguments, key: other}).last_hidden_state - own)[:, behind:].abs().max()
    if not bool(moved > ROUNDING * torch.finfo(own.dtype).eps * own.abs().max()):
        raise UserError("model_blind", model=name)


def _changed(first: Tensor) -> tuple[Tensor, int]:
    """An input otherwise in one early token, or in the upper left corner, and the first of the tokens that have to see it."""
    other = first.clone()
    if first.is_floating_point():  # [1, channels, height, width]
        high, wide = (max(1, side // 8) for side in first.shape[-2:])
        other[..., :high, :wide] += 1
        return other, -1
    ids = first[0].tolist()
    place = 1 if len(ids) > 2 else 0
    spare = ids[place] - 1 if ids[place] else 1
    # A word of the same text, as marks of the model's own may mean more than a token to it.
    other[0, place] = next((i for i in ids[place + 1 : -1] if i != ids[place]), spare)
    return other, place + 1


def _identity(replay: Replay, inputs: Inputs) -> str:
    """A hash of all that a verdict depends on, but for the numbers in the weights."""
    import transformers

    model: Any = replay.model
    config = {k: v for k, v in model.config.to_dict().items() if k not in ("_name_or_path", "transformers_version")}
    parameter = next(model.parameters())
    example = inputs.encode(inputs.examples[0])
    takes = sorted(inputs.arguments(*inputs.batch([example.key], example.length)))
    said = [EDITION, torch.__version__, transformers.__version__, type(model).__name__, type(inputs).__name__]
    said += [inputs.pads, takes, str(parameter.dtype), parameter.device.type, config]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def _read(file: Path) -> Verdict | None:
    try:
        said = json.loads(file.read_text())
        return replace(Verdict(**said), boundaries=tuple(said["boundaries"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


class _Trial:
    """One model on trial."""

    def __init__(self, replay: Replay, inputs: Inputs, name: str) -> None:
        self.replay, self.inputs, self.name = replay, inputs, name
        self.n = len(replay.layers)
        parameter = next(replay.model.parameters())
        self.device, self.dtype = parameter.device, parameter.dtype
        # Parts of many models compute in float32 whatever the rest does; what mixes with its neighbours is off by far more.
        self.tolerance = 1e-3 if self.dtype.itemsize <= 4 else 1e-5

    @torch.no_grad()
    def verdict(self) -> Verdict:
        encoded = [self.inputs.encode(content) for content in self.inputs.examples]
        alone = [self._alone(e.key, e.length) for e in encoded]
        again = self._alone(alone[0].key, alone[0].length)
        if not self._close(again.output, alone[0].output):
            raise UserError("model_random", model=self.name)
        self._follow_back(alone[-1])
        pads = self.inputs.pads and self._pads(alone)
        inner = tuple(self._cuts(alone, pads))
        maps, heads = self._maps(alone[-1])
        self.replay.forget()
        return Verdict((0, *inner, self.n), pads, maps, heads)

    def _alone(self, key: Any, length: int) -> _Alone:
        arguments = self._arguments([key], length)
        output = self.replay.model(**arguments).last_hidden_state
        if output.dim() != 3 or output.shape[:2] != (1, length) or not bool(torch.isfinite(output).all()):
            raise UserError("model_output", model=self.name, shape=list(output.shape), tokens=length)
        return _Alone(key, length, arguments, output)

    @torch.enable_grad()
    def _follow_back(self, alone: _Alone) -> None:
        """Raise whatever the architecture raises where a gradient goes back through all of its layers, as every scope needs it."""
        path = f"{self.replay.path}.0."
        weights = {
            name: p.detach().requires_grad_()
            for name, p in self.replay.model.named_parameters()
            if name.startswith(path) and p.is_floating_point()
        }
        out = self.replay.run(alone.arguments, None, 0, self.n, weights)
        torch.autograd.grad(out.sum(), list(weights.values()), allow_unused=True)

    def _arguments(self, keys: Sequence[Any], width: int, lower: int = 0) -> dict[str, Any]:
        first, mask = self.inputs.batch(keys, width)
        first = first.to(self.dtype) if first.is_floating_point() else first
        return self.inputs.arguments(first.to(self.device), mask.to(self.device), lower)

    def _pads(self, alone: Sequence[_Alone]) -> bool:
        """Whether inputs beside longer ones come out as they do alone: not where a layer mixes neighbours, padding among them."""
        width = max(TRIED, *(a.length for a in alone))
        config: Any = self.replay.model.config
        windows = [
            getattr(config, name, None) or 0 for name in ("local_attention", "sliding_window", "attention_window")
        ]
        width += min(
            max(w if isinstance(w, int) else max(w) for w in windows), WIDEST
        )  # padding that sees nothing but padding
        try:
            together = self.replay.model(**self._arguments([a.key for a in alone], width)).last_hidden_state
        except Exception:  # whatever the architecture raises
            return False
        return all(self._close(row[: a.length], a.output[0]) for row, a in zip(together, alone, strict=True))

    def _cuts(self, alone: Sequence[_Alone], pads: bool) -> Iterator[int]:
        """The numbers of layers after which the model can be cut: what follows makes its own output of what comes before, and that
        of inputs in other company as well. What comes before goes on from the highest cut that held, as it does in use."""
        batches = [list(alone)] if pads else [[a] for a in alone]
        wide = [max(TRIED, *(a.length for a in batch)) if pads else batch[0].length for batch in batches]
        lower = 0
        before: Sequence[Tensor | None] = [None for _ in batches]  # hidden states of each batch at `lower`
        for boundary in range(1, self.n):
            try:
                found = [
                    self._hidden(batch, width, lower, hidden, boundary)
                    for batch, width, hidden in zip(batches, wide, before, strict=True)
                ]
                held = all(self._goes_on(batch, hidden, boundary) for batch, hidden in zip(batches, found, strict=True))
            except Exception:  # whatever the architecture raises where a layer is not what it expects
                held = False
            if held:
                lower, before = boundary, found
                yield boundary

    def _hidden(self, batch: Sequence[_Alone], width: int, lower: int, hidden: Tensor | None, upper: int) -> Tensor:
        out = self.replay.run(self._arguments([a.key for a in batch], width, lower), hidden, lower, upper, {})
        if out.shape[:2] != (len(batch), width):
            raise ValueError(f"hidden states of {tuple(out.shape)}")
        return out

    def _goes_on(self, batch: Sequence[_Alone], hidden: Tensor, boundary: int) -> bool:
        """Whether the rest of the model makes the own output of each input out of `hidden`, without the padding it was made with."""
        width = max(a.length for a in batch)
        narrow = hidden[:, :width].clone()
        for row, a in zip(narrow, batch, strict=True):
            row[a.length :] = 0
        arguments = self._arguments([a.key for a in batch], width, boundary)
        out = self.replay.run(arguments, narrow, boundary, self.n, {})
        return all(self._close(row[: a.length], a.output[0]) for row, a in zip(out, batch, strict=True))

    def _maps(self, alone: _Alone) -> tuple[int, int]:
        """How many maps [1, heads, L, L] of attention there are, and the most heads in one; 0 where they are not that."""
        try:
            maps = self.replay.attentions(alone.arguments, {})
        except Exception:  # whatever the architecture raises
            return 0, 0
        heads = max((m.shape[1] for m in maps), default=0)
        square = all(m.shape == (1, heads, alone.length, alone.length) for m in maps)
        each = len(maps) == self.n or self.n == 1  # of one shared layer there is a map for each pass
        sums = all(bool(((m.sum(-1) - 1).abs() < 1e-3).all()) for m in maps)
        return (len(maps), heads) if square and each and sums else (0, 0)

    def _close(self, found: Tensor, own: Tensor) -> bool:
        return bool(((found - own).abs() <= self.tolerance * own.abs().max().clamp(min=1e-6)).all())
