"""Backbone: a pretrained Hugging Face encoder seen as a frozen prefix and an adaptable suffix.

It turns inputs into features (cached), and features into embeddings, with any weights put in the place of its own. It knows
nothing of tasks, classes or algorithms; what is special to text or pictures lives in `inputs.py`, loading in `loading.py`.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from meta_demo.backbones.replay import Replay
from meta_demo.core.cache import Cache, size_of
from meta_demo.core.features import Features, Group, partition
from meta_demo.modalities.base import Content
from meta_demo.modalities.inputs import Encoded, Inputs, Key


class Backbone:
    """`features` computes the prefix, once per input; `forward` the rest. Thread-safe; its own weights never change."""

    def __init__(self, model: nn.Module, inputs: Inputs, name: str, *, cache: Cache) -> None:
        self.model = model.eval().requires_grad_(False)
        self.inputs, self.name = inputs, name
        self._replay = Replay(self.model)
        self._cache = cache
        self._config: Any = model.config
        self._parameters = dict(self.model.named_parameters())
        example = next(iter(self._parameters.values()))
        self.device, self.dtype = example.device, example.dtype
        self._fingerprint = (name, str(self.device), str(self.dtype), id(model))
        encoded = inputs.encode(inputs.example)
        first, mask = self._batch([encoded], inputs.width(encoded.length))
        self._replay.probe(inputs.arguments(first, mask))
        # Local attention windows can leave a padded row nothing to look at: such models get exact widths.
        whole = self._run(first, mask, None, 0, self.n_layers, {})
        inputs.pads &= bool(torch.isfinite(whole).all())

    @property
    def n_layers(self) -> int:
        return len(self._replay.layers)

    @property
    def dim(self) -> int:
        """Length D of an embedding."""
        return int(self._config.hidden_size)

    @property
    def n_heads(self) -> int:
        """Of the widest layer, where layers differ."""
        heads = self._config.num_attention_heads
        return int(max(heads) if isinstance(heads, list | tuple) else heads)

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

    def encode(self, content: Content) -> Encoded:
        """`content` as the model reads it; raises UserError when the model reads something else."""
        return self.inputs.encode(content)

    @torch.no_grad()
    def features(self, contents: Sequence[Content], boundary: int) -> Features:
        """Hidden states after the first `boundary` layers, each input computed once, from the highest layer already cached."""
        return self._prefix([self.encode(content) for content in contents], boundary)

    @torch.no_grad()
    def outputs(
        self, contents: Sequence[Content], boundary: int, weights: dict[str, Tensor], run: Hashable
    ) -> Features:
        """Hidden states after all layers, those above `boundary` under `weights`; each input computed once per `run`."""
        inputs = [self.encode(content) for content in contents]
        hidden: dict[Key, Tensor] = {}
        for key in {i.key: None for i in inputs}:
            known = self._cache.get((self._fingerprint, run, key))
            if known is not None:
                hidden[key] = known
        missing = [i for i in inputs if i.key not in hidden]
        for g in self._prefix(missing, boundary).groups:
            rows = self._run(g.first, g.mask, g.hidden, boundary, self.n_layers, weights)
            for place, row in zip(g.index.tolist(), rows, strict=True):
                key, length = missing[place].key, missing[place].length
                hidden[key] = row[:length].clone()
                self._cache.put((self._fingerprint, run, key), hidden[key], size_of(hidden[key]))
        return self._grouped(inputs, hidden, self.n_layers)

    def _prefix(self, inputs: list[Encoded], boundary: int) -> Features:
        if boundary == 0 or not inputs:
            return self._grouped(inputs, {}, boundary)
        hidden: dict[Key, Tensor] = {}
        missing: dict[int, list[tuple[Encoded, Tensor | None]]] = defaultdict(list)
        for encoded in {i.key: i for i in inputs}.values():
            start, known = self._highest_cached(encoded.key, boundary)
            if start == boundary and known is not None:
                hidden[encoded.key] = known
            else:
                missing[start].append((encoded, known))
        for start, rows in missing.items():
            for width, places in self._batches([encoded for encoded, _ in rows]):
                batch = [rows[i] for i in places]
                known_rows = [known for _, known in batch if known is not None]
                first, mask = self._batch([encoded for encoded, _ in batch], width)
                result = self._run(first, mask, _padded(known_rows, width) if start else None, start, boundary, {})
                for (encoded, _), row in zip(batch, result, strict=True):
                    hidden[encoded.key] = row[: encoded.length].clone()
                    kept = hidden[encoded.key]
                    self._cache.put((self._fingerprint, encoded.key, boundary), kept, size_of(kept))
        return self._grouped(inputs, hidden, boundary)

    def pack(self, features: Features) -> Features:
        """The same inputs in groups made for each other: each as wide as its longest input, and no more groups than pay.

        For a support set, which goes through the suffix many times and always as a whole.
        """
        if not self.inputs.pads or not features.groups:
            return features.joined()
        rows = sorted(row for group in features.groups for row in group.rows())
        groups = []
        for chosen in partition([row.length for row in rows]):
            groups.append(Group.of(rows[chosen], self.inputs.pad))
        return Features(tuple(groups), features.boundary, features.count)

    def forward(self, features: Features, weights: dict[str, Tensor]) -> Tensor:
        """Unit-length embeddings [B, D] of `features`, with `weights` in the place of the parameters they are named after."""
        rows = []
        for g in features.groups:
            hidden = g.hidden
            if hidden is None or features.boundary < self.n_layers:
                hidden = self._run(g.first, g.mask, g.hidden, features.boundary, self.n_layers, weights)
            rows.append(self.inputs.pool(hidden, g.mask))
        return normalize(features.scatter(rows), dim=-1)

    @torch.no_grad()
    def attentions(self, content: Content, weights: dict[str, Tensor]) -> Tensor:
        """Attention of one input: [layers, heads, L, L], each row a distribution over the L tokens it looks at."""
        encoded = self.encode(content)
        batch = self._batch([encoded], encoded.length)
        return self._replay.attentions(self.inputs.arguments(*batch), weights)

    def _run(
        self, first: Tensor, mask: Tensor, hidden: Tensor | None, start: int, stop: int, weights: dict[str, Tensor]
    ) -> Tensor:
        return self._replay.run(self.inputs.arguments(first, mask, start), hidden, start, stop, weights)

    def _highest_cached(self, key: Key, boundary: int) -> tuple[int, Tensor | None]:
        for layer in range(boundary, 0, -1):
            known = self._cache.get((self._fingerprint, key, layer))
            if known is not None:
                return layer, known
        return 0, None

    def _batch(self, inputs: Sequence[Encoded], width: int) -> tuple[Tensor, Tensor]:
        """First tensor and mask [b, width]."""
        first, mask = self.inputs.batch([i.key for i in inputs], width)
        if first.is_floating_point():
            first = first.to(self.dtype)
        return first.to(self.device), mask.to(self.device)

    def _grouped(self, inputs: list[Encoded], hidden: dict[Key, Tensor], boundary: int) -> Features:
        groups = []
        for width, index in self._batches(inputs):
            first, mask = self._batch([inputs[i] for i in index], width)
            rows = _padded([hidden[inputs[i].key] for i in index], width) if boundary else None
            groups.append(Group(torch.tensor(index, device=self.device), first, mask, rows))
        return Features(tuple(groups), boundary, len(inputs))

    def _batches(self, inputs: Sequence[Encoded]) -> list[tuple[int, list[int]]]:
        """Which inputs go into one batch, and how wide it is: few batches, and little padding."""
        width = [self.inputs.width(encoded.length) for encoded in inputs]
        order = sorted(range(len(inputs)), key=lambda i: width[i])
        if not self.inputs.pads:
            return [(wide, list(same)) for wide, same in groupby(order, lambda i: width[i])]
        return [(width[order[cut.stop - 1]], order[cut]) for cut in partition([width[i] for i in order])]


def _padded(rows: Sequence[Tensor], width: int) -> Tensor:
    """Hidden states of several inputs, each [L, D] -> [b, width, D]."""
    whole = rows[0].new_zeros(len(rows), width, rows[0].shape[-1])
    for place, row in enumerate(rows):
        whole[place, : len(row)] = row
    return whole
