"""How an algorithm is found by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from meta_demo.algorithms.lesson import Lesson
from meta_demo.core.errors import UserError
from meta_demo.core.objective import Objective
from meta_demo.words import Words

if TYPE_CHECKING:
    from meta_demo.algorithms.base import Algorithm

REGISTRY: dict[str, type[Algorithm]] = {}
BROKEN: dict[str, str] = {}  # module -> why it could not be imported: the others go on without it


def register(
    name: str, *, title: Words | None = None, paper: str = "", about: Words | None = None, lesson: Lesson | None = None
) -> Callable[[type[Algorithm]], type[Algorithm]]:
    """Class decorator: makes the algorithm known to page, command line, benchmarks and tests under `name`.

    Without a title it is called by that name; without a `lesson` the Learn tab says what it is `about`. Raises ValueError
    when another algorithm has the name already.
    """

    def add(cls: type[Algorithm]) -> type[Algorithm]:
        if name in REGISTRY:
            other = REGISTRY[name]
            raise ValueError(
                f"{cls.__module__}.{cls.__qualname__} and {other.__module__}.{other.__qualname__} are both called {name}"
            )
        cls.name, cls.title, cls.paper, cls.about, cls.lesson = name, title or {}, paper, about or {}, lesson
        REGISTRY[name] = cls
        return cls

    return add


def get_algorithm(name: str) -> type[Algorithm]:
    """The registered class; raises UserError naming those there are."""
    if name not in REGISTRY:
        raise UserError("algorithm_unknown", name=name, known=", ".join(sorted(REGISTRY)))
    return REGISTRY[name]


def able_to(objective: str) -> list[str]:
    """The algorithms that can learn labels of that objective."""
    return sorted(name for name, cls in REGISTRY.items() if objective in cls.objectives)


def check_able(classes: Sequence[type[Algorithm]], objective: type[Objective]) -> None:
    """Raises UserError, which names those that can, where one of `classes` cannot learn labels of that objective."""
    for cls in classes:
        if objective.name not in cls.objectives:
            able = ", ".join(able_to(objective.name))
            raise UserError("algorithm_objective", algorithm=cls.name, objective=objective.title, able=able)
