"""Prototypical networks: a class is the mean of its examples."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add

import torch
from torch import Tensor

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
