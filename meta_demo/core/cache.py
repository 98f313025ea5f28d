"""One cache for everything that may be computed again: least recently used out first, bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Any

from torch import Tensor


def size_of(value: Any) -> int:
    """Bytes of the tensors in a tensor, or in nested dicts and sequences of tensors."""
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    return sum(map(size_of, value)) if isinstance(value, list | tuple) else 0


class Cache:
    """Thread-safe byte-bounded LRU. A value larger than the whole bound is not kept: callers must be able to recompute."""

    def __init__(self, limit: int) -> None:
        self.limit, self.size = limit, 0
        self._items: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Any | None:
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key][0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keep `value`, which takes `size` bytes."""
        with self._lock:
            if key in self._items:
                self.size -= self._items.pop(key)[1]
            if size > self.limit:
                return
            self._items[key] = (value, size)
            self.size += size
            while self.size > self.limit:
                self.size -= self._items.popitem(last=False)[1][1]
