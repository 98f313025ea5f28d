"""CAVIA: a task moves a few context tokens, and the Transformer that reads them is learned over all tasks."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from meta_demo.algorithms.gradient.base import GradientAlgorithm, GradientConfig
from meta_demo.algorithms.gradient.fast import Fast
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.backbones.added import TOKENS
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.scopes import SCOPES
from meta_demo.backbones.scopes.start_of_tokens import check_tokens, drawn
from meta_demo.words import words


@dataclass(frozen=True)
class CAVIAConfig(GradientConfig):
    """MAML's knobs; the scope is what the outer loop alone learns, and the added tokens are the context."""

    scope: str = GradientConfig.scopes([name for name, scope in SCOPES.items() if not scope.adds and name != "head"])
    tokens: int = GradientConfig.redefault(
        "tokens",
        4,
        title=words("Context tokens", "上下文词元数"),
        help=words(
            "how many tokens stand before those of an input for what is special to the task; attention maps leave them out",
            "置于输入之前、代表任务特点的词元数；注意力图不显示它们",
        ),
    )
    inner_lr: float = GradientConfig.redefault("inner_lr", 1.0)


@register(
    "cavia",
    title=words("CAVIA"),
    paper="Zintgraf et al. 2019",
    about=words(
        "Moves a few context tokens and the head, never the Transformer's weights; look for how much so little can say about a task.",
        "只移动少量上下文词元和分类头，从不改动 Transformer 的权重；留意这么少的量能说明多少任务信息。",
    ),
    lesson=Lesson(
        outer=words(
            "Where in the embedding space the context tokens are placed, and the weights of the last layers that read them.",
            "上下文词元放在嵌入空间的何处，以及读取它们的末几层权重。",
        ),
        inner=words(
            "A few tokens before those of the input, which say what is special to the task, and the head. No weight of the "
            "Transformer moves.",
            "输入之前的几个词元，用来说明任务的特点；还有分类头。Transformer 的权重一个也不动。",
        ),
        equation=r"\theta \leftarrow \theta - \beta \nabla_\theta \sum_i \mathcal{L}^{\text{query}}_i(\theta, \phi_i), \quad \phi_i = 0 - "
        r"\alpha \nabla_\phi \mathcal{L}^{\text{support}}_i(\theta, \phi) \bigr|_{\phi = 0}",
        cost=words(
            "A task is a few tokens and a head, not a copy of weights. A step still takes a gradient through the last layers, "
            "and training second derivatives.",
            "一个任务只是几个词元和一个分类头，而非一份权重的副本。每一步仍须对末几层求梯度，训练仍须二阶导数。",
        ),
        use=words(
            "When many tasks are to be kept side by side, each as small as possible, on one model that all share.",
            "当许多任务要并存、每个都尽量小、且共用同一个模型时。",
        ),
        look=words(
            "On sines, from its start, a step of four tokens and the head is worth nearly a step of all weights with MAML. From "
            "plain weights the tokens say next to nothing: eight steps leave the error where it was.",
            "在正弦曲线上，从自带起点出发，四个词元和分类头走一步，几乎抵得上 MAML 让全部权重走一步。从普通权重出发，这些词元几乎说明"
            "不了什么：八步之后误差仍在原处。",
        ),
        learned=("layers", "context"),
        moved=("context", "head"),
    ),
)
class CAVIA(GradientAlgorithm):
    """MAML whose inner loop moves context tokens alone (Zintgraf et al. 2019, algorithm 1), with the head as the family does.

    A task's context is zero at first; it is added to where the tokens are placed, which the outer loop learns with the body.
    """

    Config = CAVIAConfig
    config: CAVIAConfig
    second_order = True

    def __init__(self, backbone: Backbone, config: CAVIAConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        layer = backbone.reachable(self.boundary)
        self.token_name = f"{backbone.layers_path}.{layer}.{TOKENS}"
        placed = drawn(backbone, layer, config.tokens, torch.Generator().manual_seed(seed))
        check_tokens(backbone, self.name, {self.token_name: placed})
        self.placement = nn.Parameter(placed)

    @property
    def body(self) -> dict[str, Tensor]:
        return {**super().body, self.token_name: self.placement}

    @property
    def moving(self) -> Fast:
        """The context, as it is placed: to move what was zero moves this by as much."""
        return {self.token_name: self.placement}
