"""First-order MAML: MAML that takes the inner gradients for constants."""

from meta_demo.algorithms.gradient.base import GradientAlgorithm
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.words import words


@register(
    "fomaml",
    title=words("First-order MAML", "一阶 MAML"),
    paper="Finn, Abbeel & Levine 2017; Nichol et al. 2018",
    about=words(
        "MAML trained with a cheaper, approximate meta-gradient; look for how little it loses against the exact one.",
        "用更省的近似元梯度训练的 MAML；留意它与精确版本相差多少。",
    ),
    lesson=Lesson(
        outer=words(
            "The weights that every task begins from, as in MAML. Its gradient takes the inner steps for constants: it is the "
            "query's, where the loop ended.",
            "与 MAML 一样，是每个任务开始时的权重。它的梯度把内循环各步当作常量：就是循环结束处查询损失的梯度。",
        ),
        inner=words(
            "A few gradient steps with momentum move the adapted layers and a head that begins at the class means.",
            "带动量的几步梯度下降移动被适应的层，以及从类别均值开始的分类头。",
        ),
        equation=r"\theta \leftarrow \theta - \beta \sum_i \nabla_{\theta'_i} \mathcal{L}^{\text{query}}_i(\theta'_i), \quad \theta'_i = "
        r"\theta - \alpha \nabla_\theta \mathcal{L}^{\text{support}}_i(\theta)",
        cost=words(
            "A task costs what it costs MAML. Training needs one more gradient after the steps and no second derivative: on "
            "sines about two thirds of MAML's time.",
            "一个任务的代价与 MAML 相同。训练只在各步之后再求一次梯度，不需要二阶导数：在正弦曲线上约为 MAML 用时的三分之二。",
        ),
        use=words(
            "When MAML trains too slowly, or before it: exact steps can come last.",
            "当 MAML 训练太慢时，或作为它的前一阶段：精确的步可以放在最后。",
        ),
        look=words(
            "On sentences it ends where MAML ends. On sines the exact gradient is worth its price: after one step from its start "
            "MAML errs by a quarter less.",
            "在句子上，它与 MAML 的结果相同。在正弦曲线上，精确梯度物有所值：从各自起点走一步之后，MAML 的误差小四分之一。",
        ),
        learned=("layers",),
        moved=("layers", "head"),
    ),
)
class FirstOrderMAML(GradientAlgorithm):
    """MAML without second derivatives (Finn et al. 2017, section 5.2; Nichol et al. 2018, section 2)."""

    second_order = False
