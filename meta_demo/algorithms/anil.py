"""ANIL: almost no inner loop; the body is meta-learned, only the head adapts."""

from meta_demo.algorithms.inner_loop import GradientAlgorithm
from meta_demo.core.algorithm import register


@register("anil", paper="Raghu et al. 2020")
class ANIL(GradientAlgorithm):
    """MAML whose inner loop moves the head alone (Raghu et al. 2020, section 4): the support is embedded once."""

    second_order = True
    adapts_body = False
