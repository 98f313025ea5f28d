"""One process or many: the few operations that training and evaluation share between them, by `accelerate`.

Under `torchrun --nproc_per_node N` the same command runs in N processes; each takes every N-th task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from meta_demo.core.settings import settings


class Processes:
    """Which process this is, of how many, and sums and lists over all of them. Alone, everything is the identity."""

    def __init__(self) -> None:
        self._state: Any = None
        if settings().processes > 1:
            from accelerate import PartialState

            self._state = PartialState(cpu=settings().device == "cpu" or not torch.cuda.is_available())
        self.index: int = self._state.process_index if self._state else 0
        self.count: int = self._state.num_processes if self._state else 1

    @property
    def device(self) -> torch.device | None:
        """The device of this process where there are many; None leaves the choice to `choose_device`."""
        return self._state.device if self._state else None

    @property
    def is_main(self) -> bool:
        return self.index == 0

    def mine(self, tasks: Sequence[int] | range) -> Sequence[int]:
        """The share of this process."""
        return tasks[self.index :: self.count]

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Each tensor becomes its sum over the processes, in place and in one message."""
        if self.count == 1:
            return
        flat = torch.cat([t.flatten() for t in tensors])
        torch.distributed.all_reduce(flat)
        at = 0
        for tensor in tensors:
            tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
            at += tensor.numel()

    def gather(self, items: list[Any]) -> list[Any]:
        """The lists of all processes, woven together in the order of the tasks that `mine` dealt out."""
        if self.count == 1:
            return items
        parts: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(parts, items)
        return [parts[i % self.count][i // self.count] for i in range(sum(map(len, parts)))]

    def agree(self, value: bool) -> bool:
        """The main process's answer, everywhere: whether time is up must not differ between processes."""
        if self.count == 1:
            return value
        box = [value]
        torch.distributed.broadcast_object_list(box)
        return bool(box[0])
