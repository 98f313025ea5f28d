"""Relation networks: how near two things are is not a given distance, but learned as well."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from meta_demo.algorithms.base import State
from meta_demo.algorithms.body import ScaleConfig
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.metric.base import MetricAlgorithm, MetricConfig
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.core.examples import Examples
from meta_demo.core.heads import prototypes
from meta_demo.words import words


@dataclass(frozen=True)
class RelationConfig(MetricConfig, ScaleConfig):
    """Knobs of a relation network."""

    width: int = knob(
        64,
        words("Width of the relation module", "关系模块的宽度"),
        words("hidden units that judge how an input is related to a class", "判断输入与类别关系的隐藏单元数"),
        lo=1,
        hi=1024,
    )


@register(
    "relation",
    title=words("Relation network", "关系网络"),
    paper="Sung et al. 2018",
    about=words(
        "A small network judges how an input is related to each class's mean; look for classes that a plain distance mixes up.",
        "由一个小网络判断输入与各类别均值的关系；留意普通距离会混淆的类别。",
    ),
    lesson=Lesson(
        outer=words(
            "The layers, and a small network that judges how an input is related to a class's mean: what nearness is, is learned.",
            "各层的权重，以及一个判断输入与类别均值有何关系的小网络：何谓接近也是学出来的。",
        ),
        inner=words(
            "Each class becomes the mean of its examples' embeddings. There is no gradient step.",
            "每个类别成为其示例嵌入的均值。没有梯度步。",
        ),
        equation=r"r_n(x) = v^\top \text{relu}\bigl(W \, [\, z, \; c_n, \; (z - c_n)^2 \,] + b\bigr), \quad z = f_\theta(x)",
        cost=words(
            "What prototypical networks cost, and a small network for every pair of a question and a class.",
            "与原型网络相同，另外每个问题与类别的配对都要过一个小网络。",
        ),
        use=words(
            "When distance in the embedding misleads, and there are many tasks to learn a better comparison from.",
            "当嵌入中的距离会误导，且有许多任务可供学习更好的比较时。",
        ),
        look=words(
            "Its network begins as plain distance, so before meta-training it answers as a prototypical network does. From its "
            "start it is as good as that from its own: on sentences a learned comparison gains nothing beyond the encoder.",
            "它的网络起初就是普通距离，所以元训练之前与原型网络的答案相同。从自带起点开始时，两者一样好："
            "对句子而言，学习到的比较在编码器之外没有收益。",
        ),
        learned=("layers", "metric"),
        moved=("prototypes",),
    ),
)
class RelationNetwork(MetricAlgorithm):
    """A relation module of one hidden layer over an embedding, a prototype and their squared differences (Sung et al. 2018, eq. 1).

    Before training one hidden unit adds the squared differences up, and the others are not listened to: prototypical networks.
    """

    Config = RelationConfig
    config: RelationConfig

    def __init__(self, backbone: Backbone, config: RelationConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        like, d = backbone.head, len(backbone.head)
        drawn = torch.randn(config.width, 3 * d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        drawn[0] = torch.cat([drawn.new_zeros(2 * d), drawn.new_full((d,), (3 * d) ** 0.5)])
        self.hidden = nn.Parameter((drawn * (3 * d) ** -0.5).to(like))
        self.bias = nn.Parameter(like.new_zeros(config.width))
        heard = torch.zeros(config.width, dtype=torch.float64)
        heard[0] = -config.scale
        self.heard = nn.Parameter(heard.to(like))

    def related(self, z: Tensor, c: Tensor) -> Tensor:
        """The relation score [B, N] of embeddings z [B, D] to prototypes c [N, D]; z and c enter the first layer once each."""
        by_z, by_c, by_both = self.hidden.chunk(3, dim=1)
        squares = (z[:, None] - c[None]).square() @ by_both.T
        return (squares + (z @ by_z.T)[:, None] + (c @ by_c.T)[None] + self.bias).relu() @ self.heard

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        return {"prototypes": prototypes(z, support.y)}

    def answer(self, state: State, z: Tensor) -> Tensor:
        return self.related(z, state.tensors["prototypes"])
