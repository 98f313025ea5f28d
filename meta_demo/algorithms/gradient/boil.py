"""BOIL: the body moves, the head does not."""

from torch import Tensor

from meta_demo.algorithms.gradient.base import GradientAlgorithm, GradientConfig
from meta_demo.algorithms.gradient.fast import HEAD, Step
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.errors import UserError
from meta_demo.words import words


@register(
    "boil",
    title=words("BOIL"),
    paper="Oh et al. 2021",
    about=words(
        "ANIL the other way round: only the Transformer moves, towards a head that stands still; look for an attention map that changes.",
        "与 ANIL 相反：只有 Transformer 移向静止不动的分类头；留意注意力图的变化。",
    ),
    lesson=Lesson(
        outer=words(
            "The weights that every task begins from, so that a few steps of the layers alone bring each example to its class.",
            "每个任务开始时的权重，使得只移动各层的几步就能把每个示例带到它的类别处。",
        ),
        inner=words(
            "A few gradient steps move the adapted layers. The head stands still at the class means of the start, so the "
            "examples have to come to it.",
            "几步梯度下降移动被适应的层。分类头停在起点的类别均值上不动，示例须向它靠拢。",
        ),
        equation=r"\theta \leftarrow \theta - \beta \nabla_\theta \sum_i \mathcal{L}^{\text{query}}_i \bigl(\theta - \alpha \nabla_\theta "
        r"\mathcal{L}^{\text{support}}_i(\theta, w_i),\, w_i\bigr)",
        cost=words(
            "What MAML costs, for a task and in training: leaving out the head saves next to nothing.",
            "任务与训练的代价都与 MAML 相同：不动分类头几乎省不了什么。",
        ),
        use=words(
            "To see what the Transformer alone can learn from a task: whatever changes is how inputs are read.",
            "想看 Transformer 单独能从任务中学到什么时：改变的只是输入的读法。",
        ),
        look=words(
            "No start is shipped, and from plain weights eight steps hardly changed how often it is right on sentences. Look at "
            "the attention maps before and after: whatever changes is the work of the Transformer, as the head stands still.",
            "没有自带起点；从普通权重出发，八步几乎不改变在句子上的正确率。比较前后的注意力图：凡有变化，"
            "都是 Transformer 的作用，因为分类头没有动。",
        ),
        learned=("layers",),
        moved=("layers", "prototypes"),
    ),
)
class BOIL(GradientAlgorithm):
    """MAML whose head has the rate zero (Oh et al. 2021, section 3): it stays the prototypes of the start's embeddings."""

    objectives = frozenset(
        {"classes"}
    )  # a head of numbers begins with the mean, whatever the input: the body has no gradient
    second_order = True

    def __init__(self, backbone: Backbone, config: GradientConfig, seed: int = 0) -> None:
        if config.head == "shared":  # every class would have the same row, and the body no gradient
            raise UserError("boil_shared")
        super().__init__(backbone, config, seed)

    def rate(self, step: Step, name: str) -> float | Tensor:
        return 0.0 if name.startswith(HEAD) else super().rate(step, name)
