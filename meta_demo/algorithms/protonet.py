"""Prototypical networks: a class is the mean of its examples."""

from collections.abc import Iterator

from torch import Tensor

from meta_demo.core.algorithm import Algorithm, State, register
from meta_demo.core.heads import distance_logits, prototypes
from meta_demo.core.task import Features


@register("protonet", paper="Snell, Swersky & Zemel 2017")
class PrototypicalNetwork(Algorithm):
    """Nearest class mean in the embedding space, with a learned sharpness (Snell et al. 2017, eqs. 1 and 2)."""

    def adapt(self, support: Features, y: Tensor, *, graph: bool = False) -> Iterator[State]:  # noqa: ARG002 (always differentiable)
        z = self.embed({}, self.backbone.pack(support))
        c = prototypes(z, y)
        yield State({"prototypes": c}, distance_logits(z, c, self.log_scale.exp()).detach())

    def predict(self, state: State, x: Features) -> Tensor:
        return distance_logits(self.embed({}, x), state.tensors["prototypes"], self.log_scale.exp())
