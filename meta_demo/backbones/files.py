"""A model's own files, looked at before transformers opens them: are they whole, safe to read and of a size that can be built at all?

What is wrong is said by name. Weights are read from safetensors only: a `.bin` is a pickle, which can run any code.
"""

from __future__ import annotations

import errno
import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meta_demo.core.errors import UserError
from meta_demo.core.settings import give
from meta_demo.modalities.sentence import CONFIG, side_file

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
POINTER = b"version https://git-lfs"
MANY = 1000  # layers, experts or stages: more than any model has
LABELS = 1_000_000
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
_COUNTS = re.compile(r"layer|depth|block|stage|expert|group|(^|_)levels?($|_)")


def check_config(source: str, folder: str, name: str) -> None:
    """Raises UserError when the configuration in `folder` of `source` is none, needs code of its own, or asks for more than there is."""
    path = f"{folder}/{CONFIG}" if folder else CONFIG
    said = side_file(source, path)
    if not said:
        return
    if not said.get("model_type"):
        raise UserError("model_no_type", model=name)
    for key, value in _numbers(said):
        if (_COUNTS.search(key) and "size" not in key and value > MANY) or (key == "num_labels" and value > LABELS):
            raise UserError("model_config", model=name, key=key, value=value)


def _numbers(said: Any, key: str = "") -> Iterator[tuple[str, int]]:
    """Every whole number in a configuration with the key it stands under."""
    if isinstance(said, dict):
        for name, value in said.items():
            yield from _numbers(value, str(name))
    elif isinstance(said, list):
        for value in said:
            yield from _numbers(value, key)
    elif isinstance(said, int) and not isinstance(said, bool):
        yield key, said


def check_folder(folder: Path, name: str) -> None:
    """Raises UserError when the weights in a folder are missing, no safetensors, a pointer to Git LFS, or cut short."""
    names = {path.name for path in folder.iterdir()}
    if INDEX in names:
        shards = sorted(set(_shards(folder / INDEX, name)))
    elif WEIGHTS in names:
        shards = [WEIGHTS]
    elif any(n.endswith((".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")) for n in names):
        raise UserError("model_pickle", model=name)
    else:
        raise UserError("model_missing", model=name, file=WEIGHTS)
    for shard in shards:
        if Path(shard).name != shard or not (folder / shard).is_file():
            raise UserError("model_missing", model=name, file=shard)
        _check_weights(folder / shard, name)


def _shards(index: Path, name: str) -> list[str]:
    try:
        files = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise UserError("model_json", model=name, file=INDEX) from error
    return [str(file) for file in files]


def _check_weights(file: Path, name: str) -> None:
    """Whether a safetensors file is as long as its header says."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(len(POINTER))
        if start == POINTER:
            raise UserError("model_pointer", model=name, file=file.name)
        stream.seek(0)
        length = struct.unpack("<Q", stream.read(8))[0] if size >= 8 else size
        if not 0 < length <= size - 8:
            raise UserError("model_damaged", model=name, file=file.name)
        try:
            header = json.loads(stream.read(length))
            ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
            whole = 8 + length + max(ends, default=0)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError("model_damaged", model=name, file=file.name) from error
    if whole != size:
        raise UserError("model_cut", model=name, file=file.name, size=size, whole=whole)


def why(error: BaseException, name: str, bundled: str, running: bool = False) -> UserError:
    """What went wrong where transformers loads a model, or has loaded and is `running` it, as one sentence that says what to do."""
    other = UserError("model_runs" if running else "model_broken", model=name)
    return next((meant for told, meant in _meanings(error, name, bundled) if told), other)


def _meanings(error: BaseException, name: str, bundled: str) -> Iterator[tuple[bool, UserError]]:
    """What can go wrong, each with whether `error` and its causes mean it: the first one that holds is right."""
    from huggingface_hub import errors as hub
    from safetensors import SafetensorError

    chain = list(_causes(error))
    said = " ".join(str(e) for e in chain)

    def raised(*kinds: type[BaseException]) -> bool:
        return any(isinstance(e, kinds) for e in chain)

    def tells(*parts: str) -> bool:
        return any(part in said for part in parts)

    full = next((e for e in chain if isinstance(e, OSError) and e.errno in UNWRITABLE), None)
    yield full is not None, UserError("model_kept", model=name, reason=full.strerror if full else "")
    yield raised(hub.GatedRepoError) or tells("gated repo"), UserError("model_gated", model=name)
    yield tells("trust_remote_code", "custom code"), UserError("model_remote_code", model=name)
    yield raised(SafetensorError), UserError("model_damaged", model=name, file=WEIGHTS)
    mismatch = tells("size mismatch", "ignore_mismatched_sizes")
    yield mismatch, UserError("model_shapes", model=name, names=_first_name(said))
    yield tells(WEIGHTS, "safetensors"), UserError("model_pickle", model=name)
    unknown = tells("model type", "Unrecognized model", "Unrecognized configuration class")
    yield unknown, UserError("model_type", model=name)
    if needed := re.search(r"requires? the (\S+) library|No module named '(\w+)'", said):
        yield True, UserError("model_needs", model=name, package=needed[1] or needed[2])
    nobody = raised(hub.RepositoryNotFoundError) or tells("not a valid model identifier")
    yield nobody, UserError("model_unknown", model=name, bundled=bundled)
    far = raised(hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled, hub.HfHubHTTPError, OSError)
    yield far, UserError("model_unavailable", model=name, bundled=bundled)


def _first_name(said: str) -> str:
    found = re.search(r"size mismatch for (\S+?):", said) or re.search(r"^\s*(\S+)\s*\|\s*MISMATCH", said, re.MULTILINE)
    return found[1] if found else "-"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def no_conversion() -> None:
    """Ask nobody to turn a pickle into safetensors: transformers would, in a thread of its own."""
    give("DISABLE_SAFETENSORS_CONVERSION", "1")
