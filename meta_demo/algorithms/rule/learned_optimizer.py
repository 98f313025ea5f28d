"""The learned optimizer: an LSTM in the place of gradient descent."""

from torch import Tensor, nn

from meta_demo.algorithms.gradient.fast import Step
from meta_demo.algorithms.registry import register
from meta_demo.algorithms.rule.base import RuleAlgorithm, RuleConfig, told
from meta_demo.backbones.backbone import Backbone
from meta_demo.words import words

SCALE = 0.1  # of what the LSTM says: its outputs are of the size one, and steps are small (Andrychowicz et al. 2016, section 3)


@register(
    "learned_optimizer",
    title=words("Learned optimizer", "学习到的优化器"),
    paper="Andrychowicz et al. 2016",
    about=words(
        "A small LSTM, the same for every weight, reads its gradients and says the step; look for larger steps at first than later.",
        "一个所有权重共用的小 LSTM 读取各自的梯度并给出步幅；留意起初的步子是否大于后来的。",
    ),
)
class LearnedOptimizer(RuleAlgorithm):
    """w <- w - rate (a g + 0.1 o), o what a coordinate-wise LSTM reads out of the gradients so far (Andrychowicz et al. 2016).

    The way past the LSTM, a g, is ours: with a = 1 and o = 0, as before any training, it is gradient descent; with a = 0 and o = 0
    nothing moves. The paper's own is a = 0.
    """

    inputs = 2

    def __init__(self, backbone: Backbone, config: RuleConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        like = backbone.head
        self.direct = nn.ParameterDict({kind: nn.Parameter(like.new_ones(())) for kind in self.cells})
        self.out = nn.ParameterDict({kind: nn.Parameter(like.new_zeros(config.hidden)) for kind in self.cells})

    def read(self, step: Step, g: Tensor) -> Tensor:  # noqa: ARG002
        return told(g)

    def moved(
        self, kind: str, w: Tensor, rate: float, velocity: Tensor, h: Tensor, own: Tensor
    ) -> tuple[Tensor, Tensor]:
        return w - rate * (self.direct[kind] * velocity + SCALE * (self.out[kind] @ h)), own
