"""Which algorithms start meta-trained: what there is to start from, what the visitor switched off, and the knobs that go with it.

Plain data and pure functions; the boxes and controls that show them are in `layout.py`, what they do in `handlers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.loading import suited
from meta_demo.core.errors import UserError
from meta_demo.learning import checkpoint
from meta_demo.learning.own_start import OwnStart
from meta_demo.serving.requests import PLAIN, Learner

BASELINE = "finetune"  # switched off until somebody asks for it: the others are compared with its plain run

TRAINED, BOTH, THREE = (
    "trained",
    "both",
    "three",
)  # where the chosen algorithms start from, beside PLAIN; THREE adds random weights
SCOPE = "scope"  # the knob that a random start does not have: every weight of it adapts
Bases = dict[str, dict[str, Any]]  # algorithm -> knob -> the value it has where the visitor changes nothing


@dataclass(frozen=True)
class Switch:
    """The boxes as they were shown last: `shown` has one each, `plain` are those switched off, whether shown or not.

    `origin` says where all start from; only where that is TRAINED do the boxes make exceptions. `bases` are the values of untouched
    knobs: the starts' own, or the algorithms' defaults; `objective` says for what labels.
    """

    shown: tuple[str, ...] = ()
    plain: frozenset[str] = frozenset({BASELINE})
    bases: Bases = field(default_factory=dict)
    objective: str = checkpoint.CLASSES
    origin: str = TRAINED

    def heard(self, ticked: Sequence[str] | None) -> Switch:
        """What the boxes say now; an algorithm without a box stays as it was."""
        off = set(self.shown) - set(ticked or ())
        return replace(self, plain=(self.plain - set(self.shown)) | off)

    @property
    def ticked(self) -> list[str]:
        return [name for name in self.shown if name not in self.plain]

    def fitted(
        self, model: str, chosen: Sequence[str], own: Sequence[OwnStart], objective: str = checkpoint.CLASSES
    ) -> Switch:
        """The boxes for a model, the algorithms chosen from it, and what labels are."""
        folders = {name: folder_of(model, name, own, objective) for name in REGISTRY}
        shown = tuple(name for name in sorted(chosen) if folders.get(name))
        bases = {n: _base(model, n, None if self._off(n) else folder, objective) for n, folder in folders.items()}
        return replace(self, shown=shown, bases=bases, objective=objective)

    def checkpoints(self, model: str, chosen: Sequence[str], own: Sequence[OwnStart]) -> dict[str, str]:
        """What a request says of the chosen algorithms that have a meta-trained start."""
        folders = {name: folder_of(model, name, own, self.objective) for name in chosen}
        return {name: PLAIN if self._off(name) else str(folder) for name, folder in folders.items() if folder}

    def also(
        self, model: str, chosen: Sequence[str], own: Sequence[OwnStart], knobs: Mapping[str, dict[str, Any]]
    ) -> dict[Learner, dict[str, Any]]:
        """The twins of the algorithms that start in more than one way, each with the knobs of its meta-trained start: from plain weights,
        and where three starts are asked for from random ones."""
        if self.origin not in (BOTH, THREE):
            return {}
        found = {}
        for name in self.checkpoints(model, chosen, own):
            same = self.bases[name] | knobs.get(name, {})
            found[Learner(name, PLAIN)] = same
            if self.origin == THREE:
                found[Learner(name, checkpoint.RANDOM)] = {knob: value for knob, value in same.items() if knob != SCOPE}
        return found

    def among(self, origins: Sequence[str]) -> Switch:
        """The same where only these origins can be chosen."""
        return self if self.origin in origins else replace(self, origin=BOTH)

    def _off(self, name: str) -> bool:
        """Whether an algorithm starts from plain weights alone."""
        return self.origin == PLAIN or (self.origin == TRAINED and name in self.plain)


def origins_of(*, scratch: bool) -> tuple[str, ...]:
    """Where the algorithms can start from; a random start is among it where that says something."""
    return (TRAINED, PLAIN, BOTH, *((THREE,) if scratch else ()))


def folder_of(model: str, algorithm: str, own: Sequence[OwnStart], objective: str = checkpoint.CLASSES) -> Path | None:
    """The meta-trained start of an algorithm for such labels: the visitor's own, the last of them, or the one we ship."""
    wanted = (model, algorithm, objective)
    mine = [start.folder for start in own if (start.model, start.algorithm, start.objective) == wanted]
    return mine[-1] if mine else checkpoint.shipped(*wanted)


def is_own(folder: str) -> bool:
    """Whether a start was made by a visitor, not shipped."""
    return not Path(folder).is_relative_to(checkpoint.SHIPPED)


def _base(model: str, algorithm: str, folder: Path | None, objective: str) -> dict[str, Any]:
    """The knobs of a start; those that suit the model where there is none, or where its card cannot be read: adapting says so."""
    cls = REGISTRY[algorithm]
    values = {k.name: k.default for k in cls.Config.knobs()} | dict(cls.defaults.get(objective, {}))
    values |= suited(model, algorithm, values)
    if folder:
        with suppress(UserError):
            card = checkpoint.read_card(folder).config
            values |= {name: card[name] for name in values if name in card}
    return values
