"""How a sentence becomes token ids and its last hidden states an embedding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from meta_demo.core.features import width_for
from meta_demo.modalities.base import MODALITIES, Content
from meta_demo.modalities.inputs import Encoded, Inputs, save_reader


class TextInputs(Inputs):
    """Sentences, by a tokenizer; `pooling` is the mean over tokens or the first token, `cls`."""

    modality = "text"
    example = "a"

    def __init__(self, tokenizer: Any, *, max_tokens: int, pooling: str) -> None:
        self.tokenizer, self.max_tokens, self.pooling = tokenizer, max_tokens, pooling
        self.pads = True
        self.pad = tokenizer.pad_token_id or 0

    def encode(self, content: Content) -> Encoded:
        """Token ids with the model's special tokens, cut to `max_tokens`."""
        text = MODALITIES[self.modality].expect(content)
        whole = self.tokenizer(text, truncation=False, verbose=False)["input_ids"]
        if len(whole) <= self.max_tokens:
            return Encoded(tuple(whole), len(whole))
        cut = self.tokenizer(text, truncation=True, max_length=self.max_tokens)["input_ids"]
        return Encoded(tuple(cut), len(cut), len(whole) - len(cut))

    def width(self, length: int) -> int:
        return min(width_for(length), max(self.max_tokens, length)) if self.pads else length

    def batch(self, keys: Sequence[tuple[int, ...]], width: int) -> tuple[Tensor, Tensor]:
        ids = [[*key, *[self.pad] * (width - len(key))] for key in keys]
        mask = [[1] * len(key) + [0] * (width - len(key)) for key in keys]
        return torch.tensor(ids), torch.tensor(mask)

    def arguments(self, first: Tensor, mask: Tensor, start: int = 0) -> dict[str, Tensor]:  # noqa: ARG002
        return {"input_ids": first, "attention_mask": mask}

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        if self.pooling == "cls":
            return hidden[:, 0]
        weight = mask.to(hidden.dtype)[:, :, None]
        return (hidden * weight).sum(1) / weight.sum(1)

    def save(self, folder: Path) -> None:
        save_reader(self.tokenizer, self.pooling, folder)
