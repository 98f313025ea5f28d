"""The models that a service has loaded: the few used last, each with a shelf of the cache for what is adapted on it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import Cache, Shelf
from meta_demo.core.memory import give_back
from meta_demo.serving.admission import Admission

KEPT = 2  # models that stay loaded


class Models:
    """Loads models by name, once; thread-safe. When a model goes, so does what was adapted on it and would hold it."""

    def __init__(self, device: torch.device, cache: Cache, admission: Admission) -> None:
        self.device, self._cache, self._admission = device, cache, admission
        self._models: dict[str, tuple[Backbone, Shelf]] = {}
        self._asked: dict[str, tuple[Lock, int]] = {}  # of names being asked for, and by how many
        self._lock = Lock()

    def get(self, name: str) -> tuple[Backbone, Shelf]:
        """The model called `name`, loaded on first use, and its shelf; raises UserError when it cannot be had."""
        self._admission.check_model(name)
        with self._alone(name):
            with self._lock:
                found = self._models.pop(name, None)
            found = found or (load_backbone(name, self.device, self._cache), self._cache.shelf())
            with self._lock:
                self._models[name] = found
                gone = [self._models.pop(next(iter(self._models)))[1] for _ in range(len(self._models) - KEPT)]
        for shelf in gone:
            shelf.close()
        if gone:
            gc.collect()
            give_back()
        return found

    def is_loaded(self, name: str) -> bool:
        with self._lock:
            return name in self._models

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """One thread at a time for each name; nothing of the name is kept once nobody waits any more."""
        with self._lock:
            lock, asking = self._asked.get(name, (Lock(), 0))
            self._asked[name] = lock, asking + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                asking = self._asked.pop(name)[1] - 1
                if asking:
                    self._asked[name] = lock, asking
