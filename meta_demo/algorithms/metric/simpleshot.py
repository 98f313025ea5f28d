"""SimpleShot: nearest class mean, once embeddings are centred on what is usual and brought to one length."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.metric.base import DistanceAlgorithm, DistanceConfig
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.examples import Examples
from meta_demo.core.features import Features
from meta_demo.core.heads import prototypes
from meta_demo.words import words

MOST = 2000  # inputs whose mean is the centre


@register(
    "simpleshot",
    title=words("SimpleShot"),
    paper="Wang et al. 2019",
    about=words(
        "Subtracts from every embedding the mean of all training data, then takes the nearest class mean; look for how far so little goes.",
        "从每个嵌入中减去全部训练数据的均值，再取最近的类别均值；留意这么简单能走多远。",
    ),
    lesson=Lesson(
        outer=words(
            "The layers, and the centre that distances are seen from. The centre begins as the mean embedding of all training "
            "data.",
            "各层的权重，以及看距离时所在的中心。中心起初是全部训练数据嵌入的均值。",
        ),
        inner=words(
            "Class means of embeddings that were centred and brought to one length. There is no gradient step.",
            "嵌入经居中并归一到同一长度后的类别均值。没有梯度步。",
        ),
        equation=r"z(x) = \frac{f_\theta(x) - \mu}{\lVert f_\theta(x) - \mu \rVert}, \quad p(y = n \mid x) = \text{softmax}_n \bigl(-s "
        r"\lVert z(x) - c_n \rVert^2\bigr)",
        cost=words(
            "What prototypical networks cost, and one vector more to keep.",
            "与原型网络相同，另存一个向量。",
        ),
        use=words(
            "When all embeddings of an encoder point the same way, so that what they share hides what tells them apart.",
            "当编码器的所有嵌入都朝同一方向，其共同之处掩盖了差异时。",
        ),
        look=words(
            "Without a start the centre is zero. With the mean of training sentences for a centre, one "
            "example a class was worth up to a point more than with class means alone, and five hardly any.",
            "没有起点时中心为零。以训练句子的均值为中心时，每类一个示例时比单用类别均值至多高一个百分点，"
            "五个示例时几乎没有差别。",
        ),
        learned=("layers", "metric"),
        moved=("prototypes",),
    ),
)
class SimpleShot(DistanceAlgorithm):
    """Nearest class mean of centred embeddings of unit length (Wang et al. 2019, section 3, CL2N). Without training the centre is zero."""

    def __init__(self, backbone: Backbone, config: DistanceConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        self.centre = nn.Parameter(torch.zeros_like(backbone.head))

    @torch.no_grad()
    def prepare(self, sources: Sequence[Any]) -> None:
        """Take the mean embedding of the training data for the centre, from which the outer loop goes on."""
        classes = [texts for source in sources for texts in source.classes.values()]
        contents = [content for texts in classes for content in texts[: max(1, MOST // len(classes))]]
        if contents:
            self.centre.copy_(super().embed({}, self.features(contents)).mean(0))

    def embed(self, tensors: dict[str, Tensor], x: Features) -> Tensor:
        """Unit embeddings [B, D] around the centre."""
        return normalize(super().embed(tensors, x) - self.centre, dim=-1)

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        return {"prototypes": normalize(prototypes(z, support.y), dim=-1)}
