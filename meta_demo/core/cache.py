"""One cache for everything that may be computed again: least recently used out first, bounded in the bytes that it keeps alive.

Here: the cache, the shelves that its users have in it, and how many bytes a value keeps alive. Not here: giving memory back to the
system (`memory.py`).
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import is_dataclass
from itertools import count
from threading import RLock
from typing import Any

from torch import Tensor, nn

from meta_demo.core.settings import settings

MB = 1 << 20
SERVING, LEARNING = (
    512,
    2000,
)  # MB where nothing is set: beside visitors on a small host, and in a command that has the machine to itself
ENTRY = 512  # bytes of the cache's own books for an entry, and of a tensor beside its numbers


def size_of(value: Any) -> int:
    """Bytes of the numbers in a tensor, or in nested dicts and sequences of tensors, each counted wherever it stands."""
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    return sum(map(size_of, value)) if isinstance(value, list | tuple) else 0


def footprint(value: Any) -> int:
    """Bytes that `value` keeps alive: whole storages of tensors, each once, and whatever containers, modules and plain data hold.

    Objects of any other kind are taken for shared ones, such as a backbone, that somebody else keeps.
    """
    seen: set[int] = set()
    storages: set[int] = set()
    total, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:  # an address within one walk, during which `value` holds every item
            continue
        seen.add(id(item))
        if isinstance(item, Tensor):
            storage = item.untyped_storage()
            total += ENTRY + (0 if storage.data_ptr() in storages else storage.nbytes())
            storages.add(storage.data_ptr())
            waiting.append(item.grad)
        else:
            total += sys.getsizeof(item)
            waiting.extend(_parts(item))
    return total


def _parts(item: Any) -> Iterable[Any]:
    if isinstance(item, Mapping):
        return [*item.keys(), *item.values()]
    if isinstance(item, list | tuple | set | frozenset):
        return item
    if isinstance(item, nn.Module | BaseException) or is_dataclass(item):
        return vars(item).values()
    return ()


class Cache:
    """Thread-safe byte-bounded LRU. A value larger than the whole bound is not kept: callers must be able to recompute."""

    def __init__(self, limit: int) -> None:
        self.limit, self.size = limit, 0
        self._items: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        # Dropping a value may drop a model, whose end closes a shelf: the thread that holds the lock comes back for it.
        self._lock = RLock()
        self._numbers = count()

    @classmethod
    def as_set(cls, default: int) -> Cache:
        """A cache of the megabytes that META_DEMO_CACHE_MB says, `default` where it says nothing; raises UserError."""
        said = settings().cache_mb
        return cls((default if said is None else said) * MB)

    def get(self, key: Hashable) -> Any | None:
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key][0]

    def put(self, key: Hashable, value: Any) -> None:
        """Keep `value`; it and its key count for the bytes they keep alive, as they stand now."""
        size = ENTRY + footprint((key, value))
        with self._lock:
            self._drop(key)
            if size > self.limit:
                return
            self._items[key] = (value, size)
            self.size += size
            while self.size > self.limit:
                self._drop(next(iter(self._items)))

    def shelf(self) -> Shelf:
        """A part of the cache for the entries of one owner."""
        return Shelf(self, next(self._numbers))

    def drop(self, number: int) -> None:
        """Forget everything on the shelf with this number."""
        with self._lock:
            for key in [key for key in self._items if isinstance(key, tuple) and key[0] == number]:
                self._drop(key)

    def _drop(self, key: Hashable) -> None:
        _, size = self._items.pop(key, (None, 0))
        self.size -= size


class Shelf:
    """The entries of one owner in a cache that it shares with others; no two shelves ever have the same number.

    Once closed it keeps nothing, whoever still computes for it.
    """

    def __init__(self, cache: Cache, number: int) -> None:
        self._cache, self._number, self._open = cache, number, True

    @property
    def limit(self) -> int:
        """Bytes of the largest value that could be kept."""
        return self._cache.limit

    def get(self, key: Hashable) -> Any | None:
        return self._cache.get((self._number, key))

    def put(self, key: Hashable, value: Any) -> None:
        if self._open:
            self._cache.put((self._number, key), value)
            if not self._open:  # closed meanwhile
                self.close()

    def close(self) -> None:
        """Forget everything, and keep nothing from now on."""
        self._open = False
        self._cache.drop(self._number)
