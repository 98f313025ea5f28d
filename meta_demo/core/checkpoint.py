"""Checkpoints: the meta-parameters of an algorithm on disk, with a card that says where they came from.

A folder with `weights.safetensors` (values, not differences) and `card.json`. Both are written beside their place and renamed,
so that a crash never leaves half a file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from meta_demo.core.algorithm import Algorithm, get_algorithm
from meta_demo.core.backbone import Backbone
from meta_demo.core.messages import UserError

FORMAT = 1
WEIGHTS, CARD = "weights.safetensors", "card.json"
SHIPPED = Path(__file__).parents[2] / "checkpoints"


class Card(BaseModel):
    """What a checkpoint is: enough to rebuild the algorithm, and whatever else its maker recorded."""

    model_config = ConfigDict(extra="allow")
    format: int
    algorithm: str
    config: dict[str, Any]
    backbone: str
    backbone_hash: str


def save(algorithm: Algorithm, folder: Path, **record: Any) -> None:
    """Write `algorithm` to `folder`; `record` goes into the card as it is. Raises UserError when the folder cannot be written."""
    card = Card(
        format=FORMAT,
        algorithm=algorithm.name,
        config=vars(algorithm.config),
        backbone=algorithm.backbone.name,
        backbone_hash=algorithm.backbone.hash,
        **record,
    )
    weights = {name: w.detach().contiguous() for name, w in algorithm.state_dict().items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{WEIGHTS}"
        save_file(weights, partial)
        partial.replace(folder / WEIGHTS)
        partial = folder / f".{CARD}"
        partial.write_text(card.model_dump_json(indent=1), encoding="utf-8")
        partial.replace(folder / CARD)
    except (OSError, SafetensorError) as error:
        raise UserError("checkpoint_write", folder=folder, reason=error) from error


def read_card(folder: Path) -> Card:
    """The card of a checkpoint folder; raises UserError when there is none or it cannot be understood."""
    try:
        card = Card.model_validate(json.loads((folder / CARD).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("checkpoint_missing", folder=folder) from error
    except (json.JSONDecodeError, ValidationError) as error:
        raise UserError("checkpoint_card", folder=folder) from error
    if card.format != FORMAT:
        raise UserError("checkpoint_format", folder=folder, found=card.format, known=FORMAT)
    return card


def load(folder: Path, backbone: Backbone, changes: dict[str, Any] | None = None) -> Algorithm:
    """The algorithm a checkpoint holds, on `backbone`, its knobs changed by `changes`.

    Raises UserError when it was made for another backbone, or when tensors are missing, unexpected, damaged or of another shape.
    """
    card = read_card(folder)
    if card.backbone_hash != backbone.hash:
        raise UserError("checkpoint_backbone", folder=folder, made_for=card.backbone, model=backbone.name)
    cls = get_algorithm(card.algorithm)
    algorithm = cls(backbone, cls.Config.from_dict({**card.config, **(changes or {})}))
    try:
        weights = load_file(folder / WEIGHTS, device=str(backbone.device))
    except (OSError, SafetensorError) as error:
        raise UserError("checkpoint_damaged", folder=folder) from error
    expected = algorithm.state_dict()
    wrong = sorted(expected.keys() ^ weights.keys())
    wrong += [n for n in expected.keys() & weights.keys() if expected[n].shape != weights[n].shape]
    if wrong or not all(bool(torch.isfinite(w).all()) for w in weights.values()):
        raise UserError("checkpoint_tensors", folder=folder, names=", ".join(wrong[:3]) or "NaN")
    algorithm.load_state_dict(weights)
    return algorithm


def shipped(model: str, algorithm: str) -> Path | None:
    """The folder of the checkpoint we ship for this model and algorithm, if there is one."""
    folder = SHIPPED / model / algorithm
    return folder if (folder / CARD).is_file() else None
