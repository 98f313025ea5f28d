"""Every weight of every layer; the embedding tables stay."""

from meta_demo.backbones.scopes.base import Reach, register
from meta_demo.backbones.scopes.last_n import LastLayers
from meta_demo.words import words


@register("all", words("every layer", "所有层"))
class AllLayers(LastLayers):
    def boundary(self, n_layers: int, reach: Reach) -> int:  # noqa: ARG002
        return 0
