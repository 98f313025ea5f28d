"""Prototypical networks: a class is the mean of its examples."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add

import torch
from torch import Tensor

from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.metric.base import DistanceAlgorithm
from meta_demo.algorithms.registry import register
from meta_demo.core.examples import Examples, Task
from meta_demo.core.heads import distance_logits, prototypes
from meta_demo.words import words


@register(
    "protonet",
    title=words("Prototypical networks", "原型网络"),
    paper="Snell, Swersky & Zemel 2017",
    about=words(
        "Averages each class's examples and picks the nearest average, without any gradient step; look for a result that is there at once.",
        "对每个类别的示例取平均，再选最近的平均值，无需梯度步；留意结果立即可得。",
    ),
    lesson=Lesson(
        outer=words(
            "A space in which examples of a class lie close together: the last layers, and how sharply distance counts.",
            "一个同类示例彼此靠近的空间：末几层的权重，以及距离有多敏感。",
        ),
        inner=words(
            "Each class becomes the mean of its examples' embeddings. There is no gradient step.",
            "每个类别成为其示例嵌入的均值。没有梯度步。",
        ),
        equation=r"p(y = n \mid x) = \text{softmax}_n \bigl(-s \lVert f_\theta(x) - c_n \rVert^2\bigr), \quad c_n = \frac{1}{|S_n|} "
        r"\sum_{j \in S_n} f_\theta(x_j)",
        cost=words(
            "One pass over the examples, no gradient, and one vector to keep for each class. Training takes one gradient for all "
            "tasks of a step together.",
            "示例过一遍，不求梯度，每个类别只存一个向量。训练时一步的所有任务合用一次梯度。",
        ),
        use=words(
            "The first learner to try: it is fast, has nothing to tune, and is hard to beat on a good encoder.",
            "最先该试的元学习方法：快，没有什么要调，在良好的编码器上很难被超过。",
        ),
        look=words(
            "Its curve is level, as there is nothing to step. On sentences its start gains most with one example a class, and "
            "less than a point with five.",
            "它的曲线是水平的，因为没有步可走。在句子上，其起点在每类一个示例时收益最大，五个示例时不到一个百分点。",
        ),
        learned=("layers",),
        moved=("prototypes",),
    ),
)
class PrototypicalNetwork(DistanceAlgorithm):
    """Nearest class mean in the embedding space, with a learned sharpness (Snell et al. 2017, eqs. 1 and 2)."""

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        return {"prototypes": prototypes(z, support.y)}

    def meta_loss(self, task: Task) -> Tensor:
        """Every example of the task is asked about, each time with one other example of every class as its prototype -> []."""
        return next(self.meta_losses([task]))

    def meta_losses(self, tasks: Sequence[Task]) -> Iterator[Tensor]:
        """The sum of all tasks' meta-losses, [], whose examples go through the Transformer together."""
        whole = [task.support + task.query for task in tasks]
        z = self.embed({}, self.backbone.pack(reduce(add, (examples.x for examples in whole))))
        alike: dict[tuple[int, ...], list[tuple[Tensor, Examples]]] = defaultdict(list)
        for examples, rows in zip(whole, torch.split(z, list(map(len, whole))), strict=True):
            alike[tuple(examples.y.argmax(1).tolist())].append((rows, examples))
        yield torch.stack([self._in_rounds(*zip(*those, strict=True)) for those in alike.values()]).sum()

    def _in_rounds(self, z: Sequence[Tensor], alike: Sequence[Examples]) -> Tensor:
        """The sum of the losses of T tasks whose rows have the same labels; z are their embeddings [B, D] -> [].

        Snell et al. 2017, eq. 2, in one-shot form: example j of its class meets example j + r of each, for every round r, so that
        all play both roles. A smaller class begins anew, and nothing is asked where an example would meet itself.
        """
        asked, shots = _rounds(alike[0].y.argmax(1).cpu())
        asked, shots, every = asked.to(z[0].device), shots.to(z[0].device), torch.stack(list(z))
        logits = distance_logits(every, every, self.log_scale.exp())[:, asked[:, None], shots]  # [T, Q, N]
        targets = torch.stack([examples.y[asked] for examples in alike])
        return alike[0].objective.loss(logits.flatten(0, 1), targets.flatten(0, 1)) * len(z)


def _rounds(label: Tensor) -> tuple[Tensor, Tensor]:
    """Who is asked about [Q], and which example of each class is its prototype then [Q, N]; label [B]."""
    count = label.bincount()  # [N]
    first = count.cumsum(0) - count
    order = label.argsort(stable=True)
    place = order.argsort() - first[label]  # [B], of an example in its class
    rounds = torch.arange(1, int(count.max()))[:, None, None]
    shots = order[first + (place[:, None] + rounds) % count]  # [R, B, N]
    r, b = (rounds[:, 0] % count[label] != 0).nonzero().unbind(1)
    return b, shots[r, b]
