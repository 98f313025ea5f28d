"""Kernel averages: an answer is the mean of all examples' labels, in which near ones count for more."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from meta_demo.algorithms.base import State
from meta_demo.algorithms.body import ScaleConfig, log_scale
from meta_demo.algorithms.metric.base import MetricAlgorithm, MetricConfig
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.examples import Examples
from meta_demo.words import words


@dataclass(frozen=True)
class KernelConfig(MetricConfig, ScaleConfig):
    """Knobs of a kernel average."""

    scale: float = ScaleConfig.redefault(
        "scale",
        help=words(
            "how much more near examples count than far ones: small averages all, large takes the nearest alone",
            "近处示例比远处示例多算多少：小则平均全部示例，大则只取最近的一个",
        ),
    )


@register(
    "kernel",
    title=words("Kernel average", "核平均"),
    paper="Nadaraya 1964; Watson 1964",
    about=words(
        "Answers with the mean of all your examples, near ones counting for more; does numbers as well as classes, at once.",
        "用全部示例的平均值作答，越近的示例分量越重；数值和类别都能做，立即可得。",
    ),
)
class Kernel(MetricAlgorithm):
    """The Nadaraya-Watson estimator in the embedding space, its Gaussian kernel's sharpness learned."""

    Config = KernelConfig
    config: KernelConfig
    objectives = frozenset({"classes", "numbers"})

    def __init__(self, backbone: Backbone, config: KernelConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        self.log_scale = log_scale(backbone, config.scale)

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        return {"examples": z, "targets": support.y}

    def answer(self, state: State, z: Tensor) -> Tensor:
        return self._average(state, self._closeness(state, z))

    def left_out(self, supports: Sequence[Examples]) -> list[list[Tensor]]:
        """Each example by all others: nothing is closer to it than itself, so its own weight is taken away."""
        states = [next(self.adapt(support)) for support in supports]
        closeness = [
            self._closeness(state, state.tensors["examples"]).fill_diagonal_(float("-inf")) for state in states
        ]
        return [[self._average(state, others)] for state, others in zip(states, closeness, strict=True)]

    def _closeness(self, state: State, z: Tensor) -> Tensor:
        """The logarithm of every example's weight [B, S], -scale |z - e|^2, up to a constant per row."""
        examples = state.tensors["examples"]
        return self.log_scale.exp() * (2 * z @ examples.T - examples.square().sum(-1))

    def _average(self, state: State, closeness: Tensor) -> Tensor:
        assert state.objective, "adapt() says what its labels are"
        return state.objective.from_average(closeness.softmax(-1) @ state.tensors["targets"])
