"""The learned optimizer: an LSTM in the place of gradient descent."""

from torch import Tensor, nn

from meta_demo.algorithms.gradient.fast import Step
from meta_demo.algorithms.lesson import Lesson
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
    lesson=Lesson(
        outer=words(
            "A small LSTM that takes the place of the optimizer, the same for every weight, and the start.",
            "一个取代优化器的小 LSTM（所有权重共用），以及起点。",
        ),
        inner=words(
            "Each weight moves by what the LSTM says after it has read all of this weight's gradients so far.",
            "LSTM 读取某个权重迄今的全部梯度后给出移动量，该权重便随之移动。",
        ),
        equation=r"w_t = w_{t-1} - \alpha\,(a\, g_t + 0.1\, u^{\top} h_t),\qquad (h_t, c_t) = \mathrm{LSTM}\bigl(\log|g_t| / 10,\ "
        r"\mathrm{sign}\, g_t,\ h_{t-1}, c_{t-1}\bigr)",
        cost=words(
            "A task: one gradient a step, and twice the LSTM's size to remember for each weight. Training asks for no second derivative.",
            "每个任务：每步一次梯度，并为每个权重记住两倍于 LSTM 大小的数。训练不需要二阶导数。",
        ),
        use=words(
            "Where the same kind of task is solved again and again, so that one's own optimizer is worth its training.",
            "反复求解同类任务，因而值得训练一个专用优化器时。",
        ),
        look=words(
            "Before any training it is gradient descent without momentum. Past the steps that it was trained with it may wander off.",
            "未经训练时它就是不带动量的梯度下降。超过训练时的步数后，它可能走偏。",
        ),
        learned=("layers", "rule"),
        moved=("layers", "head"),
    ),
)
class LearnedOptimizer(RuleAlgorithm):
    """w <- w - rate (a g + 0.1 o), o what a coordinate-wise LSTM reads out of the gradients so far (Andrychowicz et al. 2016).

    The way past the LSTM, a g, is ours: with a = 1 and o = 0, as before any training, it is gradient descent; with a = 0 and o = 0
    nothing moves. The paper's own is a = 0.
    """

    inputs = 2
    descends_untrained = True

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
