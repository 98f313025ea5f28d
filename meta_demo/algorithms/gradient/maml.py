"""MAML: learn a start from which a few gradient steps suffice."""

from meta_demo.algorithms.gradient.base import GradientAlgorithm
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
)
class MAML(GradientAlgorithm):
    """Model-agnostic meta-learning (Finn et al. 2017, algorithm 1) with the exact second-order meta-gradient."""

    second_order = True
