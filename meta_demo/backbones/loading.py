"""Which models there are and how they are loaded: the bundled ones, any encoder on the Hugging Face Hub, or a local folder.

What a modality knows of its models (names, tokenizers, processors) is asked of the registry of modalities.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from huggingface_hub.utils import validate_repo_id
from torch import nn

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.files import WEIGHTS, check_config, check_folder, no_conversion, why
from meta_demo.backbones.fresh import fresh_head, fresh_model
from meta_demo.backbones.weights import check_read, encoder_of, read_weights
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError, trace_of
from meta_demo.core.settings import settings
from meta_demo.modalities.base import MODALITIES, Model
from meta_demo.modalities.inputs import NO_PROMPT, Inputs, head_of
from meta_demo.modalities.sentence import CONFIG, read_sentence
from meta_demo.words import Words

_LOG = logging.getLogger(__name__)
_IMPORTING = Lock()


@dataclass(frozen=True)
class ModelInfo:
    """A model the page offers; any other Hub id can be typed."""

    name: str
    parameters: str
    modality: str
    bundled: bool
    megabytes: int
    licence: str
    languages: Words
    good: Words


DEFAULT = {kind.name: kind.models[0].name for kind in MODALITIES.values() if kind.models}  # by modality
BUNDLED = next(iter(DEFAULT.values()))  # what is used where nobody says for what
SUGGESTED = tuple(
    sorted(
        (
            ModelInfo(m.name, m.parameters, kind.name, m.bundled, m.megabytes, m.licence, m.languages, m.good)
            for kind in MODALITIES.values()
            for m in kind.models
        ),
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

    Behind a # may stand which of the model's prompts is read before every text, or none: `e5-small#passage`.
    With `scratch` its weights are random, by that seed, and only its configuration and its reading of inputs are `name`'s.

    Raises UserError, and nothing else, when it cannot be had, is no encoder of text or pictures, is too large
    (`META_DEMO_MAX_PARAMETERS`, default 600 million), lacks weights, is not what it says when it is cut in two (`trial.py`), or when
    the bundled weights are not the published ones.
    """
    no_conversion()
    _import_transformers()
    asked, prompt = _spelt(name)
    running = False
    bundled = next((m for kind in MODALITIES.values() for m in kind.models if m.name == asked and m.folder), None)
    try:
        source = str(bundled.folder()) if bundled and bundled.folder else asked
        if bundled:
            _check_bundled(bundled, Path(source) / WEIGHTS)
        model, inputs = _load(source, asked, dtype, cache, scratch)
        if prompt is not None:
            inputs.use_prompt("" if prompt == NO_PROMPT and prompt not in inputs.prompts else prompt)
        config: Any = model.config
        head = head_of(source) if scratch is None else fresh_head(config.hidden_size, scratch)
        running = True
        return Backbone(model.to(device), inputs, name, cache=cache, head=head)
    except UserError as error:
        if error.__cause__:
            _LOG.warning("a model is refused: %s", trace_of(error.__cause__))
        raise
    except Exception as error:  # whatever transformers, a tokenizer or a file that somebody made up raises
        _LOG.warning("a model cannot be loaded: %s", trace_of(error))
        raise why(error, name, BUNDLED, running) from error


def _spelt(name: str) -> tuple[str, str | None]:
    """A model's name, and the name of the prompt that stands behind a #, if one does."""
    before, found, after = name.rpartition("#")
    return (before, after) if found and not Path(name).is_dir() else (name, None)


def _import_transformers() -> None:
    """Import what loading needs, one thread at a time: transformers imports its parts lazily, and two at once see half of it."""
    with _IMPORTING:
        from transformers import AutoConfig, AutoModel, PreTrainedModel  # noqa: F401

        for kind in MODALITIES.values():
            kind.warm()


def _load(source: str, name: str, dtype: torch.dtype, cache: Cache, scratch: int | None) -> tuple[nn.Module, Inputs]:
    from transformers import AutoConfig, AutoModel

    local = Path(source).is_dir()
    folder = read_sentence(source).folder if local or _is_id(source, name) else ""
    place = Path(source) / folder
    if local and not (place / CONFIG).is_file():
        raise UserError("model_folder", model=name)
    check_config(source, folder, name)
    where = {"subfolder": folder} if folder else {}
    config = AutoConfig.from_pretrained(source, trust_remote_code=False, **where)
    for kind in MODALITIES.values():
        config = kind.config(config)
    cls = next((c for kind in MODALITIES.values() if (c := kind.loaded_as(config))), AutoModel)
    with torch.device("meta"):
        skeleton = _built(cls, config)
    able = [kind for kind in MODALITIES.values() if kind.reads_with(config, skeleton.main_input_name)]
    if not able or (config.is_encoder_decoder and not hasattr(skeleton, "get_encoder")):
        raise UserError("model_kind", model=name, kind=config.model_type)
    size = sum(p.numel() for p in skeleton.parameters())
    limit = settings().max_parameters
    if size > limit:
        raise UserError("model_size", model=name, size=round(size / 1e6), limit=round(limit / 1e6))
    if scratch is not None:
        fresh = encoder_of(fresh_model(lambda: _built(cls, config), scratch).to(dtype).eval())
        return fresh, able[-1].inputs(source, fresh, cache)
    if local:
        check_folder(place, name)
    model = encoder_of(read_weights(cls, source, name, config=config, dtype=dtype, **where))
    inputs = able[-1].inputs(source, model, cache)
    check_read(model, inputs, name)
    return model, inputs


def _is_id(source: str, name: str) -> bool:
    """Raises UserError for what can be no Hub id, such as a folder that is not there: no use in asking, again and again."""
    try:
        validate_repo_id(source)
    except ValueError as error:
        raise UserError("model_unknown", model=name, bundled=BUNDLED) from error
    return True


def _built(cls: Any, config: Any) -> Any:
    """A model of that configuration, without weights of its own. Eager attention is the only kind with maps and second derivatives."""
    make = cls.from_config if hasattr(cls, "from_config") else cls._from_config
    return make(config, attn_implementation="eager")


def _check_bundled(model: Model, weights: Path) -> None:
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != model.sha256:
        raise UserError("bundled_hash", model=model.name, found=found[:12], expected=model.sha256[:12])
