"""What the files of sentence-transformers, of every version, say of a model: where it lies, how its texts are read, pooled and finished.

Here: reading these files, and writing them beside a model of ours. What they ask for and we cannot do is refused by name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from meta_demo.core.errors import UserError
from meta_demo.modalities.pooling import MODES

MODULES, CONFIG, POOLING = "modules.json", "config.json", "1_Pooling/config.json"
PROMPTS = "config_sentence_transformers.json"
READERS = [f"sentence_{kind}_config.json" for kind in ("bert", "roberta", "distilbert", "camembert", "albert")]
READERS += ["sentence_xlm-roberta_config.json", "sentence_xlnet_config.json"]
LIBRARY = "sentence_transformers."
SWITCHES = {
    f"pooling_mode_{key}": mode
    for key, mode in zip(
        ("cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"),
        MODES,
        strict=True,
    )
}
ACTIVATIONS = ("Identity", "Tanh", "ReLU", "GELU", "SiLU", "Sigmoid", "LeakyReLU", "ELU", "Softplus", "Mish")
FINISH = "finish"  # where the modules after the pooling hang on a model
_PLAIN = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}


@dataclass(frozen=True)
class Sentence:
    """A folder of sentence-transformers. `folder` is where in it the Transformer lies; `finish` are the modules after the pooling."""

    folder: str = ""
    modes: tuple[str, ...] = ()  # none: nothing is said of pooling
    include_prompt: bool = True
    lower: bool = False
    most: int | None = None  # tokens
    prompts: dict[str, str] = field(default_factory=dict)
    prompt: str = ""  # the name of the one to use; none: no prompt
    finish: tuple[nn.Module, ...] = ()


class Normalized(nn.Module):
    """Rows of unit length."""

    def forward(self, z: Tensor) -> Tensor:
        return nn.functional.normalize(z, dim=-1)


class Dense(nn.Module):
    """A linear map with an activation behind it, and where it says so with what went in beside it."""

    def __init__(self, said: dict[str, Any], weights: dict[str, Tensor], model: str) -> None:
        super().__init__()
        path = str(said.get("activation_function") or "torch.nn.modules.activation.Tanh")
        name = path.rpartition(".")[2]
        if not path.startswith("torch.nn.") or name not in ACTIVATIONS:
            raise UserError("model_module", model=model, module=path)
        sizes = said["in_features"], said["out_features"]
        self.linear = nn.Linear(*sizes, bias=said.get("bias", True))
        self.activation = getattr(nn, name)()
        self.residual: nn.Module | None = None
        if said.get("use_residual"):
            self.residual = nn.Identity() if sizes[0] == sizes[1] else nn.Linear(*sizes, bias=False)
        self.said = dict(said, activation_function=path)
        _filled(self, weights, model)

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.activation(self.linear(z))
        return out if self.residual is None else out + self.residual(z)


class Scaled(nn.Module):
    """sentence-transformers' LayerNorm."""

    def __init__(self, said: dict[str, Any], weights: dict[str, Tensor], model: str) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(said["dimension"])
        self.said = said
        _filled(self, weights, model)

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.norm(z)
        return out


def _filled(module: nn.Module, weights: dict[str, Tensor], model: str) -> None:
    """Give `module` the weights of its file, all of them."""
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError("model_shapes", model=model, names=type(module).__name__) from error


def side_file(source: str, name: str) -> dict[str, Any]:
    """A JSON object that lies beside a model; empty when there is none. Raises UserError when it is no object."""
    said = _json(source, name)
    if said is not None and not isinstance(said, dict):
        raise UserError("model_json", model=source, file=name)
    return said or {}


