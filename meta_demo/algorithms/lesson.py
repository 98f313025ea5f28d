"""What the Learn tab teaches of an algorithm, said beside its class."""

from __future__ import annotations

from dataclasses import dataclass

from meta_demo.words import Words, words

# The parts of a few-shot learner that a drawing shows, from the input to the answer, and what steers them below.
PARTS: dict[str, Words] = {
    "layers": words("last layers", "末几层"),
    "context": words("context tokens", "上下文词元"),
    "mixture": words("mixture", "混合权重"),
    "prototypes": words("class means", "类别均值"),
    "metric": words("comparison", "比较"),
    "memory": words("memory", "记忆"),
    "head": words("head", "分类头"),
    "rule": words("update rule", "更新规则"),
    "loss": words("inner loss", "内循环损失"),
    "generator": words("generator", "生成器"),
}


@dataclass(frozen=True)
class Lesson:
    """A page of the Learn tab: each text one or two plain sentences, the equation in LaTeX.

    `learned` and `moved` name the `PARTS` that the outer loop learns and that a task's examples change. Raises ValueError for others.
    """

    outer: Words  # what the outer loop learns
    inner: Words  # what the examples of a task change
    equation: str
    cost: Words  # gradients and memory
    use: Words  # when to take it
    look: Words  # what to look for in its curves
    learned: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part in (*self.learned, *self.moved):
            if part not in PARTS:
                raise ValueError(f"“{part}” is no part of a learner; the parts: {', '.join(PARTS)}")
