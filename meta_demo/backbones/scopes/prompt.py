"""Learned vectors before the tokens of every input."""

import torch
from torch import Tensor

from meta_demo.backbones.added import TOKENS
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.scopes.base import Reach, Scope, register
from meta_demo.backbones.scopes.start_of_tokens import check_tokens, drawn, token_width
from meta_demo.words import words


@register("prompt", words("learned tokens before an input's own", "置于输入之前的可学习词元"))
class Prompt(Scope):
    """Prompt tuning (Lester, Al-Rfou & Constant 2021): before the embeddings of a text at the lowest boundary, before a layer above."""

    adds = True

    def weights(self, backbone: Backbone, reach: Reach, rng: torch.Generator) -> dict[str, Tensor]:
        layer = backbone.reachable(self.boundary(backbone.n_layers, reach))
        tokens = {f"{backbone.layers_path}.{layer}.{TOKENS}": drawn(backbone, layer, reach.tokens, rng)}
        check_tokens(backbone, self.name, tokens)
        return tokens

    def size(self, backbone: Backbone, reach: Reach) -> int:
        return reach.tokens * token_width(backbone, backbone.reachable(self.boundary(backbone.n_layers, reach)))
