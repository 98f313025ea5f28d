"""Plain fine-tuning: the baseline every meta-learner has to beat."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from meta_demo.algorithms.gradient.base import GradientAlgorithm, GradientConfig
from meta_demo.algorithms.gradient.fast import HEAD, Fast, Step
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.core.config import knob
from meta_demo.words import words


@dataclass(frozen=True)
class FineTuneConfig(GradientConfig):
    """Fine-tuning takes more and smaller steps, from a head that knows nothing."""

    inner_steps: int = GradientConfig.redefault("inner_steps", 10)
    inner_lr: float = GradientConfig.redefault("inner_lr", 1e-3)
    head_lr: float = GradientConfig.redefault("head_lr", 0.1)
    head: str = GradientConfig.redefault("head", "shared")
    weight_decay: float = knob(
        0.01,
        words("Weight decay", "权重衰减"),
        words("how strongly AdamW pulls weights towards zero", "AdamW 将权重拉向零的强度"),
        lo=0.0,
        hi=1.0,
    )


@register(
    "finetune",
    title=words("Fine-tuning", "微调"),
    paper="Howard & Ruder 2018; Loshchilov & Hutter 2019",
    about=words(
        "Ordinary training on your examples, with no meta-learning at all; the baseline that the others have to beat.",
        "在您的示例上普通训练，完全不用元学习；其他方法需要超过的基线。",
    ),
    lesson=Lesson(
        outer=words(
            "For the plain baseline nothing: it takes the pretrained weights and a head that knows nothing. Its start is learned "
            "as first-order MAML's is, by the query's gradient where AdamW ended.",
            "作为普通基线，什么也不学：用预训练权重和一无所知的分类头。它的起点与一阶 MAML 一样学得："
            "用 AdamW 结束处查询损失的梯度。",
        ),
        inner=words(
            "Small steps of AdamW move the adapted layers and a head whose rows are equal at first.",
            "AdamW 的小步更新移动被适应的层，以及起初各行相同的分类头。",
        ),
        equation=r"w \leftarrow (1 - \alpha \lambda) \, w - \alpha \, \frac{\hat{m}}{\sqrt{\hat{v}} + \epsilon}",
        cost=words(
            "A task takes one gradient a step, and two further numbers for every weight that moves. Without a start there is no "
            "training to pay for.",
            "一个任务每步一次梯度，每个移动的权重另存两个数。不用起点时，没有训练的代价。",
        ),
        use=words(
            "When there are several examples of each class and time for steps. It is what everything else has to beat.",
            "当每个类别有好几个示例、又有时间走若干步时。其他方法都须超过它。",
        ),
        look=words(
            "It begins by guessing, as its head tells no class from another. With one example a class it stays behind MAML from "
            "its start; with three or more it has caught up after five steps.",
            "它从瞎猜开始，因为分类头还分不出任何类别。每类一个示例时，它落后于从起点出发的 MAML；三个或更多时，五步之后便已追上。",
        ),
        learned=("layers", "head"),
        moved=("layers", "head"),
    ),
)
class FineTune(GradientAlgorithm):
    """AdamW on a new linear head and the weights in scope, as one fine-tunes a pretrained Transformer."""

    Config = FineTuneConfig
    config: FineTuneConfig
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # AdamW's steps do not grow with the loss
    beta2 = 0.999
    uniform = True

    @property
    def eps(self) -> float:
        """A hundred roundings: a gradient that is nothing but rounding, as of a head that begins at the mean, moves hardly anything."""
        return min(1e-5, max(1e-8, 100 * torch.finfo(self.backbone.dtype).eps))

    def init_slots(self, fast: Fast) -> Fast:
        """Both moments of each weight."""
        first = {f"m.{name}": torch.zeros_like(w) for name, w in fast.items()}
        second = {f"v.{name}": torch.zeros_like(w) for name, w in fast.items()}
        return first | second

    def update(self, step: Step, fast: Fast, grads: Fast, slots: Fast) -> tuple[Fast, Fast]:
        """Decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2); slots hold both moments.

        Momentum is that of the first moment.
        """
        t, beta1 = step.index + 1, self.config.momentum
        bias1, bias2 = 1 - beta1**t, 1 - self.beta2**t
        new: Fast = {}
        memory: Fast = {}
        for name, w in fast.items():
            g = grads[name]
            m = slots[f"m.{name}"].lerp(g, 1 - beta1)
            v = slots[f"v.{name}"].lerp(g.square(), 1 - self.beta2)
            rate = self.config.head_lr if name.startswith(HEAD) else self.config.inner_lr
            # w (1 - rate decay) - rate m_hat / (sqrt(v_hat) + eps), its bias corrections taken out of the tensors
            root = v.sqrt().mul_(bias2**-0.5).add_(self.eps)
            new[name] = (w * (1 - rate * self.config.weight_decay)).sub(m / root, alpha=rate / bias1)
            memory |= {f"m.{name}": m, f"v.{name}": v}
        return new, memory
