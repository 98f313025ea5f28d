"""What a person should know of inputs and their model: what was cut, what it has no tokens for, what it takes for the same."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable

from meta_demo.backbones.backbone import Backbone
from meta_demo.core.errors import Note
from meta_demo.core.strings import shorten
from meta_demo.modalities.base import MODALITIES, Content, identity
from meta_demo.modalities.inputs import Encoded

THIRD = 1 / 3  # of a text's tokens unknown, and the model has read something else
SHOWN = 40  # characters of a text in a note


def reading_notes(backbone: Backbone, contents: Iterable[Content]) -> list[Note]:
    """One note for each kind of thing that went wrong among `contents`, however many inputs it befell."""
    read = {content: backbone.encode(content) for content in dict.fromkeys(contents)}
    unlike = MODALITIES[backbone.inputs.modality].notes([*read])
    return [*unlike, *_cut(read), *_unknown(backbone, read), *_same(read)]


def _cut(read: dict[Content, Encoded]) -> list[Note]:
    unseen = {content: e for content, e in read.items() if e.unseen}
    if unseen:  # how many tokens these have nobody knows, as nobody made them
        content, longest = max(unseen.items(), key=lambda item: item[1].unseen)
        values = {"text": str(content)[:SHOWN], "kept": longest.length, "characters": len(str(content))}
        return [_note("unseen", sum(bool(e.unseen or e.dropped) for e in read.values()), values)]
    cut = {content: e for content, e in read.items() if e.dropped}
    if not cut:
        return []
    content, longest = max(cut.items(), key=lambda item: item[1].dropped)
    values = {"text": str(content)[:SHOWN], "kept": longest.length, "tokens": longest.length + longest.dropped}
    return [_note("truncated", len(cut), values)]


def _unknown(backbone: Backbone, read: dict[Content, Encoded]) -> list[Note]:
    unknown = {content: e.unknown for content, e in read.items() if e.unknown > THIRD}
    if not unknown:
        return []
    content, share = max(unknown.items(), key=lambda item: item[1])
    script = Counter(_script(str(c)) for c in unknown).most_common(1)[0][0]
    model = _reader(backbone, script)
    values = {"text": shorten(content, SHOWN), "share": share, "model": backbone.name, "other": model}
    return [_note("unknown" if model else "unknown_alone", len(unknown), values)]


def _script(text: str) -> str:
    """The writing system of most of a text's letters, as Unicode calls it: LATIN, CJK, KHMER."""
    names = Counter(unicodedata.name(c, "-").split()[0] for c in text if c.isalpha())
    return names.most_common(1)[0][0] if names else "-"


def _reader(backbone: Backbone, script: str) -> str:
    """A model of the same modality that has tokens for a script: one that needs no network, if there is one."""
    offered = MODALITIES[backbone.inputs.modality].models
    able = [m for m in offered if m.reads(script) and m.name != backbone.name]
    return next((m.name for m in sorted(able, key=lambda m: not m.bundled)), "")


def _same(read: dict[Content, Encoded]) -> list[Note]:
    """Different inputs that are one to the model; those that differ in capitals alone are the same example to everybody."""
    meant: dict[bytes, dict[object, Content]] = {}
    for content, encoded in read.items():
        meant.setdefault(encoded.digest, {}).setdefault(identity(content), content)
    twins = [list(contents.values()) for contents in meant.values() if len(contents) > 1]
    if not twins:
        return []
    first, second = (shorten(content, SHOWN) for content in twins[0][:2])
    return [_note("read_as_same", sum(map(len, twins)), {"text": first, "other": second})]


def _note(name: str, count: int, values: dict[str, object]) -> Note:
    return Note(name if count == 1 or name == "read_as_same" else f"{name}_many", (("count", count), *values.items()))
