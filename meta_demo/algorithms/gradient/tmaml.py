"""T-MAML: MAML whose fast weights are the Transformer's own attention."""

from dataclasses import dataclass

from meta_demo.algorithms.gradient.base import GradientConfig
from meta_demo.algorithms.gradient.maml import MAML
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.words import words


@dataclass(frozen=True)
class TMAMLConfig(GradientConfig):
    """MAML's knobs; what adapts is the attention of the last layers."""

    scope: str = GradientConfig.redefault("scope", "attention")
    last_n: int = GradientConfig.redefault("last_n", 2)
    inner_lr: float = GradientConfig.redefault("inner_lr", 0.02)


@register(
    "tmaml",
    title=words("T-MAML"),
    paper="Finn, Abbeel & Levine 2017; Vaswani et al. 2017",
    about=words(
        "MAML that moves the Transformer's own attention weights, without low-rank factors; look for heatmaps that change within a step.",
        "直接移动 Transformer 自身注意力权重的 MAML，不用低秩因子；留意热力图在一步之内的变化。",
    ),
    lesson=Lesson(
        outer=words(
            "The attention weights that every task begins from: the whole matrices of the last two layers.",
            "每个任务开始时的注意力权重：最后两层的整个矩阵。",
        ),
        inner=words(
            "A few gradient steps with momentum move these matrices, with a smaller rate than MAML's low-rank factors, and a "
            "head that begins at the class means.",
            "带动量的几步梯度下降以小于 MAML 低秩因子的学习率移动这些矩阵，以及从类别均值开始的分类头。",
        ),
        equation=r"\theta \leftarrow \theta - \beta \nabla_\theta \sum_i \mathcal{L}^{\text{query}}_i \bigl(\theta - \alpha \nabla_\theta "
        r"\mathcal{L}^{\text{support}}_i(\theta)\bigr), \quad \theta = (W_Q, W_K, W_V, W_O)",
        cost=words(
            "What MAML costs, with more to hold for each task: on the bundled model of sentences more than three times as many "
            "numbers.",
            "与 MAML 相同，但每个任务要保存的更多：在自带的句子模型上是三倍多的数。",
        ),
        use=words(
            "To watch attention itself learn from a few examples, with nothing added to the model.",
            "想观察注意力本身如何从少量示例中学习、且不给模型添加任何东西时。",
        ),
        look=words(
            "On curves its start ends level with MAML's, the attention weights alone moved; "
            "from plain weights eight steps hardly changed how often it is right on sentences. Look at "
            "the heatmaps before and after: what changes there comes of the model's own attention weights.",
            "在曲线上，只移动注意力权重的起点最终与 MAML 持平；"
            "从普通权重出发，八步几乎不改变在句子上的正确率。比较前后的热力图：那里的变化来自模型自身的注意力权重。",
        ),
        learned=("layers",),
        moved=("layers", "head"),
    ),
)
class TMAML(MAML):
    """MAML in the scope `attention`, with a start of its own."""

    Config = TMAMLConfig
