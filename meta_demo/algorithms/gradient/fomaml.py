"""First-order MAML: MAML that takes the inner gradients for constants."""

from meta_demo.algorithms.gradient.base import GradientAlgorithm
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
)
class FirstOrderMAML(GradientAlgorithm):
    """MAML without second derivatives (Finn et al. 2017, section 5.2; Nichol et al. 2018, section 2)."""

    second_order = False
