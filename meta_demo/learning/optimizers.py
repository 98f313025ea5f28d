"""The outer loop's optimizer: AdamW, or Muon on the matrices inside the layers with AdamW on everything else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from meta_demo.core.errors import UserError

NARROW = 16  # a matrix with a shorter side is a table or a low-rank factor: orthogonal steps have no meaning there


class Optimizer:
    """One or two torch optimizers as one; `tensors` and `load` are its memory. Raises UserError where this torch has no Muon."""

    def __init__(self, parameters: Iterable[tuple[str, nn.Parameter]], *, weight_decay: float, muon: bool) -> None:
        muon_class = find_muon() if muon else None
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, p in parameters:
            (matrices if muon and _is_matrix(name, p) else others).append(p)
        self._parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(others, weight_decay=weight_decay)]
        if muon_class and matrices:
            # Jordan et al. 2024; its steps scaled to be as large as AdamW's, so that one rate suits both (Liu et al. 2025).
            self._parts.append(muon_class(matrices, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"))

    def zero_grad(self) -> None:
        for part in self._parts:
            part.zero_grad(set_to_none=False)

    def step(self, rate: float) -> None:
        for part in self._parts:
            for settings in part.param_groups:
                settings["lr"] = rate
            part.step()

    def tensors(self) -> dict[str, Tensor]:
        """What it remembers, by `<part>.<parameter>.<slot>`."""
        return {
            f"{k}.{i}.{slot}": value
            for k, part in enumerate(self._parts)
            for i, slots in part.state_dict()["state"].items()
            for slot, value in slots.items()
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Remember what `tensors` gave."""
        memory: list[dict[int, dict[str, Tensor]]] = [{} for _ in self._parts]
        for name, tensor in tensors.items():
            k, i, slot = name.split(".", 2)
            memory[int(k)].setdefault(int(i), {})[slot] = tensor.cpu() if slot == "step" else tensor
        for part, state in zip(self._parts, memory, strict=True):
            part.load_state_dict({"state": state, "param_groups": part.state_dict()["param_groups"]})


def find_muon() -> Any:
    """torch's own Muon; raises UserError where torch is older than it."""
    found = getattr(torch.optim, "Muon", None)
    if found is None:
        raise UserError("no_muon", version=torch.__version__)
    return found


def _is_matrix(name: str, p: nn.Parameter) -> bool:
    others = name.startswith("heads.") or "embedding" in name or "lora" in name
    return p.ndim == 2 and min(p.shape) >= NARROW and not others
