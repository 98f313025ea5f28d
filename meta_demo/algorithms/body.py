"""Algorithms that have weights of the Transformer for their own: a start that the outer loop learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from meta_demo.algorithms.base import Algorithm
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.scopes import SCOPES, Reach
from meta_demo.backbones.scopes.lora import merged
from meta_demo.core import config as knobs
from meta_demo.core.config import Config, knob
from meta_demo.core.errors import UserError
from meta_demo.words import LANGUAGES, Words, words


def _told(names: Sequence[str]) -> Words:
    """What each of these scopes is."""
    return {lang: "; ".join(f"{name}: {SCOPES[name].about[lang]}" for name in names) for lang in LANGUAGES}


@dataclass(frozen=True)
class BodyConfig(Config):
    """Knobs of every algorithm with a body: what of the Transformer is its own."""

    scope: str = knob("lora", words("What adapts", "适应范围"), _told(tuple(SCOPES)), choices=tuple(SCOPES))
    last_n: int = knob(
        3,
        words("Layers from the top", "自顶部起的层数"),
        words(
            "how many of the last layers all scopes but head, all and model reach",
            "除 head、all 与 model 之外的范围所涉及的最后几层",
        ),
        lo=1,
        hi=48,
    )
    lora_rank: int = knob(
        16,
        words("LoRA rank", "LoRA 秩"),
        words("rank of the factors in the scope lora", "lora 范围中因子的秩"),
        lo=1,
        hi=64,
    )
    tokens: int = knob(
        8,
        words("Added tokens", "添加的词元数"),
        words(
            "how many tokens the scopes prompt and prefix put before those of an input; attention maps leave them out",
            "prompt 与 prefix 范围置于输入之前的词元数；注意力图不显示它们",
        ),
        lo=0,
        hi=128,
    )

    @classmethod
    def scopes(cls, names: Sequence[str]) -> Any:
        """The knob `scope` of a method that can take these alone."""
        return cls.redefault("scope", choices=tuple(names), help=_told(names))


@dataclass(frozen=True)
class ScaleConfig(Config):
    """The knob of whoever compares distances."""

    scale: float = knob(
        4.0,
        words("Sharpness", "锐度"),
        words(
            "how strongly distance to a prototype lowers a class's probability",
            "与原型的距离降低类别概率的强度",
        ),
        lo=0.1,
        hi=100.0,
    )


class BodyAlgorithm(Algorithm):
    """A learner whose meta-parameters hold the start of the Transformer's weights in scope."""

    Config: ClassVar[type[knobs.Config]] = BodyConfig
    config: BodyConfig

    def __init__(self, backbone: Backbone, config: BodyConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        scope, reach = SCOPES[config.scope], Reach(config.last_n, config.lora_rank, config.tokens)
        self.boundary = scope.boundary(backbone.n_layers, reach)
        own = scope.weights(backbone, reach, torch.Generator().manual_seed(seed))
        if not own and self.boundary < backbone.n_layers:
            raise UserError("scope_empty", scope=config.scope, model=backbone.name)
        self._own = {name: nn.Parameter(w) for name, w in own.items()}  # the same as in `_body`, quicker to get at
        self._body = nn.ParameterDict({name.replace(".", "/"): w for name, w in self._own.items()})

    @property
    def body(self) -> dict[str, Tensor]:
        return dict(self._own)

    def taken_over(self, body: dict[str, Tensor]) -> dict[str, Tensor]:
        """Its own parameters `_body`, by name, from those of another method's start."""
        return body

    def merged(self) -> dict[str, Tensor]:
        return merged(self.backbone, self.body)


def log_scale(backbone: Backbone, scale: float) -> nn.Parameter:
    """The logarithm of a sharpness as a meta-parameter, so that it stays above zero."""
    return nn.Parameter(torch.tensor(scale, dtype=backbone.dtype, device=backbone.device).log())
