"""The meta-learner LSTM: weights are the memory of an LSTM, gradients what it takes in."""

import torch
from torch import Tensor, nn

from meta_demo.algorithms.gradient.fast import Step
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
)
class MetaLSTM(RuleAlgorithm):
    """w <- f w - i g with learned gates f and i (Ravi & Larochelle 2017, section 3), the same for every weight.

    Both look at what a first LSTM makes of gradient and loss, at the weight, and at both gates of the step before. Each is divided
    by what it is at first, and i is in units of the learning rate: before any training f = 1, i = rate, which is gradient descent.
    """

    inputs = 4
    own = 2

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
