"""The families of algorithms, in the order in which textbooks come to them."""

from __future__ import annotations

from collections.abc import Sequence

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.words import Words, words

FAMILIES: dict[str, Words] = {
    "gradient": words("Gradient-based: a start from which a few steps go far", "基于梯度：从好的起点出发，几步即可"),
    "metric": words("Metric-based: a space in which neighbours share a label", "基于度量：同类样本彼此相近的空间"),
    "memory": words("Memories and attention: reading the examples is the learning", "记忆与注意力：阅读示例就是学习"),
    "rule": words("Learned rules: the update itself is learned", "学习规则：更新方式本身是学来的"),
    "generated": words("Generated weights: a network writes the learner's weights", "生成权重：由网络写出学习者的权重"),
    "hierarchy": words("Hierarchies: a task chooses among what all tasks share", "层次化：任务在共享的部件中做选择"),
    "multitask": words("Multi-task: one encoder for many tasks at once", "多任务：一个编码器同时服务多个任务"),
    "baseline": words("Baselines: nothing is meta-learned", "基线：不做元学习"),
}


def grouped(names: Sequence[str]) -> dict[str, list[str]]:
    """Names of algorithms by family, our families first and in their order, those that nobody here knows after them."""
    known = sorted(names, key=lambda name: (_place(REGISTRY[name].family), REGISTRY[name].family, name))
    found: dict[str, list[str]] = {}
    for name in known:
        found.setdefault(REGISTRY[name].family, []).append(name)
    return found


def family_title(family: str, lang: str) -> str:
    """What a family is called, or its bare name where nobody has said."""
    return FAMILIES.get(family, {}).get(lang, family)


def _place(family: str) -> int:
    return [*FAMILIES, family].index(family)
