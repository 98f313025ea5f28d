"""Which words decided an answer: integrated gradients over the embeddings of a sentence's words (Sundararajan, Taly & Yan 2017).

From the sentence with a mask in the place of every word, straight to the sentence itself: what each word's embedding adds to the
answer on the way, by the midpoint rule. The parts add up to the whole difference between both ends (completeness), the better the
more steps there are. Only for models that read words.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from meta_demo.algorithms.base import Algorithm, State
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.errors import UserError
from meta_demo.core.features import Features, Group
from meta_demo.core.objective import Objective
from meta_demo.modalities.base import Content

STEPS = 32


@dataclass(frozen=True)
class Decisive:
    """What each of L tokens adds to an answer, [L]; in sum nearly `whole`. Of classes in nats of the likeliest, `top`; of numbers in
    standardised units."""

    parts: NDArray[np.floating[Any]]
    whole: float
    top: str | None


def decisive(
    algorithm: Algorithm, state: State, content: Content, objective: Objective, steps: int = STEPS
) -> Decisive:
    """What each token of `content` adds to the answer of a learner in `state`; raises UserError where its model reads no words."""
    backbone = algorithm.backbone
    if backbone.words_path is None:
        raise UserError("no_words", model=backbone.name)
    way = _Way(backbone, content, steps)
    reader = copy.copy(algorithm)  # shares its parameters, and sees another backbone
    reader.backbone = way  # type: ignore[assignment]
    with torch.enable_grad():
        out = reader.answer(state, reader.embed(state.tensors, way.features()))
        shown = out.log_softmax(-1) if objective.labels else out
        top = int(shown[1].argmax()) if objective.labels else 0
        (grads,) = torch.autograd.grad(shown[2:, top].sum(), way.points)
    parts = (grads.sum(0) * way.move).sum(-1) / steps
    whole = float(shown[1, top].detach() - shown[0, top].detach())
    return Decisive(parts.cpu().double().numpy(), whole, objective.labels[top] if objective.labels else None)


class _Way:
    """A backbone that reads, whatever it is given, one sentence on the way from masks: at its beginning, its end, and between."""

    def __init__(self, backbone: Backbone, content: Content, steps: int) -> None:
        self._backbone = backbone
        tokenizer: Any = backbone.inputs.tokenizer  # type: ignore[attr-defined]
        self._ids = torch.tensor(backbone.encode(content).key, device=backbone.device)
        special = [i for i in tokenizer.all_special_ids if i != tokenizer.unk_token_id]
        self._fixed = torch.isin(self._ids, torch.tensor(special, device=backbone.device))
        self._mask = tokenizer.mask_token_id
        # Ids that mean something to the model beside their embedding, padding and marks, stay what they are.
        self._first = 1 + max(int(tokenizer.pad_token_id or 0), *self._ids[self._fixed].tolist(), 0)
        middles = (torch.arange(steps, device=backbone.device) + 0.5) / steps
        self._at = torch.cat([middles.new_tensor([0.0, 1.0]), middles]).to(backbone.dtype)
        self.points = self.move = self._at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backbone, name)

    def features(self) -> Features:
        """As many inputs as there are points on the way."""
        ids = self._ids.expand(len(self._at), -1)
        group = Group(torch.arange(len(ids), device=ids.device), ids, torch.ones_like(ids), None)
        return Features((group,), 0, len(ids))

    def forward(self, features: Features, weights: dict[str, Tensor]) -> Tensor:
        """Unit embeddings [2 + steps, D]; from then on `points` [steps, L, D'] are what gradients are asked of, and `move` the way."""
        name = f"{self._backbone.words_path}.weight"
        own = weights.get(name, self._backbone.parameter(name)).detach()
        words = own[self._ids]
        masks = torch.zeros_like(words) if self._mask is None else own[self._mask].expand_as(words)
        self.move = (words - masks).masked_fill(self._fixed[:, None], 0)
        along = words - self.move + self._at[:, None, None] * self.move
        self.points = along[2:].clone().requires_grad_()
        table = torch.cat([own[: self._first], along[:2].flatten(0, 1), self.points.flatten(0, 1)])
        (group,) = features.groups
        places = self._first + torch.arange(group.first.numel(), device=table.device).view_as(group.first)
        ids = torch.where(self._fixed, group.first, places)
        some = Group(group.index, ids, group.mask, None)
        return self._backbone.forward(Features((some,), 0, features.count), {**weights, name: table})
