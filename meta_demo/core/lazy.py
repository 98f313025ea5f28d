"""Properties that are computed when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class lazy(Generic[T]):
    """A property that is computed at its first use and kept with its object.

    The standard library's `cached_property` holds one lock for all objects of a class while it computes, before Python 3.12: threads of
    different visitors wait for each other, and a process that was forked meanwhile waits for ever. Here nobody waits; two threads that
    ask at once may both compute what is the same.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> T | Self:
        if instance is None:
            return self
        value = vars(instance)[self.name] = self.compute(instance)
        return value
