"""Nearest neighbour: the class of the example that is most like the question."""

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
class NearestConfig(MetricConfig, ScaleConfig):
    """Knobs of the nearest neighbour."""


@register(
    "nearest",
    title=words("Nearest neighbour", "最近邻"),
    paper="Cover & Hart 1967",
    about=words(
        "Takes the class of the single most similar example; look for how much one odd example can spoil.",
        "取最相似的那个示例的类别；留意一个异常示例能造成多大影响。",
    ),
)
class NearestNeighbour(MetricAlgorithm):
    """The class of the nearest example; how much nearer than other classes' nearest says how sure that is."""

    Config = NearestConfig
    config: NearestConfig
    family = "baseline"

    def __init__(self, backbone: Backbone, config: NearestConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        self.log_scale = log_scale(backbone, config.scale)

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        return {"examples": z, "targets": support.y}

    def answer(self, state: State, z: Tensor) -> Tensor:
        """-scale |z - e|^2 of each class's nearest example e, up to a constant per row [B, N]."""
        examples, targets = state.tensors["examples"], state.tensors["targets"]
        closeness = self.log_scale.exp() * (2 * z @ examples.T - examples.square().sum(-1))  # [B, S]
        return closeness[:, :, None].masked_fill(targets[None] == 0, float("-inf")).amax(1)
