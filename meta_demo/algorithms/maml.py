"""MAML: learn a start from which a few gradient steps suffice."""

from meta_demo.algorithms.inner_loop import GradientAlgorithm
from meta_demo.core.algorithm import register


@register("maml", paper="Finn, Abbeel & Levine 2017")
class MAML(GradientAlgorithm):
    """Model-agnostic meta-learning (Finn et al. 2017, algorithm 1) with the exact second-order meta-gradient."""

    second_order = True
