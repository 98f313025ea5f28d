"""Every weight there is."""

import torch
from torch import Tensor

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.scopes.base import Reach, Scope, register
from meta_demo.words import words


@register("model", words("embeddings too", "连同嵌入层"))
class WholeModel(Scope):
    """What was read from the model's file: no pooler, for one, that the file lacks and nothing asks."""

    whole = True

    def boundary(self, n_layers: int, reach: Reach) -> int:  # noqa: ARG002
        return 0

    def size(self, backbone: Backbone, reach: Reach) -> int:  # noqa: ARG002
        return sum(p.numel() for p in backbone.parameters.values())

    def weights(self, backbone: Backbone, reach: Reach, rng: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        return {name: p.detach().clone() for name, p in backbone.parameters.items()}
