"""Which algorithms do the same from a plain start, so that one is computed for all of them.

MAML, its first order and Reptile differ in how a start is learned. MAML++, Meta-SGD and the rules differ in what they have learned: from
a plain start they are gradient descent, as MAML is without momentum.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.body import BodyConfig
from meta_demo.algorithms.gradient import abreast
from meta_demo.algorithms.gradient.base import GradientAlgorithm
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.loading import suited
from meta_demo.backbones.scopes import SCOPES

DIFFERENT = ("moving", "body", "weights", "start", "inner_loss", "init_slots", "update", "rate", "answer")
LOOP = (*abreast.LOOP, *DIFFERENT)
REACH = {knob.name for knob in BodyConfig.knobs()} - {"scope"}  # what a scope that is the whole model does not read


def first_alike(name: str, names: Sequence[str], model: str) -> str:
    """The first of `names` that does the same as `name` from the plain start of a bundled model, given as many inner steps."""
    return next(other for other in names if _acts(REGISTRY[other], model) == _acts(REGISTRY[name], model))


@cache
def _acts(cls: type[Algorithm], model: str) -> tuple[Any, ...]:
    """What an algorithm does from a plain start."""
    loop = GradientAlgorithm if issubclass(cls, GradientAlgorithm) and cls.descends_untrained else cls
    knobs = {knob.name: cls.Config.knob(knob.name).default for knob in loop.Config.knobs()}
    knobs |= suited(model, cls.name, [*knobs])
    unread = REACH if knobs.get("scope") in SCOPES and SCOPES[knobs["scope"]].whole else set()
    acting = {name: value for name, value in knobs.items() if name not in unread and name != cls.steps_knob}
    return (*(getattr(loop, act, None) for act in LOOP), cls.adapts_body, tuple(sorted(acting.items())))
