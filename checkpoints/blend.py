"""Part of the way back: trained starts brought nearer to the pretrained weights.

    python -m checkpoints.blend PART FOLDER...

Wortsman et al. 2022 (WiSE-FT): weights on the line between pretrained and trained ones keep most of what was gained, and lose less of
what was known. Low-rank factors W + 2 B A make that line by scaling B. The card says which part was taken.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import tyro
from tyro.conf import Positional

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from meta_demo.core import checkpoint
from meta_demo.core.backbone import Backbone
from meta_demo.core.cache import Cache
from meta_demo.core.loading import BUNDLED, load_backbone
from meta_demo.core.replay import LORA_B


def blend(folder: Path, part: float, backbone: Backbone) -> None:
    """Rewrite the checkpoint in `folder` as W + part (W' - W); raises ValueError for one that is blended already or has no factors."""
    card = checkpoint.read_card(folder)
    record = card.model_extra or {}
    if "blend" in record or card.config["scope"] != "lora":
        raise ValueError(f"{folder} is blended already, or holds no low-rank factors")
    algorithm = checkpoint.load(folder, backbone)
    with torch.no_grad():
        for name, w in algorithm.body.items():
            if name.endswith(LORA_B):
                w.mul_(part)
    checkpoint.save(algorithm, folder, **record, blend=part)


def main(part: Positional[float], folders: Annotated[Positional[list[Path]], tyro.conf.arg(metavar="FOLDER")]) -> None:
    """Bring checkpoints of the bundled model nearer to its pretrained weights."""
    backbone = load_backbone(BUNDLED, torch.device("cpu"), Cache(1 << 20))
    for folder in folders:
        blend(folder, part, backbone)


if __name__ == "__main__":
    tyro.cli(main)
