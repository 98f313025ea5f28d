"""Reptile: move the start towards the weights that plain training on a task ends at."""

import torch
from torch import Tensor

from meta_demo.algorithms.gradient.base import GradientAlgorithm
from meta_demo.algorithms.gradient.fast import Fast
from meta_demo.algorithms.registry import register
from meta_demo.core.examples import Examples, Task
from meta_demo.words import words


@register(
    "reptile",
    title=words("Reptile"),
    paper="Nichol, Achiam & Schulman 2018",
    about=words(
        "Meta-trained by moving its start towards the weights each task ended with; look for steady curves over several steps.",
        "元训练时把起点移向各任务学完后的权重；留意多步之间是否平稳。",
    ),
)
class Reptile(GradientAlgorithm):
    """First-order meta-learning without a query set (Nichol et al. 2018, algorithm 1)."""

    def seen(self, task: Task) -> Examples:
        """All of the task's examples, as the method has no query."""
        return task.support + task.query

    def outer_loss(self, fast: Fast, task: Task) -> Tensor:  # noqa: ARG002
        """Half the squared distance to the task's adapted weights: its gradient is Reptile's, start minus adapted.

        A shared head vector moves towards the mean of its outputs' adapted rows.
        """
        start = dict(self.body)
        target = {name: fast[name] for name in start}
        if self.config.head == "shared":
            start["head"], target["head"] = self.shared, fast["head.weight"].mean(0)
        terms = [(start[name] - target[name].detach()).square().sum() for name in start]
        return torch.stack([self.like.new_zeros(()), *terms]).sum() / 2  # zero where nothing of the start is in scope
