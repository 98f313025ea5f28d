"""Backbone: a pretrained Hugging Face encoder seen as a frozen prefix and an adaptable suffix.

It turns inputs into features (cached), and features into embeddings, with any weights put in the place of its own. It knows
nothing of tasks, classes or algorithms; what is special to text or pictures lives in `inputs.py`, loading in `loading.py`.
"""

from __future__ import annotations

import copy
import hashlib
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from meta_demo.backbones.added import added_of
from meta_demo.backbones.batches import Batch, Places, Read, cuts, laid_out, padded
from meta_demo.backbones.pieces import Appetite, through
from meta_demo.backbones.replay import Replay
from meta_demo.backbones.trial import check_sight, try_out
from meta_demo.core.cache import Cache
from meta_demo.core.corpus import Corpus
from meta_demo.core.errors import UserError
from meta_demo.core.features import Features, Group, partition
from meta_demo.core.lazy import lazy
from meta_demo.modalities.base import Content
from meta_demo.modalities.inputs import Encoded, Inputs, positions_of
from meta_demo.modalities.sentence import FINISH

LEAST = 1 / 64  # of the usual bounds of what goes through the layers at once
_NUMBERS = count()


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the names and bytes of `tensors`."""
    said = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        said.update(name.encode())
        said.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return said.hexdigest()


class Backbone:
    """`features` computes the prefix, once per batch; `forward` the rest. Thread-safe; its own weights never change.

    `head` [D] is what the model was trained with to answer by one number, by which it multiplies an embedding; zero where it has none.

    An input's bits may depend on what shares its batch. So batches are decided on from what is asked for alone, never from what is
    known already, and the cache keeps them whole: equal requests get equal bits.
    """

    def __init__(
        self, model: nn.Module, inputs: Inputs, name: str, *, cache: Cache, head: Tensor | None = None
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.inputs, self.name = inputs, name
        # Where a start has given it other weights than its file's (`standing.py`): these, and what it is without them.
        self.given: dict[str, Tensor] = {}
        self.base: Backbone | None = None
        self._replay = Replay(self.model)
        self.cache, self._shelf = cache, cache.shelf()
        weakref.finalize(self, self._shelf.close)
        self._number = next(_NUMBERS)  # in the layouts that a corpus remembers
        unread: frozenset[str] = getattr(model, "unread", frozenset())
        self.parameters = {name: p for name, p in self.model.named_parameters() if name not in unread}
        example = next(iter(self.parameters.values()))
        self.device, self.dtype = example.device, example.dtype
        encoded = inputs.encode(inputs.examples[-1])
        first, mask = self._batch([encoded], encoded.length)
        arguments = inputs.arguments(first, mask)
        with torch.no_grad():
            last = self._replay.probe(arguments)
            z = self._finished(last, mask, {})
        if not bool(torch.isfinite(z).all()):
            raise UserError("model_not_finite", model=name)
        self.dim = int(z.shape[-1])  # D of an embedding: what the pooling makes of the model's width
        fits = head is not None and head.shape == (self.dim,)
        self.head = head.to(example) if head is not None and fits else example.new_zeros(self.dim)
        self._verdict = try_out(self._replay, inputs, name)
        check_sight(self._replay, name, arguments, last)
        inputs.pads &= self._verdict.pads
        self.appetite = self._appetite(int(last.shape[-1]))

    @property
    def n_layers(self) -> int:
        return len(self._replay.layers)

    @property
    def n_maps(self) -> int:
        """Maps of attention: one for each layer, or for each pass through a layer that is used again; 0 where the model tells none."""
        return self._verdict.maps

    @property
    def n_heads(self) -> int:
        """The number of attention heads, that of the widest layer where layers differ; 0 where the model tells no attention."""
        return self._verdict.heads

    @property
    def boundaries(self) -> tuple[int, ...]:
        """Numbers of layers after which the model can be cut in two."""
        return self._verdict.boundaries

    @lazy
    def hash(self) -> str:
        """SHA-256 of the name and bytes of every parameter that was read from the model's file: the identity that checkpoints are tied
        to, whatever weights a start has given."""
        return self.base.hash if self.base else digest(self.parameters)

    def reachable(self, boundary: int) -> int:
        """The highest number of layers, at most `boundary`, after which the model can be cut in two."""
        return max(b for b in self.boundaries if b <= boundary)

    @property
    def layers_path(self) -> str:
        """What the names of all weights in layers begin with."""
        return self._replay.path

    @property
    def words_path(self) -> str | None:
        """What the names of the weights of the embedding of words begin with; None for a model that reads none."""
        return self._replay.words

    @torch.no_grad()
    def passing(self, paths: Sequence[str]) -> dict[str, list[Tensor]]:
        """What the modules at `paths` give out while the model reads an example, each time that they are called: [1, L, ...]."""
        encoded = self.encode(self.inputs.examples[-1])
        return self._replay.passing(self.inputs.arguments(*self._batch([encoded], encoded.length)), paths)

    def named_layers(self) -> Iterator[tuple[str, nn.Module]]:
        """Path and module of each layer, lowest first."""
        for i, layer in enumerate(self._replay.layers):
            yield f"{self._replay.path}.{i}", layer

    def parameter(self, name: str) -> Tensor:
        return self.parameters[name]

    def has(self, weights: dict[str, Tensor]) -> bool:
        """Whether `weights` are the model's own, number by number."""
        own = self.parameters
        return all(name in own and torch.equal(w, own[name]) for name, w in weights.items())

    def encode(self, content: Content) -> Encoded:
        """`content` as the model reads it; raises UserError when the model reads something else."""
        return self.inputs.encode(content)

    @torch.no_grad()
    def features(self, contents: Sequence[Content], boundary: int, among: Corpus[Content] | None = None) -> Features:
        """Hidden states after the first `boundary` layers, from the highest layer of each batch that is already cached.

        Batches are those of the corpus `among`; inputs that are no part of it, by default all, share batches with each other. Where the
        model cannot be cut at `boundary`, they are those of the next lower one where it can.
        """
        boundary = self.reachable(boundary)
        return self._gathered(contents, boundary, among, partial(self._prefix, boundary))

    @torch.no_grad()
    def outputs(
        self,
        contents: Sequence[Content],
        boundary: int,
        weights: dict[str, Tensor],
        run: Hashable,
        among: Corpus[Content] | None = None,
    ) -> Features:
        """Hidden states after all layers, those above `boundary` under `weights`; each batch computed once per `run`."""
        boundary = self.reachable(boundary)

        def whole(batch: Batch, read: Read) -> Tensor:
            known: Tensor | None = self._shelf.get((run, batch.key))
            if known is None:
                hidden = self._prefix(boundary, batch, read)
                if boundary == self.n_layers and hidden is not None:  # all is done, what follows the layers too
                    return hidden
                first, mask = self._batch([read[content] for content in batch.contents], batch.width)
                known = self._run(first, mask, hidden, boundary, self.n_layers, weights)
                self._shelf.put((run, batch.key), known)
            return known

        return self._gathered(contents, self.n_layers, among, whole)

    def _prefix(self, boundary: int, batch: Batch, read: Read) -> Tensor | None:
        """[b, W, D] with padding as it was computed, so that whatever goes on from here ends as one run would; None at boundary 0."""
        lower, known = self._highest_cached(batch.key, boundary)
        if lower < boundary:
            first, mask = self._batch([read[content] for content in batch.contents], batch.width)
            known = self._run(first, mask, known, lower, boundary, {})
            self._shelf.put((boundary, batch.key), known)
        return known

    def _gathered(
        self,
        contents: Sequence[Content],
        boundary: int,
        among: Corpus[Content] | None,
        compute: Callable[[Batch, Read], Tensor | None],
    ) -> Features:
        """The rows of `contents` out of the batches that they are in, in groups of their own."""
        read = Read(self.encode)
        inputs = [read[content] for content in contents]
        rows: list[Tensor] = []
        if boundary:
            places = self._places(contents, among, read)
            batches = {batch.key: batch for batch, _ in places.values()}
            asked = {places[content][0].key for content in contents}
            hidden = {key: compute(batches[key], read) for key in batches if key in asked}
            for content, encoded in zip(contents, inputs, strict=True):
                batch, row = places[content]
                whole = hidden[batch.key]
                if whole is not None:
                    rows.append(whole[row, : encoded.length])
        order = sorted(range(len(inputs)), key=lambda i: inputs[i].length)
        groups = []
        for cut in cuts([inputs[i].length for i in order], self.appetite.most, pads=self.inputs.pads):
            index = order[cut]
            width = inputs[index[-1]].length
            first, mask = self._batch([inputs[i] for i in index], width)
            states = padded([rows[i] for i in index], width) if boundary else None
            groups.append(Group(torch.tensor(index, device=self.device), first, mask, states))
        return Features(tuple(groups), boundary, len(inputs))

    def _places(self, contents: Sequence[Content], among: Corpus[Content] | None, read: Read) -> Places:
        """The batch of each input, and its row in there; inputs that are the same to the model share a row."""
        places: Places = {}
        others = []
        for content in dict.fromkeys(contents):
            chunk = None if among is None else among.place(content)
            if among is None or chunk is None:
                others.append(content)
            elif content not in places:
                places |= among.remember((self._number, chunk), partial(self._laid_out, among.chunks[chunk], read))
        return places | self._laid_out(others, read)

    def _laid_out(self, contents: Sequence[Content], read: Read) -> Places:
        return laid_out(contents, read, self.appetite.most, pads=self.inputs.pads)

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

        def embedded(g: Group, weights: dict[str, Tensor]) -> Tensor:
            hidden = g.hidden
            if hidden is None or features.boundary < self.n_layers:
                hidden = self._run(g.first, g.mask, g.hidden, features.boundary, self.n_layers, weights)
            return self._finished(hidden, g.mask, weights)

        pieces = self.appetite.pieces(features, self.n_layers - features.boundary)
        rows = through(pieces, embedded, weights, whole=pieces is features.groups)
        return normalize(replace(features, groups=pieces).scatter(rows), dim=-1)

    def _finished(self, hidden: Tensor, mask: Tensor, weights: dict[str, Tensor]) -> Tensor:
        """Last hidden states [b, W, D'] -> embeddings of any length [b, D]."""
        return self._replay.finish(self.inputs.pool(hidden, mask), self.inputs.heads, weights)

    def take_less(self) -> bool:
        """From now on a fourth goes through the layers at once, as memory was too little -> whether that is any less than before."""
        smaller = self.appetite.share > LEAST
        if smaller:
            self.appetite = replace(self.appetite, share=self.appetite.share / 4)
        return smaller

    def _appetite(self, width: int) -> Appetite:
        """By the largest of its layers."""
        weights = max(sum(p.numel() for p in layer.parameters()) for layer in self._replay.layers)
        said = (
            getattr(self.model.config, "num_attention_heads", None) or 1
        )  # some models say one for each of their stages
        heads = self.n_heads or (said if isinstance(said, int) else max(said))
        passes = max(1, self.n_maps // self.n_layers)
        return Appetite(width, weights, heads, passes, self.dtype.itemsize)

    @torch.no_grad()
    def attentions(self, content: Content, weights: dict[str, Tensor]) -> Tensor:
        """Attention of one input: [layers, heads, L, L], each row a distribution over the L tokens it looks at. Raises UserError where
        the model tells no such maps. Tokens that were added are left out, and what was looked at of them is shared out among the others.
        """
        if not self.n_maps:
            raise UserError("no_attentions", model=self.name)
        encoded = self.encode(content)
        first, mask = self._batch([encoded], encoded.length)
        added, weights = added_of(weights, self.layers_path)
        layer = added.layer if added else 0
        whole = self._replay.attentions(self.inputs.arguments(first, mask), weights) if layer or not added else ()
        maps = [found[0] for found in whole[: layer if added else None]]
        if added:
            hidden = self._run(first, mask, None, 0, layer, weights) if layer else None
            first, mask = self._lengthened(first, mask, added.count)
            arguments = self.inputs.arguments(first, mask, layer)
            for found in self._replay.attentions(arguments, weights, hidden, layer, added):
                own = found[0, :, added.count :, added.count :]
                maps.append(own / own.sum(-1, keepdim=True))
        return torch.stack(maps)

    def save(self, folder: Path, weights: dict[str, Tensor]) -> None:
        """Write the model as a folder of Hugging Face's, `weights` in the place of its own, with what reads its inputs and how to pool."""
        model: Any = self.model
        own = {**model.state_dict(), **weights}
        unread = model.state_dict().keys() & getattr(model, "unread", frozenset())
        kept = {n: w for n, w in own.items() if n not in unread and not n.startswith(f"{FINISH}.")}
        model.save_pretrained(folder, state_dict=kept)
        if FINISH in self.inputs.heads:
            behind = copy.deepcopy(model.get_submodule(FINISH))
            behind.load_state_dict({name: own[f"{FINISH}.{name}"] for name in behind.state_dict()})
            self.inputs.finished_by(behind).save(folder)
        else:
            self.inputs.save(folder)

    def _run(
        self, first: Tensor, mask: Tensor, hidden: Tensor | None, lower: int, upper: int, weights: dict[str, Tensor]
    ) -> Tensor:
        added, weights = added_of(weights, self.layers_path)
        if added is None:
            return self._replay.run(self.inputs.arguments(first, mask, lower), hidden, lower, upper, weights)
        if lower < added.layer:
            arguments = self.inputs.arguments(first, mask, lower)
            hidden, lower = self._replay.run(arguments, hidden, lower, added.layer, weights), added.layer
        first, mask = self._lengthened(first, mask, added.count)
        return self._replay.run(self.inputs.arguments(first, mask, lower), hidden, lower, upper, weights, added)

    def _lengthened(self, first: Tensor, mask: Tensor, more: int) -> tuple[Tensor, Tensor]:
        """Inputs with room for `more` tokens before their own; raises UserError where the model has no positions for them."""
        positions, width = positions_of(self.model.config), mask.shape[1]
        if self.words_path is not None and 0 < positions < width + more:
            said = {"count": more, "tokens": width, "needed": width + more, "positions": positions}
            raise UserError("added_positions", model=self.name, **said)
        return self.inputs.lengthened(first, mask, more)

    def _highest_cached(self, key: bytes, boundary: int) -> tuple[int, Tensor | None]:
        for layer in range(boundary, 0, -1):
            known = self._shelf.get((layer, key))
            if known is not None:
                return layer, known
        return 0, None

    def _batch(self, inputs: Sequence[Encoded], width: int) -> tuple[Tensor, Tensor]:
        """First tensor and mask [b, width]."""
        first, mask = self.inputs.batch([i.key for i in inputs], width)
        if first.is_floating_point():
            first = first.to(self.dtype)
        return first.to(self.device), mask.to(self.device)
