"""Baseline++: fine-tune a head that answers by cosine, and leave the Transformer alone."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import normalize

from meta_demo.algorithms.base import State
from meta_demo.algorithms.gradient.fast import Fast
from meta_demo.algorithms.gradient.finetune import FineTune, FineTuneConfig
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.core.examples import Examples
from meta_demo.core.heads import prototypes
from meta_demo.words import words


@dataclass(frozen=True)
class CosineConfig(FineTuneConfig):
    """Fine-tuning's knobs."""

    inner_steps: int = FineTuneConfig.redefault("inner_steps", 20)
    head_lr: float = FineTuneConfig.redefault("head_lr", 0.01)
    scale: float = FineTuneConfig.redefault(
        "scale", 10.0, help=words("how much a cosine raises a class's probability", "余弦相似度提高类别概率的程度")
    )
    weight_decay: float = FineTuneConfig.redefault("weight_decay", 0.0)


@register(
    "baseline_pp",
    title=words("Baseline++"),
    paper="Chen et al. 2019",
    about=words(
        "Trains one vector for each class, compared by cosine, on frozen embeddings; a baseline that many meta-learners did not beat.",
        "在冻结的嵌入上为每个类别训练一个按余弦比较的向量；许多元学习方法未能超过的基线。",
    ),
    lesson=Lesson(
        outer=words(
            "As a baseline nothing: it takes the pretrained model as it is. Meta-trained, the layers, so that cosines to a "
            "fitted vector tell classes apart.",
            "作为基线，什么也不学：直接使用预训练模型。若做元训练，则学各层，使与所拟合向量的余弦能区分类别。",
        ),
        inner=words(
            "AdamW moves one vector for each class, begun at the class mean and compared by cosine; the layers stand still.",
            "AdamW 为每个类别移动一个从类别均值开始、按余弦比较的向量；各层不动。",
        ),
        equation=r"p(y = n \mid x) = \text{softmax}_n \, \frac{s \, f_\theta(x) \cdot w_n}{\lVert f_\theta(x) \rVert \, \lVert w_n \rVert}",
        cost=words(
            "Examples go through the Transformer once; the steps of a few vectors cost next to nothing.",
            "示例只经过 Transformer 一次；几个向量的各步几乎不费时间。",
        ),
        use=words(
            "As a strong baseline on a good encoder: a meta-learner that does not beat it has learned nothing of use.",
            "作为良好编码器上的强基线：超不过它的元学习方法等于没学到有用的东西。",
        ),
        look=words(
            "From plain weights, on sentences, its steps change hardly an answer with one example a class, and gained nothing "
            "with five. What they change is how sure it is.",
            "从普通权重出发，在句子上，每类一个示例时各步几乎不改变答案，五个示例时也没有收益。它们改变的是有多确定。",
        ),
        learned=("layers",),
        moved=("head",),
    ),
)
class BaselinePlusPlus(FineTune):
    """A cosine classifier on a body that a task leaves alone (Chen et al. 2019, section 3.2), its rows begun as class means."""

    Config = CosineConfig
    config: CosineConfig
    objectives = frozenset({"classes"})
    adapts_body = False
    separable = True

    def start(self, support: Examples, z: Tensor) -> Fast:
        return {"head.weight": prototypes(z, support.y)}

    def answer(self, state: State, z: Tensor) -> Tensor:
        return self.config.scale * normalize(z, dim=-1) @ normalize(state.tensors["head.weight"], dim=-1).T
