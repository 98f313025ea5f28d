"""BOIL: the body moves, the head does not."""

from torch import Tensor

from meta_demo.algorithms.gradient.base import GradientAlgorithm, GradientConfig
from meta_demo.algorithms.gradient.fast import HEAD, Step
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.errors import UserError
from meta_demo.words import words


@register(
    "boil",
    title=words("BOIL"),
    paper="Oh et al. 2021",
    about=words(
        "ANIL the other way round: only the Transformer moves, towards a head that stands still; look for an attention map that changes.",
        "与 ANIL 相反：只有 Transformer 移向静止不动的分类头；留意注意力图的变化。",
    ),
)
class BOIL(GradientAlgorithm):
    """MAML whose head has the rate zero (Oh et al. 2021, section 3): it stays the prototypes of the start's embeddings."""

    objectives = frozenset(
        {"classes"}
    )  # a head of numbers begins with the mean, whatever the input: the body has no gradient
    second_order = True

    def __init__(self, backbone: Backbone, config: GradientConfig, seed: int = 0) -> None:
        if config.head == "shared":  # every class would have the same row, and the body no gradient
            raise UserError("boil_shared")
        super().__init__(backbone, config, seed)

    def rate(self, step: Step, name: str) -> float | Tensor:
        return 0.0 if name.startswith(HEAD) else super().rate(step, name)
