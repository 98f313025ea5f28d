"""Every weight comes from the file: reading them, and finding out whether one that is missing matters."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from meta_demo.backbones.files import WEIGHTS
from meta_demo.backbones.replay import find_layers
from meta_demo.core.errors import UserError
from meta_demo.modalities.inputs import Inputs

CONVERTER = "SFconvertbot"  # its account on the Hub


def read_weights(cls: Any, source: str, name: str, **how: Any) -> Any:
    """The model of class `cls` in `source`, from safetensors; `unread` on it are the names of its parameters that the file lacks.

    Raises UserError where shapes differ or the file has layers that the configuration does not know.
    """
    how |= {"attn_implementation": "eager", "use_safetensors": True, "trust_remote_code": False}
    try:
        model, told = cls.from_pretrained(source, output_loading_info=True, **how)
    except OSError:
        revision = converted(source)
        if revision is None:
            raise
        model, told = cls.from_pretrained(source, output_loading_info=True, revision=revision, **how)
    if wrong := sorted(str(key[0]) for key in told["mismatched_keys"]):
        raise UserError("model_shapes", model=name, names=wrong[0])
    model.unread = frozenset(told["missing_keys"])
    path, layers = find_layers(encoder_of(model))
    above = [key for key in told["unexpected_keys"] if _layer_of(key, path) >= len(layers)]
    if above:
        raise UserError("model_layers_more", model=name, names=above[0], layers=len(layers))
    return model.eval()


def converted(source: str) -> str | None:
    """The revision of a Hub id in which the Hub's own converter has put safetensors beside a pickle; None without one.

    Nobody is asked to make one: it is there or it is not.
    """
    from huggingface_hub import HfApi

    if Path(source).is_dir():
        return None
    api = HfApi()
    with suppress(Exception):  # offline, unknown, gated: what went wrong before says it better
        for request in api.get_repo_discussions(source, author=CONVERTER, discussion_type="pull_request"):
            if request.git_reference and api.file_exists(source, WEIGHTS, revision=request.git_reference):
                return str(request.git_reference)
    return None


def _layer_of(key: str, path: str) -> int:
    """The number of the layer that a weight of the file belongs to; -1 where it belongs to none."""
    _, found, after = f".{key}".partition(f".{path}.")
    number = after.partition(".")[0]
    return int(number) if found and number.isdecimal() else -1


def encoder_of(model: Any) -> Any:
    """The part of an encoder with a decoder that reads; any other model as it is."""
    if not model.config.is_encoder_decoder:
        return model
    encoder = model.get_encoder()
    unread = {id(p) for name, p in model.named_parameters() if name in getattr(model, "unread", ())}
    encoder.unread = frozenset(name for name, p in encoder.named_parameters() if id(p) in unread)
    return encoder


def check_read(model: nn.Module, inputs: Inputs, name: str) -> None:
    """Raises UserError when a parameter that the file lacks has a part in the embedding: it would be a random one."""
    unread: frozenset[str] = getattr(model, "unread", frozenset())
    lacking = [(n, p) for n, p in model.named_parameters() if n in unread]
    if not lacking:
        return
    encoded = inputs.encode(inputs.example)
    first, mask = inputs.batch([encoded.key], encoded.length)
    like = lacking[0][1]
    first = first.to(like.dtype) if first.is_floating_point() else first
    with torch.enable_grad():
        hidden = model(**inputs.arguments(first, mask)).last_hidden_state
        z = inputs.pool(hidden, mask)
        for path in inputs.heads:
            z = model.get_submodule(path)(z)
        told = torch.autograd.grad(z.square().sum(), [p for _, p in lacking], allow_unused=True)
    used = [n for (n, _), gradient in zip(lacking, told, strict=True) if gradient is not None]
    if used:
        raise UserError("model_weights", model=name, count=len(used), names=", ".join(used[:3]))
