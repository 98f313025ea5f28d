"""What a session remembers of its last adaptation: the request, its snapshots and its colours. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.serving.requests import Request, Snapshot


@dataclass(frozen=True)
class Run:
    """An adaptation as far as it has come. Later questions are put to `request`, whatever the cards say by then."""

    request: Request
    colours: dict[str, int]  # class -> place in the palette
    history: dict[str, list[Snapshot]] = field(default_factory=dict)

    @property
    def steps(self) -> dict[str, int]:
        """How many steps each algorithm has made."""
        return {name: snapshots[-1].step for name, snapshots in self.history.items()}

    @property
    def reached(self) -> int:
        """The step of the one that is farthest."""
        return max(self.steps.values(), default=0)

    def with_history(self, history: dict[str, list[Snapshot]]) -> Run:
        return replace(self, history={name: list(snapshots) for name, snapshots in history.items()})

    def stopped(self) -> Run:
        """The run cut to what it has come to, so that asking about it does not compute what the visitor stopped."""
        knobs = {name: dict(values) for name, values in self.request.knobs.items()}
        for name, step in self.steps.items():
            if loops := REGISTRY[name].steps_knob:
                knobs.setdefault(name, {})[loops] = step
        return replace(self, request=replace(self.request, algorithms=tuple(self.history), knobs=knobs))


@dataclass(frozen=True)
class Side:
    """What the modality that is not shown had come to: its model and its last adaptation."""

    model: str
    run: Run | None = None
