"""What crosses between this process and the one that is lent a GPU, and for how long it is lent.

Nothing but arrays and plain values does, since the other process shares no memory with this one and ends with the loan.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch

from meta_demo.core.errors import Note, UserError
from meta_demo.modalities.base import MODALITIES, Content, modality_of

Work = dict[str, Any]  # what is to be done, in plain values and arrays
Piece = dict[str, Any]  # one state of one job, one step of a training, or how either ended

GPU_RATE, CPU_RATE = 4e12, 4e10  # operations a second that small batches reach
OVERHEAD = 0.1  # seconds of a step, however small
START = 12  # seconds until the process has its model on the GPU
LONGEST = 60  # seconds: who asks for more waits longer, and has soon used up what is lent in a day


class Refused(Exception):
    """No GPU is lent, for the reason that the note says."""

    def __init__(self, note: Note) -> None:
        super().__init__(note.name)
        self.note = note


def cpu_seconds(work: Work) -> float:
    """About how long the work would take on a CPU."""
    return float(work["operations"] / CPU_RATE)


def gpu_seconds(operations: float, steps: float) -> float:
    """About how long it takes on a GPU that has the model."""
    return operations / GPU_RATE + OVERHEAD * steps


def seconds(work: Work) -> int:
    """How long to borrow a GPU for `work`: computed from examples, tokens and steps, and never more than is lent."""
    return min(LONGEST, int(START + gpu_seconds(work["operations"], work["steps"])))


def packed(content: Content) -> Any:
    """An input as plain values and arrays."""
    if not dataclasses.is_dataclass(content):
        return content
    fields = {f.name: getattr(content, f.name) for f in dataclasses.fields(content)}
    plain = {k: np.frombuffer(v, np.uint8) if isinstance(v, bytes) else v for k, v in fields.items()}
    return {"modality": modality_of(content).name, "fields": plain}


def unpacked(said: Any) -> Content:
    """The input that `packed` made plain."""
    if not isinstance(said, dict):
        return said  # type: ignore[no-any-return]
    fields = {k: v.tobytes() if isinstance(v, np.ndarray) else v for k, v in said["fields"].items()}
    content: Content = MODALITIES[said["modality"]].content(**fields)
    return content


def written(error: UserError | torch.OutOfMemoryError) -> Piece:
    """What went wrong, as a piece."""
    if not isinstance(error, UserError):
        return {"error": None}
    return {"error": error.name, "values": {k: str(v) if isinstance(v, Path) else v for k, v in error.values.items()}}


def read(piece: Piece) -> UserError | torch.OutOfMemoryError | None:
    """What went wrong, where a piece says that something did."""
    if "error" not in piece:
        return None
    return UserError.again(piece["error"], piece["values"]) if piece["error"] else torch.OutOfMemoryError()
