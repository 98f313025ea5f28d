"""Make a start of all weights out of a start that was trained on another model of the same build, such as low-rank factors on it.

    python checkpoints/settle.py out/sure --trained-on out/hands --model glyph-vit --output checkpoints/glyph-vit/protonet

What the algorithm has learned, and what of the other model it left as it was, becomes its start from `model`: the same embeddings from
weights that are all its own. The card keeps what it says of sources, seed and command, and says on which weights that was.
"""

from __future__ import annotations

from pathlib import Path

import torch
import tyro
from tyro.conf import Positional

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from meta_demo.algorithms.registry import get_algorithm
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.learning import checkpoint


def settle(start: Positional[Path], trained_on: str, model: str, output: Path) -> None:
    """Write the start to `output`.

    Args:
        start: the folder of the checkpoint
        trained_on: the model it was trained on
        model: the model whose start it is to be
        output: the folder to write
    """
    there, here = (load_backbone(name, torch.device("cpu"), Cache.as_set(LEARNING)) for name in (trained_on, model))
    card, learned = checkpoint.read_card(start), checkpoint.load(start, there)
    cls = get_algorithm(card.algorithm)
    settled = cls(here, cls.Config.from_dict({**card.config, "scope": "model"}))
    whole = {**there.parameters, **there.given, **learned.merged()}
    own = {name: w for name, w in learned.lasting.items() if not name.startswith(checkpoint.BODY)}
    settled.load_state_dict({**own, **{checkpoint.BODY + n.replace(".", "/"): whole[n] for n in settled.body}})
    record = card.model_extra or {}
    checkpoint.save(settled, output, **{**record, "start": f"weights of {there.hash}"})


if __name__ == "__main__":
    tyro.cli(settle)
