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
        """Every example of the task is asked about, each time with one other example of every class as its prototype -> [].

        Snell et al. 2017, eq. 2, in one-shot form: example j of its class meets example j + r of each, for every turn r, so that
        all play both roles. A smaller class begins anew, and nothing is asked where an example would meet itself.
        """
        z = self.embed({}, self.backbone.pack(task.support + task.query))  # [B, D]
        label = torch.cat([task.support_y, task.query_y]).argmax(1)  # [B]
        count = label.bincount()  # [N]
        first = count.cumsum(0) - count
        order = label.argsort(stable=True)
        place = order.argsort() - first[label]  # [B], of an example in its class
        turns = torch.arange(1, int(count.max()), device=z.device)[:, None, None]
        shots = order[first + (place[:, None] + turns) % count]  # [R, B, N]
        logits = distance_logits(z, z, self.log_scale.exp()).expand(len(turns), -1, -1).gather(2, shots)  # [R, B, N]
        apart = turns[:, 0] % count[label] != 0  # [R, B]
        return cross_entropy(logits[apart], label.expand(len(turns), -1)[apart])
