"""Backbone: a pretrained Hugging Face encoder seen as a frozen prefix and an adaptable suffix.

It turns texts into tokens, tokens into features (cached), and features into embeddings, with any weights put in the place of
its own. It knows nothing of tasks, classes or algorithms; loading lives in `loading.py`.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from meta_demo.core.cache import Cache, size_of
from meta_demo.core.content import Content
from meta_demo.core.replay import Replay
from meta_demo.core.task import Features, Group, partition, width_for

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Encoded:
    """A text as token ids, with the number of tokens that did not fit."""

    ids: Ids
    dropped: int


class Backbone:
    """`features` computes the prefix, once per input; `forward` the rest. Thread-safe; its own weights never change."""

    def __init__(
        self, model: nn.Module, tokenizer: Any, name: str, *, max_tokens: int, pooling: str, cache: Cache
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.tokenizer, self.name, self.max_tokens, self.pooling = tokenizer, name, max_tokens, pooling
        self._replay = Replay(self.model)
        self._cache = cache
        self._config: Any = model.config
        self._parameters = dict(self.model.named_parameters())
        example = next(iter(self._parameters.values()))
        self.device, self.dtype = example.device, example.dtype
        self._fingerprint = (name, str(self.device), str(self.dtype), id(model))
        self._pads = True
        ids, mask = self._batch([self.encode("a").ids])
        self._replay.probe(ids, mask)
        # Local attention windows can leave a padded row nothing to look at: such models get exact widths.
        whole = self._replay.run(ids, mask, None, 0, self.n_layers, {})
        self._pads = bool(torch.isfinite(whole).all())

    @property
    def n_layers(self) -> int:
        return len(self._replay.layers)

    @property
    def dim(self) -> int:
        """Length D of an embedding."""
        return int(self._config.hidden_size)

    @property
    def n_heads(self) -> int:
        return int(self._config.num_attention_heads)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of every parameter's name and bytes: the identity that checkpoints are tied to."""
        digest = hashlib.sha256()
        for name, parameter in sorted(self._parameters.items()):
            digest.update(name.encode())
            digest.update(parameter.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def named_layers(self) -> Iterator[tuple[str, nn.Module]]:
        """Path and module of each layer, lowest first."""
        for i, layer in enumerate(self._replay.layers):
            yield f"{self._replay.path}.{i}", layer

    def parameter(self, name: str) -> Tensor:
        return self._parameters[name]

    def encode(self, text: Content) -> Encoded:
        """Token ids of `text` with the model's special tokens, cut to `max_tokens`."""
        whole = self.tokenizer(text, truncation=False, verbose=False)["input_ids"]
        if len(whole) <= self.max_tokens:
            return Encoded(tuple(whole), 0)
        cut = self.tokenizer(text, truncation=True, max_length=self.max_tokens)["input_ids"]
        return Encoded(tuple(cut), len(whole) - len(cut))

    @torch.no_grad()
    def features(self, texts: Sequence[Content], boundary: int) -> Features:
        """Hidden states after the first `boundary` layers, each input computed once, from the highest layer already cached."""
        return self._prefix([self.encode(text).ids for text in texts], boundary)

    @torch.no_grad()
    def outputs(self, texts: Sequence[Content], boundary: int, weights: dict[str, Tensor], key: Hashable) -> Features:
        """Hidden states after all layers, those above `boundary` under `weights`; each input computed once per `key`."""
        inputs = [self.encode(text).ids for text in texts]
        found = {ids: self._cache.get((self._fingerprint, key, ids)) for ids in inputs}
        missing = [ids for ids, known in found.items() if known is None]
        hidden: dict[Ids, Tensor] = {ids: known for ids, known in found.items() if known is not None}
        for g in self._prefix(missing, boundary).groups:
            rows = self._replay.run(g.ids, g.mask, g.hidden, boundary, self.n_layers, weights)
            for place, row in zip(g.index.tolist(), rows, strict=True):
                hidden[missing[place]] = row.clone()
                self._cache.put((self._fingerprint, key, missing[place]), hidden[missing[place]], size_of(row))
        return self._grouped(inputs, hidden, self.n_layers)

    def _prefix(self, inputs: list[Ids], boundary: int) -> Features:
        if boundary == 0 or not inputs:
            return self._grouped(inputs, {}, boundary)
        hidden: dict[Ids, Tensor] = {}
        missing: dict[tuple[int, int], list[tuple[Ids, Tensor | None]]] = defaultdict(list)
        for ids in dict.fromkeys(inputs):
            start, known = self._highest_cached(ids, boundary)
            if start == boundary and known is not None:
                hidden[ids] = known
            else:
                missing[start, self._width(ids)].append((ids, known))
        for (start, _), rows in missing.items():
            known_rows = [known for _, known in rows if known is not None]
            batch = self._batch([ids for ids, _ in rows])
            result = self._replay.run(*batch, torch.stack(known_rows) if known_rows else None, start, boundary, {})
            for (ids, _), row in zip(rows, result, strict=True):
                hidden[ids] = row.clone()
                self._cache.put((self._fingerprint, ids, boundary), hidden[ids], size_of(hidden[ids]))
        return self._grouped(inputs, hidden, boundary)

    def pack(self, features: Features) -> Features:
        """The same inputs in groups made for each other: each as wide as its longest input, and no more groups than pay.

        For a support set, which goes through the suffix many times and always as a whole.
        """
        if not self._pads or not features.groups:
            return features
        rows = sorted(row for group in features.groups for row in group.rows())
        groups = []
        for chosen in partition([row.length for row in rows]):
            groups.append(Group.of(rows[chosen], self.tokenizer.pad_token_id or 0))
        return Features(tuple(groups), features.boundary, features.count)

    def forward(self, features: Features, weights: dict[str, Tensor]) -> Tensor:
        """Unit-length embeddings [B, D] of `features`, with `weights` in the place of the parameters they are named after."""
        rows = []
        for g in features.groups:
            hidden = g.hidden
            if hidden is None or features.boundary < self.n_layers:
                hidden = self._replay.run(g.ids, g.mask, g.hidden, features.boundary, self.n_layers, weights)
            rows.append(self._pooled(hidden, g.mask))
        return normalize(features.scatter(rows), dim=-1)

    @torch.no_grad()
    def attentions(self, text: str, weights: dict[str, Tensor]) -> Tensor:
        """Attention of one text: [layers, heads, L, L], each row a distribution over the L tokens it looks at."""
        ids = torch.tensor([self.encode(text).ids], device=self.device)
        return self._replay.attentions(ids, torch.ones_like(ids), weights)

    def _pooled(self, hidden: Tensor, mask: Tensor) -> Tensor:
        if self.pooling == "cls":
            return hidden[:, 0]
        weight = mask.to(hidden.dtype)[:, :, None]
        return (hidden * weight).sum(1) / weight.sum(1)

    def _highest_cached(self, ids: Ids, boundary: int) -> tuple[int, Tensor | None]:
        for layer in range(boundary, 0, -1):
            known = self._cache.get((self._fingerprint, ids, layer))
            if known is not None:
                return layer, known
        return 0, None

    def _width(self, ids: Ids) -> int:
        return min(width_for(len(ids)), max(self.max_tokens, len(ids))) if self._pads else len(ids)

    def _batch(self, inputs: Sequence[Ids]) -> tuple[Tensor, Tensor]:
        """Ids and mask [b, W] of inputs of one width."""
        width = self._width(inputs[0])
        pad = self.tokenizer.pad_token_id or 0
        ids = [list(i) + [pad] * (width - len(i)) for i in inputs]
        mask = [[1] * len(i) + [0] * (width - len(i)) for i in inputs]
        return torch.tensor(ids, device=self.device), torch.tensor(mask, device=self.device)

    def _grouped(self, inputs: list[Ids], hidden: dict[Ids, Tensor], boundary: int) -> Features:
        places: dict[int, list[int]] = defaultdict(list)
        for place, ids in enumerate(inputs):
            places[self._width(ids)].append(place)
        groups = []
        for _, index in sorted(places.items()):
            batch, mask = self._batch([inputs[i] for i in index])
            rows = torch.stack([hidden[inputs[i]] for i in index]) if boundary else None
            groups.append(Group(torch.tensor(index, device=self.device), batch, mask, rows))
        return Features(tuple(groups), boundary, len(inputs))
