"""First-order MAML: MAML that takes the inner gradients for constants."""

from meta_demo.algorithms.inner_loop import GradientAlgorithm
from meta_demo.core.algorithm import register


@register("fomaml", paper="Finn, Abbeel & Levine 2017; Nichol et al. 2018")
class FirstOrderMAML(GradientAlgorithm):
    """MAML without second derivatives (Finn et al. 2017, section 5.2; Nichol et al. 2018, section 2)."""

    second_order = False
