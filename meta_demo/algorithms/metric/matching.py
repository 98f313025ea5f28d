"""Matching networks: an answer is the labels of the examples, each by how much the question attends to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from meta_demo.algorithms.base import State
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.metric.base import AveragingAlgorithm, DistanceConfig
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.core.examples import Examples
from meta_demo.words import words

READS = 3  # times that a question's full context embedding looks at the examples


@dataclass(frozen=True)
class MatchingConfig(DistanceConfig):
    """Knobs of a matching network."""

    scale: float = DistanceConfig.redefault(
        "scale",
        10.0,
        help=words("how sharply a question attends to the examples most like it", "问题对最相似示例的注意有多集中"),
    )
    context: bool = knob(
        default=False,
        title=words("Full context", "完整上下文"),
        help=words(
            "embed each example in the light of all others by LSTMs, which meta-training has to teach first",
            "用 LSTM 依据其余示例来嵌入每个示例；须先经元训练",
        ),
    )


@register(
    "matching",
    title=words("Matching networks", "匹配网络"),
    paper="Vinyals et al. 2016",
    about=words(
        "Attends to every example by its cosine and averages their labels; look for which single example an answer leans on.",
        "按余弦相似度注意每个示例并平均其标签；留意一个答案倚重哪个示例。",
    ),
    lesson=Lesson(
        outer=words(
            "A space in which a question attends to examples of its own class: the last layers, and how sharply it attends. With "
            "full context also the LSTMs that read all examples together.",
            "一个问题会注意到本类示例的空间：末几层的权重，以及注意有多集中。用完整上下文时，还有一并读取全部示例的 LSTM。",
        ),
        inner=words(
            "Nothing moves: the examples' embeddings are kept with their labels, and an answer is a mean of labels weighted by "
            "attention.",
            "什么也不移动：保存示例的嵌入及其标签，答案是按注意力加权的标签均值。",
        ),
        equation=r"\hat{y}(x) = \sum_j a_j y_j, \quad a_j = \text{softmax}_j \bigl(s \cos(f_\theta(x), f_\theta(x_j))\bigr)",
        cost=words(
            "One pass over the examples and no gradient; every question attends to every example.",
            "示例过一遍，不求梯度；每个问题都要注意每个示例。",
        ),
        use=words(
            "When it should be plain which examples an answer comes from; for numbers as well as for classes.",
            "当需要看清一个答案来自哪些示例时；数值与类别皆可。",
        ),
        look=words(
            "With one example a class its answers are those of class means. With five it was level with them on questions to a "
            "bank, and up to three points behind on other sentences: it hears the nearest few examples, and a mean all of them.",
            "每类一个示例时，答案与类别均值相同。五个示例时，在银行问题上与之持平，在其他句子上至多落后三个百分点：它听最近的几个示例，"
            "而均值听全部示例。",
        ),
        learned=("layers",),
        moved=("memory",),
    ),
)
class MatchingNetwork(AveragingAlgorithm):
    """Attention over the examples' labels (Vinyals et al. 2016, eqs. 1 and 2), with full context embeddings as a choice (section 2.1.2)."""

    Config = MatchingConfig
    config: MatchingConfig

    def __init__(self, backbone: Backbone, config: MatchingConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        if config.context:
            self.context = FullContext(backbone.head, seed)

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:
        return super().remember(self.context.examples(z) if self.config.context else z, support, unlabelled)

    def closeness(self, state: State, z: Tensor) -> Tensor:
        """Cosines to the examples, made sharper."""
        examples = state.tensors["examples"]
        asked = self.context.question(z, examples) if self.config.context else z
        return self.log_scale.exp() * normalize(asked, dim=-1) @ normalize(examples, dim=-1).T

    def left_out(self, supports: Sequence[Examples], steps: Sequence[int]) -> list[list[Tensor]] | None:
        """None with full context, where an example's embedding owes something to all others."""
        return None if self.config.context else super().left_out(supports, steps)


class FullContext(nn.Module):
    """Embeddings in the light of all examples (Vinyals et al. 2016, appendix A); a learned share of it, none before training.

    The examples go through the LSTM in the order of their first coordinate, so that the order in which they were given is irrelevant.
    """

    def __init__(self, like: Tensor, seed: int) -> None:
        super().__init__()
        d = len(like)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.both = nn.LSTM(d, d, bidirectional=True)
            self.reader = nn.LSTMCell(2 * d, d)
        self.to(like)
        self.share = nn.Parameter(like.new_zeros(()))

    def examples(self, z: Tensor) -> Tensor:
        """g(x_i, S) = g'(x_i) + forward and backward states of an LSTM over all examples: z [S, D] -> [S, D]."""
        order = z.detach()[:, 0].argsort()
        ahead, back = self.both(z[order])[0].chunk(2, dim=-1)
        seen: Tensor = z + self.share * (ahead + back)[order.argsort()]
        return seen

    def question(self, z: Tensor, examples: Tensor) -> Tensor:
        """f(x, S): what is asked, after reading the examples [S, D] by attention a few times: z [B, D] -> [B, D]."""
        hidden, cell = z, torch.zeros_like(z)
        for _ in range(READS):
            read = (hidden @ examples.T).softmax(-1) @ examples
            made, cell = self.reader(torch.cat([z, read], -1), (hidden, cell))
            hidden = z + self.share * made
        return hidden
