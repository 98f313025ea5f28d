"""What a training is set to: the knobs of the outer loop and those of the tasks it draws, each declared here and nowhere else.

Flags and the page's controls are made from them. Not here: what is trained, and on which sources (`recipe.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from meta_demo.core.config import MAX_SEED, Config, knob
from meta_demo.data.sampler import MIXES, Fixed, Shape, Variable
from meta_demo.words import words


@dataclass(frozen=True)
class TaskPlan(Config):
    """Knobs of the tasks: how large they are, and how they are drawn from several sources."""

    sampler: str = knob(
        "fixed",
        words("Task sizes", "任务规模"),
        words(
            "fixed: N ways, K shots; variable: as in Meta-Dataset, up to N ways with unequal shots",
            "fixed：固定 N 类 K 条；variable：如 Meta-Dataset，至多 N 类且条数不等",
        ),
        choices=("fixed", "variable"),
    )
    n_way: int = knob(5, words("Ways", "类别数"), words("classes in a task", "每个任务的类别数"), lo=2)
    k_shot: int = knob(
        1,
        words("Shots", "每类示例数"),
        words("examples of each class; of numbers, of each task", "每个类别的示例数；数值则为每个任务的示例数"),
        lo=1,
    )
    n_query: int = knob(
        5,
        words("Queries", "每类查询数"),
        words("queries of each class; of numbers, of each task", "每个类别的查询数；数值则为每个任务的查询数"),
        lo=1,
    )
    within: float = knob(
        0.0,
        words("From one group", "取自同一组"),
        words(
            "chance that all classes of a task come from one group, such as an alphabet: what stands before the last slash of their labels",
            "同一任务的类别取自同一组（例如同一字母表，即标签最后一个斜杠之前的部分）的概率",
        ),
        lo=0,
        hi=1,
    )
    mix: str = knob(
        "uniform",
        words("Mixture", "混合方式"),
        words(
            "a source's chance in the mixture: uniform, by its size, or by size to the power 1/temperature",
            "混合时每个数据源的概率：均匀、按大小，或按大小的 1/温度 次方",
        ),
        choices=MIXES,
    )
    temperature: float = knob(
        2.0,
        words("Temperature of the mixture", "混合温度"),
        words("1 is by size, large is uniform", "1 相当于按大小，越大越接近均匀"),
        lo=0.1,
    )

    @property
    def shape(self) -> Shape:
        """How large a task is."""
        if self.sampler == "variable":
            return Variable(max_way=max(self.n_way, 5), n_query=self.n_query)
        return Fixed(self.n_way, self.k_shot, self.n_query)

    @property
    def mixture(self) -> dict[str, Any]:
        """How tasks are drawn from several sources."""
        return {"mix": self.mix, "temperature": self.temperature, "within": self.within}


@dataclass(frozen=True)
class Plan(Config):
    """Knobs of the outer loop."""

    steps: int = knob(
        500,
        words("Outer steps", "外循环步数"),
        words("outer steps", "外循环步数"),
        lo=1,
    )
    minutes: float | None = knob(
        None,
        words("Minutes", "分钟数"),
        words("stop after this time, whatever the steps", "到时即停，不论步数"),
        lo=0,
        kind=float,
    )
    seed: int = knob(
        0,
        words("Seed", "随机种子"),
        words("equal seeds give equal results", "相同的种子得到相同的结果"),
        lo=0,
        hi=MAX_SEED,
    )
    meta_batch: int = knob(
        4, words("Meta-batch", "元批量"), words("tasks in an outer step", "每个外循环步的任务数"), lo=1
    )
    lr: float = knob(
        3e-4,
        words("Outer learning rate", "外循环学习率"),
        words(
            "highest learning rate on the meta-parameters",
            "元参数的最高学习率",
        ),
        lo=0.0,
    )
    weight_decay: float = knob(
        0.01,
        words("Weight decay", "权重衰减"),
        words("weight decay of the meta-parameters", "元参数的权重衰减"),
        lo=0.0,
    )
    warmup: float = knob(
        0.05,
        words("Warm-up", "预热"),
        words("part of the steps over which the learning rate rises", "学习率上升阶段占总步数的比例"),
        lo=0.0,
    )
    clip: float = knob(
        1.0, words("Gradient bound", "梯度上限"), words("largest norm of the meta-gradient", "元梯度范数上限"), lo=1e-6
    )
    ema: float = knob(
        0.0,
        words("Running mean", "滑动平均"),
        words(
            "decay of the running mean of the weights, such as 0.95: the mean is what is validated and kept; "
            "0 takes the weights themselves",
            "权重滑动平均的衰减系数，例如 0.95：验证和保存的是平均后的权重；0 表示直接使用当前权重",
        ),
        lo=0,
        hi=0.9999,
    )
    muon: bool = knob(
        False,
        words("Muon"),
        words("Muon on the matrices inside the layers, AdamW on everything else", "层内矩阵用 Muon，其余用 AdamW"),
    )
    distort: float = knob(
        0.0,
        words("Distortion", "扭曲"),
        words(
            "turn, stretch and bend training pictures: 1 is a hand's usual variation, 0 leaves them as they are; needs scope all or model",
            "旋转、拉伸、弯曲训练图片：1 为手写的常见变化，0 为不变；需要范围 all 或 model",
        ),
        lo=0.0,
    )
    body: Literal["learn", "hold"] = knob(
        "learn",
        words("The Transformer's part", "Transformer 部分"),
        words(
            "learn: the start of the Transformer's weights in scope is learned too; hold: it stays what --start gave it, and what the "
            "method has beside it is learned, from embeddings that are computed once where tasks leave it alone too",
            "learn：范围内 Transformer 权重的起点也一并学习；hold：保持 --start 给出的值，只学习方法自身的其余参数；"
            "任务也不改动它时，嵌入只计算一次",
        ),
        choices=("learn", "hold"),
    )
    bf16: bool = knob(
        False,
        words("bfloat16"),
        words(
            "matrix products of the meta-gradient in bfloat16: faster where the processor knows it",
            "元梯度中的矩阵乘法使用 bfloat16：在支持它的处理器上更快",
        ),
    )
    save_every: int = knob(
        50,
        words("Steps between saves", "保存间隔"),
        words("outer steps between two saves", "两次保存之间的外循环步数"),
        lo=1,
    )
    valid_every: int = knob(
        50,
        words("Steps between validations", "验证间隔"),
        words("outer steps between two validations", "两次验证之间的外循环步数"),
        lo=1,
    )
    valid_episodes: int = knob(
        100, words("Validation tasks", "验证任务数"), words("validation tasks", "验证任务数"), lo=2
    )
    keep: Literal["best", "last"] = knob(
        "best",
        words("What is kept", "保存哪个起点"),
        words(
            "which weights the checkpoint holds: the best on the validation tasks, or the last, "
            "for training on tasks that the validation is unlike",
            "检查点保存哪一步的权重：best 为验证任务上最好的，last 为最后一步的（训练任务与验证任务不同时使用）",
        ),
        choices=("best", "last"),
    )

    def rate(self, step: int) -> float:
        """Learning rate of a step: a linear warm-up, then a half cosine down to a hundredth."""
        warm = max(1, round(self.warmup * self.steps))
        if step < warm:
            return self.lr * (step + 1) / warm
        done = (step - warm) / max(1, self.steps - warm)
        return self.lr * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)
