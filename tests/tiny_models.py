"""What tests of models share: tiny random encoders of many architectures, and tasks for them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import meta_demo  # noqa: F401  (before torch: it says how threads wait)

# isort: split
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, ViTImageProcessor

from benchmarks import models
from benchmarks.models import HYBRID, SMALL
from meta_demo.algorithms.base import Algorithm
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.cache import Cache
from meta_demo.core.examples import Examples, Task
from meta_demo.modalities.text.inputs import TextInputs
from meta_demo.modalities.text.modality import bundled_folder
from meta_demo.objectives.classes import Classes
from meta_demo.objectives.numbers import Numbers

ARCHITECTURES = {
    "bert": SMALL,
    "roberta": SMALL,
    "electra": {**SMALL, "embedding_size": 16},
    "mpnet": SMALL,
    "distilbert": {
        "dim": 16,
        "n_layers": 3,
        "n_heads": 2,
        "hidden_dim": 24,
        "vocab_size": 30522,
        "max_position_embeddings": 64,
    },
    "deberta-v2": {**SMALL, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False},
    "modernbert": {
        **SMALL,
        "eos_token_id": 1,
        "bos_token_id": 1,
        "cls_token_id": 1,
        "sep_token_id": 1,
        "global_attn_every_n_layers": 2,
        "local_attention": 8,
    },
    "xlm-roberta": SMALL,
}
__all__ = ["HYBRID", "SMALL"]  # tests take them from here
SUPPORT = [
    ("my card was charged twice", 0),
    ("why is there a second payment", 0),
    ("the parcel never came", 1),
    ("where is my order, it should have been here on monday", 1),
    ("delivery is late", 1),
    ("I forgot my password", 2),
]
QUERY = [("I paid two times", 0), ("still waiting for the package", 1), ("cannot log in any more", 2)]


def tiny_backbone(
    architecture: str = "bert",
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
    cache: Cache | None = None,
    **sizes: int,
) -> Backbone:
    """A random encoder of three layers, unless `sizes` say otherwise, over the bundled tokenizer."""
    model = copy.deepcopy(_drawn(architecture, dtype, seed, tuple(sorted(sizes.items()))))
    inputs = TextInputs(_tokenizer(), max_tokens=48, pooling="mean")
    return Backbone(model, inputs, f"tiny-{architecture}", cache=cache or Cache(1 << 26))


@lru_cache(maxsize=16)
def _drawn(architecture: str, dtype: torch.dtype, seed: int, sizes: tuple[tuple[str, int], ...]) -> torch.nn.Module:
    """What `tiny_backbone` copies: to draw a model anew takes ten times as long."""
    config = AutoConfig.for_model(architecture, **ARCHITECTURES[architecture] | dict(sizes))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return AutoModel.from_config(config, attn_implementation="eager").to(dtype)


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    """The bundled tokenizer, which nothing changes, read once."""
    return AutoTokenizer.from_pretrained(bundled_folder())


def saved_model(folder: Path, architecture: str, **sizes: object) -> Path:
    """`folder` with a tiny random model of transformers and what reads its inputs, as the Hub would give it."""
    return models.saved_model(folder, architecture, sizes)


def saved_eyes(folder: Path) -> Path:
    """`folder` with a tiny random vision model and its processor, likewise."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
    config = AutoConfig.for_model("vit", **sizes, image_size=32, patch_size=8)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def make_task(
    backbone: Backbone,
    boundary: int,
    support=SUPPORT,
    query=QUERY,
    order: tuple[int, ...] = (0, 1, 2),
    kind: str = "classes",
) -> Task:
    """`support` and `query` as (text, class) pairs -> a Task whose class numbers are permuted by `order`; of numbers, each text has
    a value that its class and its length give."""
    labels = {text: str(order[c]) if kind == "classes" else 1.5 * c + len(text) / 10 for text, c in (*support, *query)}
    chosen = sorted(order) if kind == "classes" else [labels[text] for text, _ in support]
    objective = Classes.of([str(n) for n in chosen]) if kind == "classes" else Numbers.of(chosen)

    def side(rows):
        x = backbone.features([text for text, _ in rows], boundary)
        given = [labels[text] for text, _ in rows]
        return Examples(x, objective.encode(given, torch.zeros(1, dtype=backbone.dtype)), objective)

    return Task(side(support), side(query))


def make_values(algorithm: Algorithm, texts: Sequence[str], values: Sequence[float]) -> Task:
    """A task of numbers, and three queries."""
    objective = Numbers.of(values)

    def side(rows: Sequence[str], labels: Sequence[float]) -> Examples:
        return Examples(algorithm.features(list(rows)), objective.encode(labels, algorithm.like), objective)

    return Task(side(texts, values), side([text for text, _ in QUERY], [values[0], values[1], 0.5]))