def _json(source: str, name: str) -> Any:
    found = beside(source, name)
    if found is None:
        return None
    try:
        return json.loads(found.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise UserError("model_json", model=source, file=name) from error


def beside(source: str, name: str) -> Path | None:
    """A file of the folder or Hub id `source`; None when there is none, or none can be asked for."""
    from transformers.utils import cached_file

    if Path(source).is_dir():
        return path if (path := Path(source) / name).is_file() else None
    found = cached_file(
        source, name, _raise_exceptions_for_missing_entries=False, _raise_exceptions_for_connection_errors=False
    )
    return Path(found) if found else None


def read_sentence(source: str) -> Sentence:
    """What the side files of `source` say; an empty `Sentence` without any. Raises UserError for what cannot be honoured."""
    modules = _json(source, MODULES)
    if modules is None:
        return Sentence(modes=_modes(source, side_file(source, POOLING)), **_read_by(source, ""), **_prompted(source))
    folder, pooling, finish = "", None, []
    try:
        kinds = [(str(m["type"]), str(m.get("path") or "")) for m in sorted(modules, key=lambda m: m["idx"])]
    except (TypeError, KeyError) as error:
        raise UserError("model_json", model=source, file=MODULES) from error
    for at, (kind, path) in enumerate(kinds):
        name = kind.rpartition(".")[2] if kind.startswith(LIBRARY) else kind
        said = side_file(source, f"{path}/{CONFIG}") if path else {}
        if at == 0 and name == "Transformer":
            folder = path
        elif at == 1 and name == "Pooling":
            pooling = said
        elif at > 1 and name in ("Dense", "LayerNorm", "Normalize", "Dropout"):
            finish.append(_module(name, said, source, path))
        else:
            raise UserError("model_module", model=source, module=kind)
    if pooling is None:
        raise UserError("model_module", model=source, module=" + ".join(kind for kind, _ in kinds) or MODULES)
    return Sentence(
        folder,
        _modes(source, pooling) or ("mean",),
        pooling.get("include_prompt", True),
        finish=tuple(finish),
        **_read_by(source, folder),
        **_prompted(source),
    )


def _modes(source: str, said: dict[str, Any]) -> tuple[str, ...]:
    """The ways of pooling that a Pooling module's file names, in the words of any version."""
    if not said:
        return ()
    mode = said.get("pooling_mode")
    modes = tuple([mode] if isinstance(mode, str) else mode or [m for key, m in SWITCHES.items() if said.get(key)])
    unknown = [str(m) for m in modes if m not in MODES]
    unknown += [key for key in said if key.startswith("pooling_mode_") and said[key] and key not in SWITCHES]
    if unknown:
        raise UserError("model_module", model=source, module=f"pooling {unknown[0]}")
    return modes or ("mean",)


def _module(name: str, said: dict[str, Any], source: str, path: str) -> nn.Module:
    for key in ("module_input_name", "module_output_name"):
        if said.get(key) not in (None, "sentence_embedding"):
            raise UserError("model_module", model=source, module=f"{name} ({key} {said[key]})")
    if name == "Normalize":
        return Normalized()
    if name == "Dropout":
        return nn.Identity()
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = beside(source, f"{path}/model.safetensors")
    if file is None and beside(source, f"{path}/pytorch_model.bin"):
        raise UserError("model_pickle", model=source)
    if file is None:
        raise UserError("model_missing", model=source, file=f"{path}/model.safetensors")
    try:
        return {"Dense": Dense, "LayerNorm": Scaled}[name](said, load_file(file), source)
    except (SafetensorError, KeyError, TypeError) as error:
        raise UserError("model_damaged", model=source, file=f"{path}/{file.name}") from error


def _read_by(source: str, folder: str) -> dict[str, Any]:
    """How texts are read: lower case, and at most how many tokens."""
    said: dict[str, Any] = {}
    for name in READERS:
        if said := side_file(source, f"{folder}/{name}" if folder else name):
            break
    odd = [key for key in ("query_expansion", "query_length", "document_length", "processing_kwargs") if said.get(key)]
    odd += [key for key in ("tokenizer_args", "config_args") if set(said.get(key) or {}) - {"trust_remote_code"}]
    if said.get("transformer_task", "feature-extraction") != "feature-extraction":
        odd.append(f"transformer_task {said['transformer_task']}")
    if said.get("module_output_name", "token_embeddings") != "token_embeddings":
        odd.append(f"module_output_name {said['module_output_name']}")
    how = said.get("modality_config", _PLAIN)
    if how.get("text") != _PLAIN["text"]:
        odd.append("modality_config")
    if odd:
        raise UserError("model_module", model=source, module=odd[0])
    return {"lower": bool(said.get("do_lower_case")), "most": said.get("max_seq_length")}


def _prompted(source: str) -> dict[str, Any]:
    said = side_file(source, PROMPTS)
    prompts = {str(k): str(v) for k, v in (said.get("prompts") or {}).items() if v}
    name = said.get("default_prompt_name") or ""
    return {"prompts": prompts, "prompt": name if name in prompts else ""}


def write_sentence(said: Sentence, folder: Path) -> None:
    """Write into `folder`, where a Transformer lies, the files that say the same."""
    sizes = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    width = next((sizes[key] for key in ("hidden_size", "d_model", "dim", "n_embd") if key in sizes), None)
    kinds = {"Dense": "Dense", "Scaled": "LayerNorm", "Normalized": "Normalize", "Identity": "Dropout"}
    names = ["Transformer", "Pooling", *(kinds[type(module).__name__] for module in said.finish)]
    paths = ["", *(f"{i}_{name}" for i, name in enumerate(names[1:], 1))]
    listed = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{name}"}
        for i, (name, path) in enumerate(zip(names, paths, strict=True))
    ]
    _write(folder / MODULES, listed)
    _write(folder / READERS[0], {"max_seq_length": said.most, "do_lower_case": said.lower})
    _write(folder / PROMPTS, {"prompts": said.prompts, "default_prompt_name": said.prompt or None})
    switches = {key: mode in said.modes for key, mode in SWITCHES.items()}
    in_order = said.modes == tuple(mode for mode in MODES if mode in said.modes)
    modes = (
        switches if in_order else {"pooling_mode": list(said.modes)}
    )  # what older versions understand, where it can be said
    _write(folder / POOLING, {"word_embedding_dimension": width, "include_prompt": said.include_prompt, **modes})
    for path, module in zip(paths[2:], said.finish, strict=True):
        _write(
            folder / path / CONFIG, getattr(module, "said", {"dropout": 0.0} if isinstance(module, nn.Identity) else {})
        )
        if weights := {name: w.detach().contiguous().cpu() for name, w in module.state_dict().items()}:
            from safetensors.torch import save_file

            save_file(weights, folder / path / "model.safetensors", {"format": "pt"})


def _write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def finishing(said: Sentence, like: Tensor) -> nn.Sequential:
    """The modules after the pooling, as numbers like those of `like`."""
    return nn.Sequential(*said.finish).to(like).eval()
