"""Prototypical networks: a class is the mean of its examples."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from meta_demo.algorithms.base import Algorithm, BodyConfig, State, register
from meta_demo.core.config import knob
from meta_demo.core.corpus import Corpus
from meta_demo.core.features import Features, Task
from meta_demo.core.heads import distance_logits, prototypes
from meta_demo.modalities.content import Content, Picture
from meta_demo.words import words


@dataclass(frozen=True)
class PrototypesConfig(BodyConfig):
    """`views`: how many times more each picture is looked at, a little distorted; its embedding is the mean."""

    views: int = knob(
        0,
        words("Further looks", "额外视角"),
        words(
            "how many times more each picture is looked at, a little distorted, and averaged; texts are read once",
            "每张图片再看几次（略作变形）并取平均；文本只读一次",
        ),
        lo=0,
        hi=16,
    )


@register(
    "protonet",
    title=words("Prototypical networks", "原型网络"),
    paper="Snell, Swersky & Zemel 2017",
    about=words(
        "Averages each class's examples and picks the nearest average, without any gradient step; look for a result that is there at once.",
        "对每个类别的示例取平均，再选最近的平均值，无需梯度步；留意结果立即可得。",
    ),
)
class PrototypicalNetwork(Algorithm):
    """Nearest class mean in the embedding space, with a learned sharpness (Snell et al. 2017, eqs. 1 and 2)."""

    Config = PrototypesConfig
    config: PrototypesConfig

    @property
    def looks(self) -> int:
        """How many times an input is looked at."""
        return 1 + (self.config.views if self.backbone.inputs.modality == "picture" else 0)

    def features(self, texts: Sequence[Content], among: Corpus[Content] | None = None) -> Features:
        """The looks at each of `texts`, one after the other."""
        if self.looks > 1:
            texts = [look for content in texts for look in self._looks_at(content)]
            among = among and among.each(("looks", self.looks), self._looks_at)
        return super().features(texts, among)

    def _looks_at(self, content: Content) -> list[Content]:
        return [replace(content, view=n) for n in range(self.looks)] if isinstance(content, Picture) else [content]

    def embed(self, tensors: dict[str, Tensor], x: Features) -> Tensor:
        """Of each input, the mean over its looks."""
        z = super().embed(tensors, x)
        return normalize(z.view(-1, self.looks, z.shape[1]).mean(1), dim=-1) if self.looks > 1 else z

    def adapt(self, support: Features, y: Tensor, *, graph: bool = False) -> Iterator[State]:  # noqa: ARG002 (always differentiable)
        z = self.embed({}, self.backbone.pack(support))
        c = prototypes(z, y)
        yield State({"prototypes": c}, distance_logits(z, c, self.log_scale.exp()).detach())

    def predict(self, state: State, x: Features) -> Tensor:
        return distance_logits(self.embed({}, x), state.tensors["prototypes"], self.log_scale.exp())

    def meta_loss(self, task: Task) -> Tensor:
        """Every example of the task is asked about, each time with one other example of every class as its prototype -> []."""
        return next(self.meta_losses([task]))

    def meta_losses(self, tasks: Sequence[Task]) -> Iterator[Tensor]:
        """All tasks go through the Transformer together -> their sum, []."""
        whole = [task.support + task.query for task in tasks]
        z = self.embed({}, self.backbone.pack(reduce(add, whole)))
        labels = [torch.cat([task.support_y, task.query_y]).argmax(1).tolist() for task in tasks]
        alike: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
        for label, rows in zip(labels, torch.split(z, list(map(len, labels))), strict=True):
            alike[tuple(label)].append(rows)
        scale = self.log_scale.exp()
        yield torch.stack([_in_turns(torch.stack(rows), torch.tensor(y), scale) for y, rows in alike.items()]).sum()


def _in_turns(z: Tensor, label: Tensor, scale: Tensor) -> Tensor:
    """The sum of the losses of T tasks whose rows have the same labels; z [T, B, D], label [B] -> [].

    Snell et al. 2017, eq. 2, in one-shot form: example j of its class meets example j + r of each, for every turn r, so that
    all play both roles. A smaller class begins anew, and nothing is asked where an example would meet itself.
    """
    count = label.bincount()  # [N]
    first = count.cumsum(0) - count
    order = label.argsort(stable=True)
    place = order.argsort() - first[label]  # [B], of an example in its class
    turns = torch.arange(1, int(count.max()))[:, None, None]
    shots = order[first + (place[:, None] + turns) % count]  # [R, B, N]
    r, b = (turns[:, 0] % count[label] != 0).nonzero().unbind(1)  # [Q] questions asked
    shot, b, y = (t.to(z.device) for t in (shots[r, b], b, label[b]))  # [Q, N], [Q], [Q]
    logits = distance_logits(z, z, scale)[:, b[:, None], shot]  # [T, Q, N]
    return cross_entropy(logits.flatten(0, 1), y.repeat(len(z))) * len(z)
