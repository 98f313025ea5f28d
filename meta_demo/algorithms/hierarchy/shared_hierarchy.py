"""A shared hierarchy: a bank of adapters that all tasks share, and a mixture of them that each task learns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from meta_demo.algorithms.gradient.base import GradientAlgorithm, GradientConfig
from meta_demo.algorithms.gradient.fast import Fast
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.linear import LORA_A, LORA_B
from meta_demo.backbones.scopes import SCOPES
from meta_demo.core.config import knob
from meta_demo.words import words

MIXING = "mixing"  # the fast weight that a task moves beside its head
APART, LEAST = 0.02, 1e-3  # how unlike the adapters begin: this much of the weights' own size, and at the least


@dataclass(frozen=True)
class HierarchyConfig(GradientConfig):
    """The inner loop's knobs, and the bank's size; the scope is what an adapter consists of."""

    scope: str = GradientConfig.scopes([name for name in SCOPES if name != "head"])
    lora_rank: int = GradientConfig.redefault("lora_rank", 4)
    inner_lr: float = GradientConfig.redefault(
        "inner_lr",
        2.0,
        title=words("Learning rate, mixture", "学习率（混合权重）"),
        help=words("how far each step moves the mixture of adapters", "每一步移动适配器混合权重的幅度"),
    )
    adapters: int = knob(
        4,
        words("Adapters in the bank", "适配器数量"),
        words(
            "how many adapters all tasks share; a start that was trained has its own",
            "所有任务共享的适配器个数；训练好的起点自有其值",
        ),
        lo=1,
        hi=16,
    )


@register(
    "shared_hierarchy",
    title=words("Shared hierarchy", "共享层次"),
    paper="after Frans et al. 2018",
    about=words(
        "A task learns how to mix a few adapters that all tasks share; look for much adaptation by a handful of numbers.",
        "每个任务学习如何混合少量由所有任务共享的适配器；留意寥寥几个数就能带来的适应。",
    ),
    lesson=Lesson(
        outer=words(
            "A bank of adapters, each low-rank factors or whatever the scope is, and the mixture that tasks begin with.",
            "一组适配器（低秩因子，或所选范围内的权重），以及任务开始时的混合权重。",
        ),
        inner=words(
            "How much of each adapter there is: a number each, beside the head. The adapters themselves stay as they are.",
            "每个适配器占多少：各一个数，外加分类头。适配器本身保持不变。",
        ),
        equation=r"W = W_0 + 2 \sum_{k=1}^{K} \mathrm{softmax}(m)_k\, B_k A_k,\qquad m \leftarrow m - \alpha \nabla_m "
        r"\mathcal{L}^{\mathrm{support}}",
        cost=words(
            "A task: one gradient a step, and only a handful of numbers to keep. Training: second derivatives, and K adapters in memory.",
            "每个任务：每步一次梯度，只需保存寥寥几个数。训练：含二阶导数，内存中有 K 个适配器。",
        ),
        use=words(
            "Where tasks fall into a few kinds, and a few examples can tell which kind it is but not more.",
            "任务可分为少数几类，而少量示例只够分辨属于哪一类时。",
        ),
        look=words(
            "Before any training an even mixture is the model as it was, and low-rank adapters say nothing: its curve is ANIL's.",
            "未经训练时，均匀混合就是原来的模型，低秩适配器毫无作用：其曲线与 ANIL 相同。",
        ),
        learned=("layers", "mixture"),
        moved=("mixture", "head"),
    ),
)
class SharedHierarchy(GradientAlgorithm):
    """ANIL with a second level: the inner loop moves the head and the logits of a mixture over adapters (after Frans et al. 2018,
    whose master policy chooses one of several shared sub-policies); the outer loop learns adapters and where the mixture begins.

    The Transformer is its weights in scope, averaged by the mixture; low-rank factors stand side by side, each B times its share. At
    first the adapters differ by a little noise that cancels in an even mixture: the model is then the one that it was.
    """

    Config = HierarchyConfig
    config: HierarchyConfig
    family = "hierarchy"
    second_order = True
    exempt: ClassVar[Mapping[str, str]] = {
        "attention_changes_where_the_body_adapts": "before meta-training adapters hardly differ: to mix them otherwise changes nothing"
    }

    def __init__(self, backbone: Backbone, config: HierarchyConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        self._body = nn.ParameterDict(
            {name: nn.Parameter(w) for name, w in self.spread({n: w.detach() for n, w in self._body.items()}).items()}
        )
        self.mixing = nn.Parameter(backbone.head.new_zeros(config.adapters))

    @property
    def copies(self) -> int:
        return self.config.adapters

    def spread(self, one: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A bank [K, ...] for each weight of one adapter, whose mean it is. Factors B stay the same: their A's tell them apart."""
        rng, bank = torch.Generator().manual_seed(self.config.adapters), {}
        for name, w in one.items():
            noise = torch.randn(self.config.adapters, *w.shape, generator=rng, dtype=torch.float64)
            size = 0.0 if name.endswith(LORA_B) else APART * float(w.square().mean().sqrt() if w.numel() else 0) + LEAST
            if name.endswith(LORA_A):  # as unlike as fresh ones
                size = w.shape[1] ** -0.5
            bank[name] = w + (size * (noise - noise.mean(0))).to(w)
        return bank

    def taken_over(self, body: dict[str, Tensor]) -> dict[str, Tensor]:
        """A bank around the weights of another method's start."""
        known = {n: w for n, w in body.items() if n in self._body and w.shape == self._body[n].shape[1:]}
        return {**body, **self.spread(known)}

    @property
    def body(self) -> dict[str, Tensor]:
        return self.mixed(self.mixing)

    @property
    def moving(self) -> Fast:
        return {MIXING: self.mixing}

    def weights(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return self.mixed(tensors.get(MIXING, self.mixing))

    def mixed(self, logits: Tensor) -> dict[str, Tensor]:
        """The Transformer's weights in scope that a mixture [K] gives."""
        share, made = logits.softmax(-1), {}
        for name, bank in self._body.items():
            own = name.replace("/", ".")
            if own.endswith(LORA_A):
                made[own] = bank.flatten(0, 1)
            elif own.endswith(LORA_B):
                made[own] = (bank * share[:, None, None]).transpose(0, 1).flatten(1)
            else:
                made[own] = torch.tensordot(share, bank, 1)
        return made
