"""ANIL: almost no inner loop; the body is meta-learned, only the head adapts."""

from meta_demo.algorithms.gradient.base import GradientAlgorithm
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.words import words


@register(
    "anil",
    title=words("ANIL"),
    paper="Raghu et al. 2020",
    about=words(
        "Adapts only the classifier head and leaves the Transformer alone; look for fast steps and an attention map that stays the same.",
        "只调整分类头，不动 Transformer；留意它每步很快，而注意力图保持不变。",
    ),
    lesson=Lesson(
        outer=words(
            "The layers, so that a head on top of them is fitted in a few steps.",
            "各层的权重，使其上的分类头几步之内即可拟合。",
        ),
        inner=words(
            "The head alone moves, from the class means; the layers stay as they were learned.",
            "只有分类头从类别均值开始移动；各层保持学习所得的样子。",
        ),
        equation=r"\theta \leftarrow \theta - \beta \nabla_\theta \sum_i \mathcal{L}^{\text{query}}_i \bigl(\theta,\, w_i - \alpha "
        r"\nabla_{w} \mathcal{L}^{\text{support}}_i(\theta, w_i)\bigr)",
        cost=words(
            "Examples go through the Transformer once, however many steps follow. Second derivatives are of the head alone, so "
            "training is cheap as well.",
            "无论走多少步，示例只经过 Transformer 一次。二阶导数只涉及分类头，所以训练也省。",
        ),
        use=words(
            "When answers must come fast and the embedding is right already, or can be made so by training on many tasks.",
            "当需要快速作答，且嵌入本已合适、或可在许多任务上训练得合适时。",
        ),
        look=words(
            "On sentences its steps change hardly an answer: what its start gains is there before the first. On sines a head "
            "alone is not enough: after ten steps it errs several times as much as MAML.",
            "在句子上，各步几乎不改变答案：起点的收益在第一步之前就有。在正弦曲线上只动分类头不够：十步之后，误差仍是 MAML 的数倍。",
        ),
        learned=("layers",),
        moved=("head",),
    ),
)
class ANIL(GradientAlgorithm):
    """MAML whose inner loop moves the head alone (Raghu et al. 2020, section 4): the support is embedded once."""

    second_order = True
    adapts_body = False
