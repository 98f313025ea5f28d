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

from meta_demo.core.examples import Task

POOLING = "1_Pooling/config.json"  # sentence-transformers' side file
HEAD = "2_Dense"  # its folder of a linear layer on top
POOLING_MODES = {"cls_token": "cls", "mean_tokens": "mean"}
Key = Hashable  # what a batch is made of, such as token ids or the picture itself: equal keys are equal inputs


@dataclass(frozen=True)
class Encoded:
    """An input as its model reads it: its key and a hash of that, its length in tokens, and the number of tokens that did not fit."""

    key: Key
    digest: bytes
    length: int
    dropped: int = 0


class Inputs(ABC):
    """One modality of one model. `encode`, `looks` and the like begin with `Modality.expect`, which refuses the others' inputs."""

    modality: ClassVar[str]
    example: ClassVar[Hashable]  # any input: what a new model is tried on
    pads: bool = False  # whether a batch may hold inputs of different lengths
    pad: int = 0  # the token that fills the shorter ones up
    distorts: ClassVar[bool] = False  # whether `distorted` can make training inputs a little otherwise

    @abstractmethod
    def encode(self, content: Hashable) -> Encoded:
        """Raises UserError when `content` is of another modality."""

    @abstractmethod
    def batch(self, keys: Sequence[Any], width: int) -> tuple[Tensor, Tensor]:
        """First tensor [b, ...] and mask [b, width] of inputs that go into one batch; the same bits for the same keys."""

    @abstractmethod
    def arguments(self, first: Tensor, mask: Tensor, start: int = 0) -> dict[str, Tensor]:
        """What the model's `forward` is called with, where the layers below `start` are not run."""

    @abstractmethod
    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Last hidden states [b, W, D] -> embeddings [b, D]."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Put beside a model's weights what reads its inputs, and how to pool."""

    def looks(self, content: Any, count: int) -> list[Any]:  # noqa: ARG002
        """`count` looks at one input, the plain one first; once where looking again would show nothing new."""
        return [content]

    def distorted(self, tasks: Sequence[Task], strength: float, rngs: Sequence[torch.Generator]) -> list[Task]:  # noqa: ARG002
        """Training tasks with every input a little otherwise; as they are, where `distorts` is False."""
        return list(tasks)


def save_reader(reader: Any, pooling: str, folder: Path) -> None:
    """Write a tokenizer or processor, and the side file that `pooling_of` reads, into `folder`."""
    reader.save_pretrained(folder)
    (folder / POOLING).parent.mkdir(exist_ok=True)
    said = {f"pooling_mode_{kind}": pooling == name for kind, name in POOLING_MODES.items()}
    (folder / POOLING).write_text(json.dumps(said, indent=1) + "\n")


def pooling_of(source: str) -> str | None:
    """What a sentence-transformers side file says of pooling, cls or mean; None when there is none."""
    said = side_file(source, POOLING)
    return ("cls" if said.get("pooling_mode_cls_token") else "mean") if said else None


def save_head(vector: Tensor, folder: Path) -> None:
    """Write the vector that makes one number of an embedding, as sentence-transformers keeps a linear layer."""
    place = folder / HEAD
    place.mkdir(exist_ok=True)
    identity = "torch.nn.modules.linear.Identity"
    said = {"in_features": len(vector), "out_features": 1, "bias": False, "activation_function": identity}
    (place / "config.json").write_text(json.dumps(said, indent=1) + "\n")
    save_file({"linear.weight": vector.detach().cpu()[None].contiguous()}, place / "model.safetensors")


def head_of(source: str) -> Tensor | None:
    """The vector [D] that `save_head` wrote into a folder; None where there is none, or a layer of several outputs."""
    file = Path(source) / HEAD / "model.safetensors"
    weight = load_file(file).get("linear.weight") if file.is_file() else None
    return weight[0] if weight is not None and len(weight) == 1 else None


def side_file(source: str, name: str) -> dict[str, Any]:
    """A JSON file that sentence-transformers keeps beside a model; empty when there is none."""
    from transformers.utils import cached_file

    found = cached_file(
        source, name, _raise_exceptions_for_missing_entries=False, _raise_exceptions_for_connection_errors=False
    )
    content: dict[str, Any] = json.loads(Path(found).read_text()) if found else {}
    return content
