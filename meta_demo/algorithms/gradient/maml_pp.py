"""MAML++: MAML with what made it train well - rates for each layer and step, and a loss after every step."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from meta_demo.algorithms.gradient.base import GradientAlgorithm, GradientConfig
from meta_demo.algorithms.gradient.fast import HEAD, Step
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.words import words


@dataclass(frozen=True)
class MAMLPlusPlusConfig(GradientConfig):
    """The inner loop's knobs; the learning rates are those that the outer loop begins with."""

    inner_steps: int = GradientConfig.redefault("inner_steps", 5)
    momentum: float = GradientConfig.redefault("momentum", 0.0)
    trained_steps: int = knob(
        5,
        words("Steps with rates of their own", "有独立学习率的步数"),
        words(
            "inner steps with learning rates of their own; later ones take the last's",
            "拥有独立学习率的内循环步数；之后沿用最后一步的",
        ),
        lo=1,
        hi=50,
    )
    multi_step: float = knob(
        0.3,
        words("Loss before the last step", "最后一步之前的损失"),
        words(
            "share of the outer loss that the steps before the last have together; 0 asks after the last alone",
            "最后一步之前各步在外层损失中合占的比例；0 表示只看最后一步",
        ),
        lo=0.0,
        hi=1.0,
    )


@register(
    "maml_pp",
    title=words("MAML++"),
    paper="Antoniou, Edwards & Storkey 2019",
    about=words(
        "MAML with a learned rate for every layer and step, asked after each step; look for curves that rise from the first step on.",
        "每层每步都有学习到的学习率、并在每一步后都受检验的 MAML；留意从第一步起就上升的曲线。",
    ),
    lesson=Lesson(
        outer=words(
            "The weights that every task begins from, and a learning rate for each layer at each step. The loss is asked for "
            "after every step, and that after the last counts most.",
            "每个任务开始时的权重，以及每层每步的学习率。每一步之后都看损失，最后一步之后的分量最重。",
        ),
        inner=words(
            "A few gradient steps without momentum move the adapted layers and a head that begins at the class means, each layer "
            "at its rate of that step.",
            "不带动量的几步梯度下降移动被适应的层，以及从类别均值开始的分类头，每层用该步的学习率。",
        ),
        equation=r"(\theta, \alpha) \leftarrow (\theta, \alpha) - \beta \nabla_{(\theta, \alpha)} \sum_i \sum_{t=1}^{k} v_t \, "
        r"\mathcal{L}^{\text{query}}_i \bigl(\theta^{(t)}_i\bigr), \quad \theta^{(t)}_i = \theta^{(t-1)}_i - \alpha_t \nabla "
        r"\mathcal{L}^{\text{support}}_i \bigl(\theta^{(t-1)}_i\bigr)",
        cost=words(
            "A task costs what it costs MAML. In training the query goes through the model after every step and not only after "
            "the last.",
            "一个任务的代价与 MAML 相同。训练时查询在每一步之后都要经过模型，而不只是最后一步之后。",
        ),
        use=words(
            "When rates are hard to choose by hand, or when a task may be stopped after any step.",
            "当学习率难以手工选定，或任务可能在任何一步之后停下时。",
        ),
        look=words(
            "On curves its start goes on well past the steps it was trained for. "
            "From plain weights the rates are those of MAML, and it goes the way of MAML without momentum; "
            "as training asks after every step, the curve of a trained start should rise from the first.",
            "在曲线上，它的起点在训练所用的步数之后仍继续改进。"
            "从普通权重出发，学习率就是 MAML 的，它走不带动量的 MAML 的路；训练时每一步之后都看损失，"
            "所以训练过的起点，其曲线应从第一步起就上升。",
        ),
        learned=("layers", "rule"),
        moved=("layers", "head"),
    ),
)
class MAMLPlusPlus(GradientAlgorithm):
    """MAML with per-layer per-step rates and the multi-step loss (Antoniou et al. 2019, section 4)."""

    Config = MAMLPlusPlusConfig
    config: MAMLPlusPlusConfig
    second_order = True
    descends_untrained = True

    def __init__(self, backbone: Backbone, config: MAMLPlusPlusConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        self._layers = [f"{path}." for path, _ in backbone.named_layers()]
        rates = torch.full((config.trained_steps, len(self._layers) + 2), config.inner_lr, dtype=torch.float64)
        rates[:, -1] = config.head_lr
        self.rates = nn.Parameter(
            rates.to(backbone.head)
        )  # a row a step; a column a layer, one for what is in none, one for the head

    def rate(self, step: Step, name: str) -> Tensor:
        row = self.rates[min(step.index, len(self.rates) - 1)]
        if name.startswith(HEAD):
            return row[-1]
        return row[next((i for i, path in enumerate(self._layers) if name.startswith(path)), len(self._layers))]

    def step_weights(self, steps: int) -> list[float]:
        """All but the last step share `multi_step` alike; the start is not asked."""
        early = self.config.multi_step / (steps - 1) if steps > 1 else 0.0
        return [0.0, *[early] * (steps - 1), 1 - early * (steps - 1)] if steps else [1.0]
