"""Kernel averages: an answer is the mean of all examples' labels, in which near ones count for more."""

from dataclasses import dataclass

from torch import Tensor

from meta_demo.algorithms.base import State
from meta_demo.algorithms.lesson import Lesson
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
    lesson=Lesson(
        outer=words(
            "A space in which near examples have similar labels: the last layers, and how fast an example counts less with "
            "distance.",
            "一个相近示例标签也相近的空间：末几层的权重，以及示例的分量随距离下降多快。",
        ),
        inner=words(
            "Nothing moves: the examples' embeddings are kept with their labels, and an answer is their mean, in which near ones "
            "count for more.",
            "什么也不移动：保存示例的嵌入及其标签，答案是它们的均值，越近的分量越重。",
        ),
        equation=r"\hat{y}(x) = \frac{\sum_j k_j y_j}{\sum_j k_j}, \quad k_j = \exp\bigl(-s \lVert f_\theta(x) - f_\theta(x_j) "
        r"\rVert^2\bigr)",
        cost=words(
            "One pass over the examples and no gradient; every question looks at every example.",
            "示例过一遍，不求梯度；每个问题都要看每个示例。",
        ),
        use=words(
            "For numbers, when nothing was trained on tasks like these: it assumes only that what is near is alike.",
            "用于数值，且没有在类似任务上训练过时：它只假定相近者相似。",
        ),
        look=words(
            "On straight lines with five points it errs less than every start that was trained on sines; on sines it loses to "
            "all of them within two steps. An answer never leaves the range of the given labels.",
            "在五个点的直线上，它比每个在正弦曲线上训练的起点误差都小；在正弦曲线上，它两步之内就输给所有这些起点。"
            "答案从不超出给定标签的范围。",
        ),
        learned=("layers",),
        moved=("memory",),
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
