"""The tokenizer that lies beside a model, and no other: where there is none, transformers makes one that knows five words."""

from __future__ import annotations

from typing import Any

from meta_demo.core.errors import UserError
from meta_demo.modalities.sentence import Sentence, beside


def read_tokenizer(source: str, said: Sentence) -> Any:
    """The tokenizer of the folder or Hub id `source`, as its side files want it. Raises UserError when there is none."""
    from transformers import AutoTokenizer

    where = {"subfolder": said.folder} if said.folder else {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **where)
    except Exception as error:  # a tokenizer's file can break in any way
        if "trust_remote_code" in str(error):
            raise
        raise UserError("model_no_tokenizer", model=source) from error
    names = {"tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"}
    names |= {name for name in getattr(tokenizer, "vocab_files_names", {}).values() if name}
    path = f"{said.folder}/" if said.folder else ""
    if not any(beside(source, path + name) for name in sorted(names)):
        raise UserError("model_no_tokenizer", model=source)
    if said.lower:
        _lowered(tokenizer)
    return tokenizer


def _lowered(tokenizer: Any) -> None:
    """Lower case before everything else, as sentence-transformers has it."""
    from tokenizers.normalizers import Lowercase, Sequence

    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        tokenizer.do_lower_case = True
        return
    parts = [] if backend.normalizer is None else [backend.normalizer]
    backend.normalizer = Sequence([Lowercase(), *parts])
