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
            "The weights that a task begins from. How a change of them changes the loss after the inner loop decides.",
            "每个任务开始时的权重。外循环会看穿整个内循环：起点的改变如何影响内循环之后的损失。",
        ),
        inner=words(
            "A few gradient steps move the adapted layers and a head that begins at the class means.",
            "几步梯度下降移动被适应的层，以及从类别均值开始的分类头。",
        ),
        equation=r"\theta \leftarrow \theta - \beta \nabla_\theta \sum_i \mathcal{L}^{\mathrm{query}}_i\bigl(\theta - \alpha \nabla_\theta "
        r"\mathcal{L}^{\mathrm{support}}_i(\theta)\bigr)",
        cost=words(
            "A task: one gradient a step. Training: that again on the way back, with products of second derivatives.",
            "每个任务：每步一次梯度。训练：回传时再来一遍，并含二阶导数的乘积。",
        ),
        use=words(
            "Where tasks to come are like those trained on, and a few examples must move the model itself: curves, odd drawings.",
            "当未来的任务与训练任务相似，且少量示例须改变模型本身时：曲线、少见的图画。",
        ),
        look=words(
            "From its start the first steps do most of the work; on sentences, most of the gain is there before the first.",
            "从其起点出发，最初几步贡献最大；从普通权重出发，同样的步数收效较小。在句子上，大部分收益在第一步之前就已存在。",
        ),
        learned=("layers",),
        moved=("layers", "head"),
    ),
)
class MAML(GradientAlgorithm):
    """Model-agnostic meta-learning (Finn et al. 2017, algorithm 1) with the exact second-order meta-gradient."""

    second_order = True
