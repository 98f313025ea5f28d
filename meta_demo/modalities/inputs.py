"""How what a visitor shows becomes a model's first tensors, and its last ones an embedding: what all modalities have in common.

Here: the contract, and the side files that say how to pool. Not here: tokenizers and processors, which are each modality's own;
running layers (`replay.py`), caching (`backbone.py`).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from meta_demo.core.errors import UserError
from meta_demo.core.examples import Task
from meta_demo.modalities.sentence import POOLING, read_sentence

NO_PROMPT = "none"
HEAD = "head"  # the folder, beside a model, of a vector that makes one number of an embedding
POOLING_MODES = {"cls_token": "cls", "mean_tokens": "mean"}
Key = Hashable  # what a batch is made of, such as token ids or the picture itself: equal keys are equal inputs


@dataclass(frozen=True)
class Encoded:
    """An input as its model reads it: its key and a hash of that, its length in tokens, the number of tokens that did not fit, and the
    share of those that stand for something in it but not for what it is; of a very long one the number of characters beyond those that
    were made tokens at all."""

    key: Key
    digest: bytes
    length: int
    dropped: int = 0
    unknown: float = 0.0
    unseen: int = 0


class Inputs(ABC):
    """One modality of one model. `encode`, `looks` and the like begin with `Modality.expect`, which refuses the others' inputs."""

    modality: ClassVar[str]
    example: ClassVar[Hashable]  # any input: what a new model is tried on
    heads: tuple[str, ...] = ()  # paths of the model's own modules that what is pooled goes through
    pads: bool = False  # whether a batch may hold inputs of different lengths
    pad: int = 0  # the token that fills the shorter ones up
    distorts: ClassVar[bool] = False  # whether `distorted` can make training inputs a little otherwise

    @property
    def examples(self) -> Sequence[Hashable]:
        """Inputs that a new model is tried on, the shortest first."""
        return (self.example,)

    @abstractmethod
    def encode(self, content: Hashable) -> Encoded:
        """Raises UserError when `content` is of another modality."""

    def foreseen(self, content: Any) -> int:
        """About how many tokens `content` becomes, no fewer than it mostly does: told without reading it."""
        return self.encode(content).length

    @property
    def numbers(self) -> int:
        """How many numbers the model is given of one input; 0 where these are its tokens."""
        return 0

    @abstractmethod
    def batch(self, keys: Sequence[Any], width: int) -> tuple[Tensor, Tensor]:
        """First tensor [b, ...] and mask [b, width] of inputs that go into one batch; the same bits for the same keys."""

    def lengthened(self, first: Tensor, mask: Tensor, more: int) -> tuple[Tensor, Tensor]:
        """First tensor and mask of inputs that have `more` tokens before their own, whatever these are."""
        return first, torch.cat([mask.new_ones(len(mask), more), mask], 1)

    @abstractmethod
    def arguments(self, first: Tensor, mask: Tensor, lower: int = 0) -> dict[str, Any]:
        """What the model's `forward` is called with, where the layers below `lower` are not run."""

    @abstractmethod
    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Last hidden states [b, W, D] -> embeddings [b, D], or what the first of `heads` takes."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Put beside a model's weights what reads its inputs, and how to pool."""

    prompt: str = ""  # what is read before every text

    @property
    def prompts(self) -> dict[str, str]:
        """What can be read before every text, by name."""
        return {}

    def use_prompt(self, name: str) -> None:
        """Read the prompt of that name before every text, none where it is empty; raises UserError when there is no such prompt."""
        if name and name not in self.prompts:
            raise UserError("prompt_unknown", name=name, known=", ".join([*self.prompts, NO_PROMPT]))

    def finished_by(self, behind: Any) -> Inputs:  # noqa: ARG002
        """The same, with other modules behind the pooling where side files named some."""
        return self

    def shows(self, content: Any) -> str:
        """What the model reads in place of a text: with the words that it wants before it."""
        return str(content)

    def looks(self, content: Any, count: int) -> list[Any]:  # noqa: ARG002
        """`count` looks at one input, the plain one first; once where looking again would show nothing new."""
        return [content]

    def distorted(self, tasks: Sequence[Task], strength: float, rngs: Sequence[torch.Generator]) -> list[Task]:  # noqa: ARG002
        """Training tasks with every input a little otherwise; as they are, where `distorts` is False."""
        return list(tasks)


def positions_of(config: Any) -> int:
    """How many tokens a model has positions for; 0 where its configuration sets no bound."""
    positions = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or 0
    return positions - (2 if positions and ("roberta" in config.model_type or config.model_type == "mpnet") else 0)


def save_reader(reader: Any, pooling: str, folder: Path) -> None:
    """Write a tokenizer or processor, and the side file that `pooling_of` reads, into `folder`."""
    reader.save_pretrained(folder)
    (folder / POOLING).parent.mkdir(exist_ok=True)
    said = {f"pooling_mode_{kind}": pooling == name for kind, name in POOLING_MODES.items()}
    (folder / POOLING).write_text(json.dumps(said, indent=1) + "\n")


def pooling_of(source: str) -> str | None:
    """What a sentence-transformers side file says of pooling, cls or mean; None when there is none. Raises UserError for another way."""
    modes = read_sentence(source).modes
    if modes and modes not in (("cls",), ("mean",)):
        raise UserError("model_module", model=source, module=" + ".join(modes))
    return modes[0] if modes else None


def save_head(vector: Tensor, folder: Path) -> None:
    """Write the vector [D] that makes one number of an embedding beside a model."""
    (folder / HEAD).mkdir(exist_ok=True)
    save_file({"vector": vector.detach().cpu().contiguous()}, folder / HEAD / "model.safetensors")


def head_of(source: str) -> Tensor | None:
    """The vector [D] that `save_head` wrote into a folder; None where there is none."""
    file = Path(source) / HEAD / "model.safetensors"
    return load_file(file)["vector"] if file.is_file() else None
