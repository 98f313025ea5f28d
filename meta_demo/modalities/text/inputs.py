"""How a sentence becomes token ids and its last hidden states an embedding."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

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
        kept = whole
        if len(whole) > self.max_tokens:
            kept = self.tokenizer(text, truncation=True, max_length=self.max_tokens)["input_ids"]
        digest = hashlib.blake2b(array("q", kept).tobytes(), digest_size=16).digest()
        return Encoded(tuple(kept), digest, len(kept), len(whole) - len(kept))

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
