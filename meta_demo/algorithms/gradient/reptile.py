"""Reptile: move the start towards the weights that plain training on a task ends at."""

import torch
from torch import Tensor

from meta_demo.algorithms.gradient.base import GradientAlgorithm
from meta_demo.algorithms.gradient.fast import Fast
from meta_demo.algorithms.lesson import Lesson
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
    lesson=Lesson(
        outer=words(
            "The weights that every task begins from. They move a little towards the weights at which training on all of the "
            "task's examples ends; no query is kept apart.",
            "每个任务开始时的权重。它们向在该任务全部示例上训练所得的权重移动一点；不另留查询。",
        ),
        inner=words(
            "A few gradient steps with momentum move the adapted layers and a head that begins at the class means.",
            "带动量的几步梯度下降移动被适应的层，以及从类别均值开始的分类头。",
        ),
        equation=r"\theta \leftarrow \theta + \epsilon \sum_i (\theta'_i - \theta), \quad \theta'_i = \theta - \alpha \sum_{t=0}^{k-1} "
        r"\nabla \mathcal{L}_i\bigl(\theta^{(t)}_i\bigr)",
        cost=words(
            "A task costs what it costs MAML. Training takes the inner steps, on support and query together, and no gradient "
            "after them.",
            "一个任务的代价与 MAML 相同。训练只走内循环各步（支持与查询一起），之后不再求梯度。",
        ),
        use=words(
            "When training should be simple and light, and tasks will be given several steps.",
            "当希望训练简单省力，且任务会走好几步时。",
        ),
        look=words(
            "On sines every step brings some more, where MAML's first step brings nearly all; its start was trained for fewer "
            "steps than MAML's. On sentences it ends where first-order MAML does.",
            "在正弦曲线上，每一步都再进一些，而 MAML 的第一步几乎完成全部；它的起点训练步数少于 MAML。在句子上，"
            "结果与一阶 MAML 相同。",
        ),
        learned=("layers",),
        moved=("layers", "head"),
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
