"""The Algorithm contract and its registry: what every few-shot learner has in common, and how each is found by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import torch
from torch import Tensor, nn

from meta_demo.backbones import scopes
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import Config, knob
from meta_demo.core.corpus import Corpus
from meta_demo.core.errors import UserError
from meta_demo.core.features import Features, Task
from meta_demo.core.heads import cross_entropy
from meta_demo.modalities.content import Content
from meta_demo.words import Words, words


@dataclass(frozen=True)
class BodyConfig(Config):
    """Knobs of every algorithm: what of the Transformer is its own, and how sharp its first head is."""

    scope: str = knob(
        "lora",
        words("What adapts", "适应范围"),
        words(
            "head: only the classifier; lora: low-rank factors; last_n: the last layers; all: every layer; model: embeddings too",
            "head：仅分类头；lora：低秩因子；last_n：最后几层；all：所有层；model：连同嵌入层",
        ),
        choices=scopes.SCOPES,
    )
    last_n: int = knob(
        3,
        words("Layers from the top", "自顶部起的层数"),
        words("how many of the last layers the scopes last_n and lora reach", "last_n 与 lora 范围所涉及的最后几层"),
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
    scale: float = knob(
        4.0,
        words("Sharpness", "锐度"),
        words("how strongly distance to a prototype lowers a class's probability", "与原型的距离降低类别概率的强度"),
        lo=0.1,
        hi=100.0,
    )


@dataclass(frozen=True)
class State:
    """What adaptation has made of the support set so far: fast weights, prototypes or memory, by name.

    `support_logits` [S, N] are set where the algorithm computed them on its way, so that nobody computes them again.
    """

    tensors: dict[str, Tensor]
    support_logits: Tensor | None = None


class Algorithm(nn.Module, ABC):
    """A few-shot learner. Its parameters are the meta-parameters; a task's state is returned, never stored on it."""

    name: ClassVar[str]
    title: ClassVar[Words]
    paper: ClassVar[str]
    about: ClassVar[Words]
    Config: ClassVar[type[BodyConfig]] = BodyConfig
    adapts_body: ClassVar[bool] = False  # whether a task changes what the Transformer computes

    def __init__(self, backbone: Backbone, config: BodyConfig, seed: int = 0) -> None:
        super().__init__()
        self.backbone, self.config = backbone, config
        self.boundary = scopes.boundary(config.scope, config.last_n, backbone.n_layers)
        rng = torch.Generator().manual_seed(seed)
        own = scopes.own_weights(backbone, config.scope, config.last_n, config.lora_rank, rng)
        self._body = nn.ParameterDict({name.replace(".", "/"): nn.Parameter(w) for name, w in own.items()})
        log_scale = torch.tensor(config.scale, dtype=backbone.dtype, device=backbone.device).log()
        self.log_scale = nn.Parameter(log_scale)
        self._number = next(_NUMBERS)
        self._merged: tuple[int, dict[str, Tensor]] | None = None  # the start for `outputs`, and the version it is of

    @classmethod
    def said(cls, lang: str) -> str:
        """Its title in `lang`; its bare name where it has none."""
        return cls.title.get(lang, cls.name)

    @property
    def body(self) -> dict[str, Tensor]:
        """The meta-learned start of the Transformer's weights in scope, under the model's own names."""
        return {name.replace("/", "."): w for name, w in self._body.items()}

    def weights(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The model's parameters after adaptation: those of `tensors`, and the start's where `tensors` has none."""
        return {name: tensors.get(name, w) for name, w in self.body.items()}

    def features(self, texts: Sequence[Content], among: Corpus[Content] | None = None) -> Features:
        """What `adapt` and `predict` take: `texts` after the frozen prefix, or, where neither a task nor a meta-gradient
        changes the body, after all of it; computed in the batches of `among`."""
        if self.adapts_body or (torch.is_grad_enabled() and self.log_scale.requires_grad):
            return self.backbone.features(texts, self.boundary, among)
        version = sum(p._version for p in self.parameters())  # grows with every change in place
        if self._merged is None or self._merged[0] != version:
            with torch.no_grad():
                self._merged = version, scopes.merged(self.backbone, self.body)
        return self.backbone.outputs(texts, self.boundary, self._merged[1], (self._number, version), among)

    def embed(self, tensors: dict[str, Tensor], x: Features) -> Tensor:
        """Unit embeddings [B, D] under the adapted weights."""
        return self.backbone.forward(x, self.weights(tensors))

    @abstractmethod
    def adapt(self, support: Features, y: Tensor, *, graph: bool = False) -> Iterator[State]:
        """State 0 first, then one per inner step; y is one-hot [S, N]. Never sees the query.

        `graph=True` keeps the states differentiable with respect to the meta-parameters, for meta-training.
        """

    @abstractmethod
    def predict(self, state: State, x: Features) -> Tensor:
        """Logits [B, N]."""

    def meta_loss(self, task: Task) -> Tensor:
        """Query cross-entropy after adaptation, differentiable with respect to the meta-parameters -> []."""
        *_, last = self.adapt(task.support, task.support_y, graph=True)
        return cross_entropy(self.predict(last, task.query), task.query_y)

    def meta_losses(self, tasks: Sequence[Task]) -> Iterator[Tensor]:
        """The meta-losses of several tasks, or sums of some of them, each to be differentiated before the next is asked for."""
        yield from map(self.meta_loss, tasks)


_NUMBERS = count()
REGISTRY: dict[str, type[Algorithm]] = {}


def register(
    name: str, *, title: Words | None = None, paper: str = "", about: Words | None = None
) -> Callable[[type[Algorithm]], type[Algorithm]]:
    """Class decorator: makes the algorithm known to page, command line, benchmarks and tests under `name`.

    Without a title it is called by that name. Raises ValueError when another algorithm has the name already.
    """

    def add(cls: type[Algorithm]) -> type[Algorithm]:
        if name in REGISTRY:
            other = REGISTRY[name]
            raise ValueError(
                f"{cls.__module__}.{cls.__qualname__} and {other.__module__}.{other.__qualname__} are both called {name}"
            )
        cls.name, cls.title, cls.paper, cls.about = name, title or {}, paper, about or {}
        REGISTRY[name] = cls
        return cls

    return add


def get_algorithm(name: str) -> type[Algorithm]:
    """The registered class; raises UserError naming those there are."""
    if name not in REGISTRY:
        raise UserError("algorithm_unknown", name=name, known=", ".join(REGISTRY))
    return REGISTRY[name]
