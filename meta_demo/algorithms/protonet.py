"""Prototypical networks: a class is the mean of its examples."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from meta_demo.core.algorithm import Algorithm, State, register
from meta_demo.core.heads import distance_logits, prototypes
from meta_demo.core.task import Features, Task


@register("protonet", paper="Snell, Swersky & Zemel 2017")
class PrototypicalNetwork(Algorithm):
    """Nearest class mean in the embedding space, with a learned sharpness (Snell et al. 2017, eqs. 1 and 2)."""

    def adapt(self, support: Features, y: Tensor, *, graph: bool = False) -> Iterator[State]:  # noqa: ARG002 (always differentiable)
        z = self.embed({}, self.backbone.pack(support))
        c = prototypes(z, y)
        yield State({"prototypes": c}, distance_logits(z, c, self.log_scale.exp()).detach())

    def predict(self, state: State, x: Features) -> Tensor:
        return distance_logits(self.embed({}, x), state.tensors["prototypes"], self.log_scale.exp())

    def meta_loss(self, task: Task) -> Tensor:
        """Leave-one-out: every example of the task in its turn is the query of the prototypes made without it -> [].

        Snell et al. 2017, eq. 2, with no example spent on the support alone. A class of one example is never asked about.
        """
        z = self.embed({}, self.backbone.pack(task.support + task.query))  # [B, D]
        label = torch.cat([task.support_y, task.query_y]).argmax(1)  # [B]
        count = label.bincount()[:, None]  # [N, 1]
        total = z.new_zeros(len(count), z.shape[1]).index_add(0, label, z)  # [N, D]
        scale = self.log_scale.exp()
        rest = (total[label] - z) / (count[label] - 1).clamp(min=1)  # [B, D], each example's class without it
        own = -scale * (z - rest).square().sum(-1, keepdim=True)  # [B, 1]
        logits = distance_logits(z, total / count, scale).scatter(1, label[:, None], own)
        asked = count[label, 0] > 1
        return cross_entropy(logits[asked], label[asked])
