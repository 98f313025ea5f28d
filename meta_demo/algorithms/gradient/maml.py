"""MAML: learn a start from which a few gradient steps suffice."""

from meta_demo.algorithms.gradient.base import GradientAlgorithm
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.words import words


@register(
    "maml",
    title=words("MAML"),
    paper="Finn, Abbeel & Levine 2017",
    about=words(
        "Meta-learns a start from which a few gradient steps suffice; look for a query curve that climbs within a step or two.",
        "元学习一个只需几步梯度就够用的起点；留意留出曲线能否在一两步内上升。",
    ),
    lesson=Lesson(
        outer=words(
            "The weights that every task begins from. The gradient looks through the whole inner loop: how would another start "
            "have changed the loss after it?",
            "每个任务开始时的权重。梯度会看穿整个内循环：换一个起点，内循环之后的损失会怎样变化？",
        ),
        inner=words(
            "A few gradient steps with momentum move the adapted layers and a head that begins at the class means.",
            "带动量的几步梯度下降移动被适应的层，以及从类别均值开始的分类头。",
        ),
        equation=r"\theta \leftarrow \theta - \beta \nabla_\theta \sum_i \mathcal{L}^{\text{query}}_i \bigl(\theta - \alpha \nabla_\theta "
        r"\mathcal{L}^{\text{support}}_i(\theta)\bigr)",
        cost=words(
            "A task takes one gradient a step. Training walks back through all steps by products with second derivatives, in "
            "memory that hardly grows with their number.",
            "一个任务每步一次梯度。训练时借助与二阶导数的乘积逐步回溯，所需内存几乎不随步数增加。",
        ),
        use=words(
            "Where tasks to come are like those trained on, and a few examples must move the model itself: curves, or pictures "
            "unlike any that it knows.",
            "当未来的任务与训练任务相似，且少量示例须改变模型本身时：曲线，或与模型所知全然不同的图片。",
        ),
        look=words(
            "On sines the first step from its start does most of the work, and the same step from plain weights hardly any. On "
            "sentences most of the gain is there before the first step.",
            "在正弦曲线上，从其起点出发的第一步就完成大部分工作，而从普通权重出发的同一步收效甚微。在句子上，"
            "大部分收益在第一步之前就已存在。",
        ),
        learned=("layers",),
        moved=("layers", "head"),
    ),
)
class MAML(GradientAlgorithm):
    """Model-agnostic meta-learning (Finn et al. 2017, algorithm 1) with the exact second-order meta-gradient."""

    second_order = True
