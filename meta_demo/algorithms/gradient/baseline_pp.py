"""Baseline++: fine-tune a head that answers by cosine, and leave the Transformer alone."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import normalize

from meta_demo.algorithms.base import State
from meta_demo.algorithms.gradient.fast import Fast
from meta_demo.algorithms.gradient.finetune import FineTune, FineTuneConfig
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
