"""The meta-learner LSTM: weights are the memory of an LSTM, gradients what it takes in."""

import torch
from torch import Tensor, nn

from meta_demo.algorithms.gradient.fast import Step
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.algorithms.rule.base import RuleAlgorithm, RuleConfig, spoken, told
from meta_demo.backbones.backbone import Backbone
from meta_demo.words import words

FORGET, INPUT = (
    5.0,
    -4.5,
)  # what the gates' biases are at first: in the middle of the authors' ranges, 4 to 6 and -5 to -4


@register(
    "meta_lstm",
    title=words("Meta-learner LSTM", "元学习器 LSTM"),
    paper="Ravi & Larochelle 2017",
    about=words(
        "Weights are an LSTM's memory: it learned how much to forget and how much of a gradient to take; look for fast first steps.",
        "权重是 LSTM 的记忆，它学会了遗忘多少、吸收多少梯度；留意最初几步是否走得快。",
    ),
    lesson=Lesson(
        outer=words(
            "The gates of an LSTM whose memory is the weights themselves, one set of gates for all of them, and the start.",
            "一个 LSTM 的门（其记忆就是权重本身，所有权重共用一组门），以及起点。",
        ),
        inner=words(
            "Each step, each weight forgets a part of itself and takes in a part of its gradient; head and layers alike.",
            "每一步，每个权重遗忘自身的一部分，并吸收其梯度的一部分；分类头与各层皆然。",
        ),
        equation=r"w_t = f_t\, w_{t-1} - i_t\, \nabla_w \mathcal{L}_{t-1},\qquad i_t = \alpha\, "
        r"\frac{\sigma(u_i^{\top} [h_t, w_{t-1}, i_{t-1}, f_{t-1}] + b_i)}{\sigma(b_0)}",
        cost=words(
            "A task: one gradient a step, and some twenty numbers to remember for each weight. Training asks for no second derivative.",
            "每个任务：每步一次梯度，并为每个权重记住约二十个数。训练不需要二阶导数。",
        ),
        use=words(
            "Where many like tasks are at hand to learn from and a step should follow how high the loss still is.",
            "有许多相似任务可供学习，且步幅应随当前损失高低而变时。",
        ),
        look=words(
            "Before any training its curve is that of gradient descent without momentum; what training adds is the difference.",
            "未经训练时，其曲线与不带动量的梯度下降逐步相同；两者之差就是训练带来的。",
        ),
        learned=("layers", "rule"),
        moved=("layers", "head"),
    ),
)
class MetaLSTM(RuleAlgorithm):
    """w <- f w - i g with learned gates f and i (Ravi & Larochelle 2017, section 3), the same for every weight.

    Both look at what a first LSTM makes of gradient and loss, at the weight, and at both gates of the step before. Each is divided
    by what it is at first, and i is in units of the learning rate: before any training f = 1, i = rate, which is gradient descent.
    """

    inputs = 4
    own = 2
    descends_untrained = True

    def __init__(self, backbone: Backbone, config: RuleConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        like = backbone.head
        seen = config.hidden + 3
        self.first = torch.tensor([FORGET, INPUT], dtype=torch.float64)
        self.gates = nn.ParameterDict({kind: nn.Parameter(like.new_zeros(2, seen)) for kind in self.cells})
        self.biases = nn.ParameterDict({kind: nn.Parameter(self.first.to(like).clone()) for kind in self.cells})

    def read(self, step: Step, g: Tensor) -> Tensor:
        assert step.loss is not None, "an update comes after the loss"
        loss = step.loss if self.second_order else step.loss.detach()
        return torch.cat([told(g), told(loss)[:, None].expand(2, len(g))])

    def moved(
        self, kind: str, w: Tensor, rate: float, velocity: Tensor, h: Tensor, own: Tensor
    ) -> tuple[Tensor, Tensor]:
        first = self.first.to(w).sigmoid()[:, None]
        gates = spoken(self.gates[kind], torch.cat([h, w[None], own]), self.biases[kind]).sigmoid()
        forget, taken = gates / first
        return forget * w - rate * taken * velocity, gates - first
