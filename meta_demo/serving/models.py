"""The models that a service has loaded: the few used last, each with a shelf of the cache for what is adapted on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import Cache, Shelf
from meta_demo.core.memory import tidy
from meta_demo.serving.admission import Admission

KEPT = 2  # models that stay loaded
_Key = tuple[str, int | None]  # a name, and the seed of random weights


class Models:
    """Loads models by name, once; thread-safe. When a model goes, so does what was adapted on it and would hold it."""

    def __init__(self, device: torch.device, cache: Cache, admission: Admission) -> None:
        self.device, self._cache, self._admission = device, cache, admission
        self._models: dict[_Key, tuple[Backbone, Shelf]] = {}
        self._asked: dict[_Key, tuple[Lock, int]] = {}  # of models being asked for, and by how many
        self._lock = Lock()

    def get(self, name: str, scratch: int | None = None) -> tuple[Backbone, Shelf]:
        """The model called `name`, loaded on first use, and its shelf; raises UserError when it cannot be had. With `scratch` its weights
        are random, by that seed: another model, with a shelf of its own."""
        self._admission.check_model(name)
        key = name, scratch
        with self._alone(key):
            with self._lock:
                found = self._models.pop(key, None)
            if found is None:
                found = load_backbone(name, self.device, self._cache, scratch=scratch), self._cache.shelf()
            with self._lock:
                self._models[key] = found
                gone = [self._models.pop(next(iter(self._models)))[1] for _ in range(len(self._models) - KEPT)]
        for shelf in gone:
            shelf.close()
        if gone:
            tidy(settled=True)
        return found

    def is_loaded(self, name: str) -> bool:
        with self._lock:
            return (name, None) in self._models

    def loaded(self) -> set[str]:
        """The names of the models that are loaded."""
        with self._lock:
            return {name for name, _ in self._models}

    @contextmanager
    def _alone(self, key: _Key) -> Iterator[None]:
        """One thread at a time for each model; nothing of it is kept once nobody waits any more."""
        with self._lock:
            lock, asking = self._asked.get(key, (Lock(), 0))
            self._asked[key] = lock, asking + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                asking = self._asked.pop(key)[1] - 1
                if asking:
                    self._asked[key] = lock, asking
