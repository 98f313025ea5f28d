"""How a sentence becomes token ids and its last hidden states an embedding."""

from __future__ import annotations

import copy
import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from meta_demo.core.errors import UserError
from meta_demo.modalities.base import MODALITIES, Content
from meta_demo.modalities.inputs import Encoded, Inputs
from meta_demo.modalities.pooling import pooled
from meta_demo.modalities.sentence import FINISH, Sentence, write_sentence

LONGEST = 512  # tokens that are read at the most, whatever the model could
FORESEEN = 8  # characters for a token, of what is looked at to foresee them
SEEN = 1 << 17  # characters that a tokenizer is given at the most: more than so many tokens ever stand for


class TextInputs(Inputs):
    """Sentences, by a tokenizer. `pooling` is one way or several (`pooling.py`); `said` is what side files say beside that.

    `rows` is how many tokens the model knows; `extra` are fixed arguments of its forward.
    """

    modality = "text"
    example = "a"

    def __init__(
        self,
        tokenizer: Any,
        *,
        max_tokens: int,
        pooling: str | Sequence[str],
        said: Sentence | None = None,
        rows: int | None = None,
        types: bool = False,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.tokenizer, self.max_tokens, self.rows, self.extra = tokenizer, max_tokens, rows, extra or {}
        said = said or Sentence()
        self.said = replace(said, modes=(pooling,) if isinstance(pooling, str) else tuple(pooling), most=max_tokens)
        self.heads = (FINISH,) if said.finish else ()
        self.pads = True
        self.pad = tokenizer.pad_token_id or 0
        self._special = set(tokenizer.all_special_ids)
        self._types = self._odd_types() if types else {}
        self.use_prompt(said.prompt)

    @property
    def examples(self) -> Sequence[Content]:
        return self.example, "a few more words", "and a sentence that is a little longer than those"

    @property
    def prompts(self) -> dict[str, str]:
        return self.said.prompts

    def use_prompt(self, name: str) -> None:
        super().use_prompt(name)
        self.said = replace(self.said, prompt=name)
        self.prompt = self.said.prompts.get(name, "")
        self._skipped = 0
        if self.prompt and not self.said.include_prompt:
            ids = self.tokenizer(self.prompt)["input_ids"]
            self._skipped = len(ids) - (ids[-1] in self._special)

    def shows(self, content: Any) -> str:
        return self.prompt + str(content)[: self._seen(str(content))]

    def _seen(self, text: str) -> int:
        """How many characters of a text are looked at: all but those of a very long one, up to the end of a word."""
        if len(text) <= SEEN:
            return len(text)
        end = text.rfind(" ", 0, SEEN)
        return end if end > SEEN // 2 else SEEN

    def encode(self, content: Content) -> Encoded:
        """Token ids with the model's special tokens, cut to `max_tokens`."""
        said = MODALITIES[self.modality].expect(content)
        text, unseen = self.shows(said), len(said) - self._seen(said)
        whole = self._ids(text)
        kept = whole
        if len(whole) > self.max_tokens:
            kept = self.tokenizer(text, truncation=True, max_length=self.max_tokens)["input_ids"]
        if not kept:  # nothing, not even a token that stands for the start: the model is given one to look at
            kept = [self.pad]
        if self.rows is not None and max(kept) >= self.rows:
            raise UserError("model_tokenizer", model=self.tokenizer.name_or_path)
        digest = hashlib.blake2b(array("q", kept).tobytes(), digest_size=16).digest()
        dropped = len(whole) - min(len(whole), len(kept))
        return Encoded(tuple(kept), digest, len(kept), dropped, self._unknown(kept), unseen)

    def foreseen(self, content: Content) -> int:
        """A token for three bytes: a word of English has five or six, a Chinese character three."""
        said = str(content)[: FORESEEN * self.max_tokens]
        return min(self.max_tokens, 3 + (len(self.prompt.encode()) + len(said.encode("utf-8", "replace"))) // 3)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, truncation=False, verbose=False)["input_ids"]
        return ids

    def _unknown(self, ids: Sequence[int]) -> float:
        """The share of unknown tokens among those that are no marks of the model's own."""
        unknown = self.tokenizer.unk_token_id
        said = [i for i in ids if i == unknown or i not in self._special]
        return sum(i == unknown for i in said) / len(said) if said else 0.0

    def _odd_types(self) -> dict[int, int]:
        """Marks of the model's own that have a type of token other than 0 in a single text, as the tokenizer says."""
        encoded = self.tokenizer(self.example)
        pairs = zip(encoded["input_ids"], encoded.get("token_type_ids") or [], strict=False)
        return {i: kind for i, kind in pairs if kind and i in self._special}

    def batch(self, keys: Sequence[tuple[int, ...]], width: int) -> tuple[Tensor, Tensor]:
        ids = [[*key, *[self.pad] * (width - len(key))] for key in keys]
        mask = [[1] * len(key) + [0] * (width - len(key)) for key in keys]
        return torch.tensor(ids), torch.tensor(mask)

    def lengthened(self, first: Tensor, mask: Tensor, more: int) -> tuple[Tensor, Tensor]:
        """With its first token once more for each, which is no padding."""
        return torch.cat([first[:, :1].expand(-1, more), first], 1), super().lengthened(first, mask, more)[1]

    def arguments(self, first: Tensor, mask: Tensor, lower: int = 0) -> dict[str, Any]:  # noqa: ARG002
        types = {}
        if self._types:
            types["token_type_ids"] = torch.zeros_like(first)
            for token, kind in self._types.items():
                types["token_type_ids"][first == token] = kind
        return {"input_ids": first, "attention_mask": mask, **types, **self.extra}

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        return pooled(hidden, mask, self.said.modes, self._skipped)

    def finished_by(self, behind: Any) -> TextInputs:
        same = copy.copy(self)
        same.said = replace(self.said, finish=tuple(behind))
        return same

    def save(self, folder: Path) -> None:
        self.tokenizer.save_pretrained(folder)
        write_sentence(self.said, folder)


def is_causal(model: Any, ids: Tensor) -> bool:
    """Whether no token of the text `ids` [1, L] sees the ones behind it: nothing of the first depends on the last."""
    seen: list[Tensor] = []

    def follow(_module: nn.Module, _args: Any, output: Tensor) -> Tensor:
        seen.append(output.detach().requires_grad_())
        return seen[-1].clone()  # which a model may change in place

    hook = model.get_input_embeddings().register_forward_hook(follow)
    try:
        with torch.enable_grad():
            hidden = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            told = hidden[0, 0] * torch.arange(1.0, hidden.shape[-1] + 1, dtype=hidden.dtype, device=hidden.device)
            (gradient,) = torch.autograd.grad(told.sum(), seen[0])
    finally:
        hook.remove()
    rest = gradient[0, 1:] if len(gradient) == 1 else gradient[1:]  # some have the tokens first, then the batch
    return not bool(rest.any())
