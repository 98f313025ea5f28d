"""A run on disk: everything that its continuation needs to end at the same bits, in one file beside the checkpoint.

Task i depends on the seed and i alone, so nothing of the sampling needs to be kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from meta_demo.core.errors import UserError
from meta_demo.learning.checkpoint import write_tensors
from meta_demo.learning.identity import refuse_other

STATE = "training.safetensors"


@dataclass(frozen=True)
class SavedRun:
    """Weights by name - as they are `now`, their running `mean` and the `best` validated - the optimizer's memory, and plain `facts`."""

    now: dict[str, Tensor]
    mean: dict[str, Tensor]
    best: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    facts: dict[str, Any]

    def write(self, folder: Path, identity: dict[str, Any]) -> None:
        """Into `folder`, as the state of the run that `identity` describes; raises UserError where it cannot be written."""
        tensors = {f"{part}.{name}": t for part in PARTS for name, t in getattr(self, part).items()}
        write_tensors(folder / STATE, tensors, {"identity": json.dumps(identity), "facts": json.dumps(self.facts)})

    @classmethod
    def read(cls, folder: Path, identity: dict[str, Any], device: torch.device) -> Self:
        """What was written last to `folder`; raises UserError when there is nothing, or when it is a run of another identity."""
        try:
            with safe_open(folder / STATE, framework="pt") as file:
                about = file.metadata()
                tensors = {name: file.get_tensor(name).to(device) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise UserError("resume_missing", folder=folder) from error
        refuse_other(folder, json.loads(about["identity"]), identity)
        parts: dict[str, dict[str, Tensor]] = {part: {} for part in PARTS}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = tensor
        return cls(**parts, facts=json.loads(about["facts"]))


PARTS = tuple(f.name for f in fields(SavedRun) if f.name != "facts")
