"""ANIL: almost no inner loop; the body is meta-learned, only the head adapts."""

from meta_demo.algorithms.gradient.base import GradientAlgorithm
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
)
class ANIL(GradientAlgorithm):
    """MAML whose inner loop moves the head alone (Raghu et al. 2020, section 4): the support is embedded once."""

    second_order = True
    adapts_body = False
