"""Nearest neighbour: the class of the example that is most like the question."""

from torch import Tensor

from meta_demo.algorithms.base import State
from meta_demo.algorithms.metric.base import DistanceAlgorithm
from meta_demo.algorithms.registry import register
from meta_demo.core.examples import Examples
from meta_demo.core.heads import distance_logits
from meta_demo.words import words


@register(
    "nearest",
    title=words("Nearest neighbour", "最近邻"),
    paper="Cover & Hart 1967",
    about=words(
        "Takes the class of the single most similar example; look for how much one odd example can spoil.",
        "取最相似的那个示例的类别；留意一个异常示例能造成多大影响。",
    ),
)
class NearestNeighbour(DistanceAlgorithm):
    """The class of the nearest example; how much nearer than other classes' nearest says how sure that is."""

    family = "baseline"

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        return {"examples": z, "targets": support.y}

    def answer(self, state: State, z: Tensor) -> Tensor:
        """-scale |z - e|^2 of each class's nearest example e [B, N]."""
        examples, targets = state.tensors["examples"], state.tensors["targets"]
        closeness = distance_logits(z, examples, self.log_scale.exp())  # [B, S]
        return closeness[:, :, None].masked_fill(targets[None] == 0, float("-inf")).amax(1)
