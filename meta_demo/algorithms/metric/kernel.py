"""Kernel averages: an answer is the mean of all examples' labels, in which near ones count for more."""

from dataclasses import dataclass

from torch import Tensor

from meta_demo.algorithms.base import State
from meta_demo.algorithms.metric.base import AveragingAlgorithm, DistanceConfig
from meta_demo.algorithms.registry import register
from meta_demo.words import words


@dataclass(frozen=True)
class KernelConfig(DistanceConfig):
    """Knobs of a kernel average."""

    scale: float = DistanceConfig.redefault(
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
class Kernel(AveragingAlgorithm):
    """The Nadaraya-Watson estimator in the embedding space, its Gaussian kernel's sharpness learned."""

    Config = KernelConfig
    config: KernelConfig

    def closeness(self, state: State, z: Tensor) -> Tensor:
        """-scale |z - e|^2 of every example e."""
        examples = state.tensors["examples"]
        return self.log_scale.exp() * (2 * z @ examples.T - examples.square().sum(-1))
