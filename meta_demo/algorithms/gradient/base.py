"""The inner loop, once: gradient descent on the support set from a meta-learned start.

Every gradient-based algorithm is this loop with one override: where it starts, its inner loss, its update, the order of its
meta-gradient, or its outer loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd import grad

from meta_demo.algorithms.base import State, Trace
from meta_demo.algorithms.body import BodyAlgorithm, BodyConfig, ScaleConfig, log_scale
from meta_demo.algorithms.gradient.fast import (
    HEAD,
    Fast,
    Step,
    body_of,
    connected,
    descended,
    detached,
    leaves,
    zero,
    zeros,
)
from meta_demo.algorithms.gradient.leave_out import left_out
from meta_demo.algorithms.gradient.together import losses, most, room, traces
from meta_demo.algorithms.gradient.walk_back import walk_back
from meta_demo.backbones.backbone import Backbone
from meta_demo.core import config as knobs
from meta_demo.core.config import knob
from meta_demo.core.examples import Examples, Task
from meta_demo.core.features import Features
from meta_demo.core.heads import linear
from meta_demo.words import words


@dataclass(frozen=True)
class GradientConfig(ScaleConfig, BodyConfig):
    """Knobs of the inner loop."""

    inner_steps: int = knob(
        8,
        words("Inner steps", "内循环步数"),
        words("gradient steps on the support set", "在支持集上的梯度步数"),
        lo=0,
        hi=50,
    )
    inner_lr: float = knob(
        0.2,
        words("Learning rate, Transformer", "学习率（Transformer）"),
        words("how far each step moves the Transformer's weights", "每一步移动 Transformer 权重的幅度"),
        lo=0.0,
        hi=1e6,
    )
    head_lr: float = knob(
        1.0,
        words("Learning rate, head", "学习率（分类头）"),
        words("how far each step moves the classifier head", "每一步移动分类头的幅度"),
        lo=0.0,
        hi=1e6,
    )
    momentum: float = knob(
        0.9,
        words("Momentum", "动量"),
        words("how much of each step the next one goes on with", "每一步有多少延续到下一步"),
        lo=0.0,
        hi=0.99,
    )
    head: str = knob(
        "prototypes",
        words("Head starts from", "分类头的起点"),
        words(
            "prototypes: the class means, for numbers their mean; shared: one learned vector for every class, or on top of that mean",
            "prototypes：类别均值（数值则为其均值）；shared：所有类别共用、或加在该均值之上的一个学习到的向量",
        ),
        choices=("prototypes", "shared"),
    )


class GradientAlgorithm(BodyAlgorithm):
    """Fast weights: the start, moved by `inner_steps` gradient steps on the support loss.

    The head starts from the support set (Proto-MAML) or from one learned vector for every class (UNICORN-MAML).
    """

    Config: ClassVar[type[knobs.Config]] = GradientConfig
    config: GradientConfig
    family = "gradient"
    objectives = frozenset({"classes", "numbers"})
    # A squared error is curved several times as much as a cross-entropy: the rates of the one run away on the other.
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {"numbers": {"inner_lr": 0.05, "head_lr": 0.5}}
    adapts_body = True
    steps_knob = "inner_steps"
    second_order: ClassVar[bool] = False
    separable: ClassVar[bool] = (
        True  # whether `update` moves each weight by its own gradient and the slot of its name alone
    )

    uniform: ClassVar[bool] = (
        True  # whether `update` moves each number by its own gradient and slot, by what the step's index and the knobs say
    )
    descends_untrained: ClassVar[bool] = (
        False  # whether what it does otherwise has to be learned first: from a plain start it is gradient descent by its knobs
    )

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Whoever overrides an update must say itself that it is still separable and uniform; and each that untrained it descends."""
        super().__init_subclass__(**arguments)
        own = vars(cls)
        cls.descends_untrained = own.get("descends_untrained", False)
        cls.separable = own.get("separable", cls.separable and "update" not in own)
        cls.uniform = own.get("uniform", cls.uniform and not own.keys() & {"update", "rate", "init_slots"})

    def __init__(self, backbone: Backbone, config: GradientConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        self.log_scale = log_scale(backbone, config.scale)
        self.shared = nn.Parameter(backbone.head.clone())

    @property
    def differentiates_twice(self) -> bool:
        return self.second_order and self.adapts_body

    # --- what a method may do otherwise ---

    @property
    def moving(self) -> Fast:
        """What of the start in the Transformer a task moves: all of it."""
        return self.body if self.adapts_body else {}

    def start(self, support: Examples, z: Tensor) -> Fast:
        """What a task begins with beside the meta-learned body: its head, made from the support set's embeddings z [S, D]."""
        if self.config.head == "shared":
            return support.objective.shared_head(self.shared, support.y)
        return support.objective.head(z, support.y, self.log_scale.exp())

    def inner_loss(self, step: Step, fast: Fast, out: Tensor, support: Examples) -> Tensor:  # noqa: ARG002
        """What a step descends: the loss of the support's outputs [S, O] under the fast weights -> []."""
        return support.objective.loss(out, support.y)

    def init_slots(self, fast: Fast) -> Fast:
        """What the first update remembers."""
        return zeros(fast) if self.config.momentum else {}

    def update(self, step: Step, fast: Fast, grads: Fast, slots: Fast) -> tuple[Fast, Fast]:
        """One step of gradient descent (Finn et al. 2017, eq. 1) -> fast weights, and what the next update must remember.

        With momentum, v <- m v + g and w <- w - rate v (Polyak 1964; Sutskever et al. 2013, eqs. 1 and 2); m = 0 is Finn's.
        """
        moves = {name: g.add(slots[name], alpha=self.config.momentum) if slots else g for name, g in grads.items()}
        return {
            name: descended(w, moves[name], self.rate(step, name)) for name, w in fast.items()
        }, moves if slots else {}

    def rate(self, step: Step, name: str) -> float | Tensor:  # noqa: ARG002
        """Learning rate of the fast weight `name`; a tensor where it is learned."""
        return self.config.head_lr if name.startswith(HEAD) else self.config.inner_lr

    def seen(self, task: Task) -> Examples:
        """What of a task the inner loop is trained on while the start is learned."""
        return task.support

    def outer_loss(self, fast: Fast, task: Task) -> Tensor:
        """What the start is learned by, given the fast weights that a task ended with: the query's loss -> []."""
        return task.query.objective.loss(self.predict(State(fast), task.query.x), task.query.y)

    def step_weights(self, steps: int) -> Sequence[float]:
        """How much the outer loss after each of 0 to `steps` inner steps counts while the start is learned: the last alone."""
        return [0.0] * steps + [1.0]

    def answer(self, state: State, z: Tensor) -> Tensor:
        return linear(z, state.tensors)

    # --- the outer loss

    def meta_loss(self, task: Task) -> Tensor:
        """The outer loss after adaptation. Second order through the body walks back, so that memory stays flat -> []."""
        if self.differentiates_twice:
            return walk_back(self, task)
        states = self.adapt(self.seen(task), graph=True)
        asked = zip(states, self.step_weights(self.steps), strict=True)
        return torch.stack([weight * self.outer_loss(state.tensors, task) for state, weight in asked if weight]).sum()

    def meta_losses(self, tasks: Sequence[Task]) -> Iterator[Tensor]:
        """Sums over as many tasks as go together where the model is small, else each one's."""
        many = room(self, tasks) if type(self).meta_loss is GradientAlgorithm.meta_loss else 1
        for first in range(0, len(tasks), many):
            some = tasks[first : first + many]
            yield losses(self, some).sum() if len(some) > 1 else self.meta_loss(some[0])

    @property
    def at_once(self) -> int:
        return most(self)

    def traces(self, tasks: Sequence[Task], steps: Sequence[int], *, intervals: bool = True) -> list[Trace]:
        """How each task goes: all at once where the model is small and they are of one shape, else one after the other."""
        if len(tasks) > 1 and room(self, tasks) >= len(tasks):
            return traces(self, tasks, steps, intervals=intervals)
        return super().traces(tasks, steps, intervals=intervals)

    def left_out(self, supports: Sequence[Examples], steps: Sequence[int]) -> list[list[Tensor]] | None:
        return left_out(self, supports, steps)

    # --- the loop ---

    def adapt(self, support: Examples, *, unlabelled: Features | None = None, graph: bool = False) -> Iterator[State]:  # noqa: ARG002
        exact = graph and self.second_order
        support = self.packed(support)
        fast, at, z = self.begin(support, graph=graph)
        slots, start = self.init_slots(fast), fast
        for index in range(self.steps):
            step, out, grads = self.descend(Step(index, start), fast, at, z, support, exact=exact, retain=graph)
            yield State(fast, out) if graph else State(detached(fast), out, z.detach())
            with torch.set_grad_enabled(graph):
                fast, slots = self.update(step, fast, grads, slots)
            if at:
                at = (connected if exact else leaves)(body_of(fast))
                last = index == self.steps - 1  # nothing is differentiated any more
                z = z if graph and last else self.look(at, support, graph=not last)
        yield State(fast) if graph else State(detached(fast), self.answer(State(fast), z).detach(), z.detach())

    def packed(self, support: Examples) -> Examples:
        """The support set in groups made for each other, as it goes through the Transformer many times and always as a whole."""
        return replace(support, x=self.backbone.pack(support.x))

    def begin(self, support: Examples, *, graph: bool) -> tuple[Fast, Fast, Tensor]:
        """The fast weights before the first step, those of them in the Transformer as variables, and the embeddings [S, D] under these.

        With `graph` all are connected to the meta-parameters.
        """
        at = self.moving if graph else leaves(self.moving)
        z = self.look(at, support, graph=graph or bool(at))
        with torch.set_grad_enabled(graph):
            own = self.start(support, z if graph else z.detach())
        fast = {**(at if graph else detached(at)), **own}
        if body_of(own):  # the task begins elsewhere in the Transformer too
            at = (connected if graph else leaves)(body_of(fast))
            z = self.look(at, support, graph=True)
        return fast, at, z

    def look(self, at: Fast, support: Examples, *, graph: bool) -> Tensor:
        """Embeddings [S, D] of the support set under the weights `at`; with `graph` connected to what these are connected to."""
        with torch.set_grad_enabled(graph):
            return self.embed(at, support.x)

    def descend(
        self, step: Step, fast: Fast, at: Fast, z: Tensor, support: Examples, *, exact: bool, retain: bool
    ) -> tuple[Step, Tensor, Fast]:
        """The step with its loss, the support's outputs [S, O], and the gradient of that loss by `fast`.

        z and the fast weights enter the loss as variables of their own: the gradient holds one fixed while it differentiates by the
        other, although the first head was made from z. What the loss owes to z is then carried on to the Transformer's weights `at`,
        which z was made from. `exact` keeps the gradient differentiable, `retain` what z was made from.
        """
        with torch.enable_grad():
            inputs, (seen,) = (
                (connected if exact else leaves)(fast),
                (connected if exact else leaves)({"z": z}).values(),
            )
            out = self.answer(State(inputs), seen if at else z)
            loss = self.inner_loss(step, inputs, out, support)
        *by, by_z = grad(loss, [*inputs.values(), seen], create_graph=exact, allow_unused=True)
        grads: dict[str, Tensor | None] = dict(zip(inputs, by, strict=True))
        if at and by_z is not None:
            through = grad(z, list(at.values()), by_z, create_graph=exact, retain_graph=retain, allow_unused=True)
            for name, g in zip(at, through, strict=True):
                own = grads[name]
                grads[name] = g if own is None else own if g is None else own + g
        return replace(step, loss=loss), out.detach(), {n: zero(fast[n]) if g is None else g for n, g in grads.items()}
