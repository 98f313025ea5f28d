"""Which models there are and how they are loaded: the bundled ones, any encoder on the Hugging Face Hub, or a local folder.

What a modality knows of its models (names, tokenizers, processors) is asked of the registry of modalities.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from huggingface_hub.utils import validate_repo_id
from torch import nn

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.fresh import fresh_head, fresh_model
from meta_demo.core.cache import Cache
from meta_demo.core.device import whole_setting
from meta_demo.core.errors import UserError
from meta_demo.modalities.base import MODALITIES, Model
from meta_demo.modalities.inputs import Inputs, head_of

_LOG = logging.getLogger(__name__)
_IMPORTING = Lock()


@dataclass(frozen=True)
class ModelInfo:
    """A model the page offers; any other Hub id can be typed."""

    name: str
    parameters: str
    modality: str
    bundled: bool


DEFAULT = {kind.name: kind.models[0].name for kind in MODALITIES.values() if kind.models}  # by modality
BUNDLED = next(iter(DEFAULT.values()))  # what is used where nobody says for what
SUGGESTED = tuple(
    sorted(
        (ModelInfo(m.name, m.parameters, kind.name, m.bundled) for kind in MODALITIES.values() for m in kind.models),
        key=lambda info: not info.bundled,
    )
)


def suited(model: str, algorithm: str, known: Collection[str]) -> dict[str, Any]:
    """The knobs among `known` that suit a model where an algorithm's own defaults do not."""
    found = next((m for kind in MODALITIES.values() for m in kind.models if m.name == model), None)
    return {name: value for name, value in found.suited(algorithm).items() if name in known} if found else {}


def load_backbone(
    name: str, device: torch.device, cache: Cache, dtype: torch.dtype = torch.float32, *, scratch: int | None = None
) -> Backbone:
    """The backbone called `name`: `minilm`, `glyph-vit`, a folder with a config.json, or a Hub id.

    With `scratch` its weights are random, by that seed, and only its configuration and its reading of inputs are `name`'s.

    Raises UserError when it cannot be had, is no encoder of text or pictures, is too large (`META_DEMO_MAX_PARAMETERS`, default
    600 million), or when the bundled weights are not the published ones.
    """
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    _import_transformers()
    bundled = next((m for kind in MODALITIES.values() for m in kind.models if m.name == name and m.folder), None)
    source = str(bundled.folder()) if bundled and bundled.folder else name
    if Path(source).is_dir() and not (Path(source) / "config.json").is_file():
        raise UserError("model_folder", model=name)
    if bundled:
        _check_bundled(bundled, Path(source) / "model.safetensors")
    try:
        if not Path(source).is_dir():
            validate_repo_id(source)  # a folder that is not there cannot be a Hub id: no use in asking, again and again
        model, inputs = _load(source, dtype, cache, scratch)
        config: Any = model.config
        head = head_of(source) if scratch is None else fresh_head(config.hidden_size, scratch)
    except (OSError, ValueError, KeyError, ImportError) as error:
        if isinstance(error, UserError):
            raise
        _LOG.warning("loading %s failed: %s", name, error)
        raise UserError("model_unavailable", model=name, bundled=BUNDLED) from error
    return Backbone(model.to(device), inputs, name, cache=cache, head=head)


def _import_transformers() -> None:
    """Import what loading needs, one thread at a time: transformers imports its parts lazily, and two at once see half of it."""
    with _IMPORTING:
        from transformers import AutoConfig, AutoModel, PreTrainedModel  # noqa: F401

        for kind in MODALITIES.values():
            kind.warm()


def _load(source: str, dtype: torch.dtype, cache: Cache, scratch: int | None) -> tuple[nn.Module, Inputs]:
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    for kind in MODALITIES.values():
        config = kind.config(config)
    with torch.device("meta"):
        skeleton = AutoModel.from_config(config, attn_implementation="eager")
    able = [kind for kind in MODALITIES.values() if kind.reads_with(config, skeleton.main_input_name)]
    if config.is_encoder_decoder or not able:
        raise UserError("model_kind", model=source, kind=config.model_type)
    size = sum(p.numel() for p in skeleton.parameters())
    limit = whole_setting("META_DEMO_MAX_PARAMETERS", 600_000_000)
    if size > limit:
        raise UserError("model_size", model=source, size=round(size / 1e6), limit=round(limit / 1e6))
    # Eager attention: the only implementation that returns attention maps and has second-order gradients.
    how: dict[str, Any] = {"attn_implementation": "eager", "use_safetensors": True, "trust_remote_code": False}
    if scratch is None:
        model = AutoModel.from_pretrained(source, config=config, dtype=dtype, **how)
    else:
        model = fresh_model(config, scratch).to(dtype)
    return model, able[-1].inputs(source, model, cache)


def _check_bundled(model: Model, weights: Path) -> None:
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != model.sha256:
        raise UserError("bundled_hash", model=model.name, found=found[:12], expected=model.sha256[:12])
