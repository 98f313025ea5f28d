"""T-MAML: MAML whose fast weights are the Transformer's own attention."""

from dataclasses import dataclass

from meta_demo.algorithms.gradient.base import GradientConfig
from meta_demo.algorithms.gradient.maml import MAML
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
)
class TMAML(MAML):
    """MAML in the scope `attention`, with a start of its own."""

    Config = TMAMLConfig
