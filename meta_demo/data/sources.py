"""Sources of many tasks - built-in packs, files, class folders, `hub:` data sets - as classes with their examples.

Here: from a name to a clean `Source`, and keeping the classes of a split. Not here: drawing tasks (`sampler.py`).
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from meta_demo.core.errors import Note, UserError
from meta_demo.core.files import MB, Limits, read_bytes, read_json, read_text
from meta_demo.core.strings import clean, clean_name, shorten
from meta_demo.data.broad import kinds
from meta_demo.data.episode import Episode, Example
from meta_demo.data.reading.columns import Columns
from meta_demo.data.reading.readers import UNLABELLED, parse_lines, read_source, read_unlabelled
from meta_demo.data.reading.tasks import beside, bounded
from meta_demo.data.reading.udhr import UDHR, udhr_source
from meta_demo.data.reading.wordnet import WORDNET, wordnet_source
from meta_demo.data.scales import NUMBERS, number_source
from meta_demo.data.source import Source, make_source
from meta_demo.data.waves import FAMILIES, wave_source
from meta_demo.modalities.base import BLANK, MODALITIES, Content, identity
from meta_demo.modalities.curve.modality import Curves
from meta_demo.modalities.picture.modality import Pictures
from meta_demo.modalities.text.modality import Text
from meta_demo.objectives.classes import Classes

PACKS = Path(__file__).parent / "packs"
BUILTIN, GLYPHS, HUB, FONTS, SPLIT = "builtin", "builtin:glyphs", "hub:", "fonts:", ":"
HELD_ROWS = 20  # examples of a group that are held out where a fifth of it would be fewer
LIMITS = Limits(rows=2_000_000, bytes=1_000 * MB, memory=4_000 * MB, pixels=200_000_000_000)


def pack_names() -> list[str]:
    """The built-in packs, sorted; together they are the source `builtin`."""
    return sorted(path.stem for path in PACKS.glob("*.json"))


def built_in(modality: str) -> list[str]:
    """What the page offers to train on for one modality: packs by their names, or what `load_source` calls another source."""
    waves = [f"{BUILTIN}:{name}" for name in FAMILIES]
    return {Text.name: [*pack_names(), NUMBERS, *kinds.OFFERED], Pictures.name: [GLYPHS], Curves.name: waves}.get(
        modality, []
    )


def kind_of(name: str) -> str:
    """What labels are in a source that the page offers: the name of their objective."""
    return Classes.name if name in (*pack_names(), *kinds.OFFERED) else load_source(name).objective.name


def load_source(spec: str, columns: Columns | None = None) -> Source:
    """The source called `spec`: `builtin`, `builtin:<pack>`, `builtin:glyphs`, `builtin:glyphs:<seed>`, `builtin:numbers`,
    `builtin:sines` or another family of curves, `builtin:broad` or one of its kinds, `builtin:chinese`, a table, a folder or zip of class
    folders, `fonts:<folder>`, `wordnet:<folder>`, `udhr:<folder>`, or `hub:<dataset id>`.

    Raises UserError when it cannot be had or read.
    """
    if spec == BUILTIN or spec.startswith(f"{BUILTIN}:"):
        return _built_in(spec)
    if spec.startswith(HUB):
        return make_source(spec, _hub(spec.removeprefix(HUB)))
    for prefix, read in FOLDERS.items():
        if spec.startswith(prefix):
            return read(Path(spec.removeprefix(prefix)), spec)
    path = Path(spec)
    name = f"{path.parent.name}/{path.name}" if path.parent.name else path.name
    return make_source(name, *read_source(path, LIMITS, beside(path.parent), columns))


def _built_in(spec: str) -> Source:
    name = spec.removeprefix(BUILTIN).removeprefix(":")
    if not name or name in pack_names():
        return make_source(spec, (row for pack in ([name] if name else pack_names()) for row in _pack(pack)))
    if spec == GLYPHS or spec.startswith(f"{GLYPHS}:"):
        return _glyphs(spec.removeprefix(GLYPHS).removeprefix(":") or "0", spec)
    if spec == NUMBERS:
        return number_source()
    if name in FAMILIES:
        return wave_source(name, spec)
    if name in kinds.NAMES:
        return kinds.broad_source(name, spec)
    raise _unknown(spec)


def _unknown(spec: str) -> UserError:
    """That nothing built in is called so, and what is."""
    return UserError(
        "pack_unknown", pack=spec, known=", ".join([*pack_names(), "glyphs", "numbers", *FAMILIES, *kinds.NAMES])
    )


def _is_named(spec: str) -> bool:
    """Whether a source has a name of its own instead of a file."""
    return spec in pack_names() or spec.startswith((BUILTIN, HUB, *FOLDERS))


def load_unlabelled(specs: Sequence[str], columns: Columns | None = None) -> tuple[list[Content], list[Note]]:
    """The examples of tables and text files, with or without labels, and of whatever else `load_source` knows, and what a person should
    know of how they were read; no label is looked at.

    Raises UserError when one of `specs` cannot be had or read.
    """
    found: list[Content] = []
    notes: list[Note] = []
    for spec in specs:
        path = Path(spec)
        if path.suffix.lower() in UNLABELLED:
            read, said = read_unlabelled(path, LIMITS, beside(path.parent), columns)
        else:
            source = load_source(spec)
            read, said = [content for contents in source.classes.values() for content in contents], source.notes
        found += read
        notes += said
    return found, notes


def _fonts(folder: Path, spec: str) -> Source:
    from meta_demo.data.drawing.fonts import font_source

    return font_source(folder, spec)


FOLDERS = {FONTS: _fonts, WORDNET: wordnet_source, UDHR: udhr_source}  # what is said before a folder -> what reads it


def _glyphs(seed: str, spec: str) -> Source:
    from meta_demo.data.drawing.glyphs import glyph_source

    if not seed.isdecimal():
        raise _unknown(spec)
    return replace(glyph_source(int(seed)), name=spec)


def load_split(spec: str) -> list[str]:
    """The labels of `FILE.json:key`, a JSON object of lists of labels."""
    file, _, key = spec.rpartition(SPLIT)
    if not file:
        raise UserError("split_spec", spec=spec)
    path = Path(file)
    content = read_json(read_text(read_bytes(path, (".json",)), path.name), path.name)
    keys = list(content) if isinstance(content, dict) else []
    labels = content[key] if key in keys else None
    if labels is None:
        raise UserError("split_key", file=path.name, key=key, keys=shorten(", ".join(map(str, keys))))
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        raise UserError("split_list", file=path.name, key=key)
    return list(dict.fromkeys(map(clean_name, labels)))


def load_sources(specs: Sequence[str], splits: Sequence[str] = (), columns: Columns | None = None) -> list[Source]:
    """The sources of `specs`; the i-th keeps the classes of the i-th split, and those beyond the splits keep all.

    Those that are files have `columns`, which raises UserError where none is.
    """
    if columns and all(_is_named(spec) for spec in specs):
        raise UserError("columns_no_table", file=", ".join(specs))
    if len(splits) > len(specs):
        raise UserError("split_many", splits=len(splits), sources=len(specs))
    sources = [load_source(spec, columns) for spec in specs]
    for i, split in enumerate(splits):
        sources[i] = sources[i].only(load_split(split), split)
    return sources


def hold_out(sources: Sequence[Source], seed: int) -> tuple[list[Source], list[Source]]:
    """A fifth of each source's classes, at least two, for validation, and the rest; raises UserError where too few are left.

    Where examples have values of their own and there are too few groups of them, some of each group's examples. A source that draws
    whole tasks is for both.
    """
    train, valid = [], []
    for source in sources:
        if source.tasks:  # no task of the one is a task of the other
            train.append(source)
            valid.append(source)
            continue
        labels = sorted(source.classes)
        count = max(2, len(labels) // 5)
        if len(labels) >= count + 2:
            order = [labels[i] for i in np.random.default_rng(seed).permutation(len(labels))]
            held, kept = source.only(sorted(order[:count]), "valid"), source.only(sorted(order[count:]), "train")
        elif source.values:
            held, kept = _hold_out_rows(source, seed)
        else:
            raise UserError("hold_out", source=source.name, count=len(labels))
        valid.append(held)
        train.append(replace(kept, held_out=len(held.classes) if len(labels) > len(kept.classes) else 0))
    return train, valid


def _hold_out_rows(source: Source, seed: int) -> tuple[Source, Source]:
    """A fifth of each group's examples, of small groups up to half, and the rest."""
    rng = np.random.default_rng(seed)
    held, kept = {}, {}
    for name in sorted(source.classes):
        order = rng.permutation(len(source.classes[name])).tolist()
        count = max(len(order) // 5, min(len(order) // 2, HELD_ROWS))
        held[name], kept[name] = sorted(order[:count]), sorted(order[count:])
    return source.rows(held), source.rows(kept)


def check_apart(train: Sequence[Source], held_out: Sequence[Source]) -> None:
    """Raises UserError when a held-out text is also in a training class: what is measured must never have been trained on."""
    seen = {key: label for source in train for key, label, _ in _keys(source)}
    for source in held_out:
        for key, label, content in _keys(source):
            if key in seen:
                values = {"text": shorten(content), "label": shorten(label), "trained": shorten(seen[key])}
                raise UserError("leakage", source=source.name, **values)


def _keys(source: Source) -> Iterator[tuple[Hashable, str, Content]]:
    """What tells each example from others, with its label; of a drawn source, each class: nobody else has its pictures."""
    for label, contents in source.classes.items():
        if source.program:
            yield (source.program, label), label, label
        else:
            yield from ((identity(content), label, content) for content in contents)


def read_episodes(path: Path) -> list[Episode]:
    """The tasks of an episodes file (.jsonl, one task object a line); refuses a query that is also an example."""
    episodes = []
    for number, episode in parse_lines(path, LIMITS):
        support = {identity(row.content) for row in episode.support}
        for row in episode.query:
            if identity(row.content) in support:
                raise UserError("episode_leak", file=path.name, line=number, text=shorten(row.content))
            if row.label is None:
                raise UserError("episode_unlabelled", file=path.name, line=number, text=shorten(row.content))
        if not episode.query:
            raise UserError("episode_no_query", file=path.name, line=number)
        episodes.append(episode)
    return episodes


def is_episodes(spec: str) -> bool:
    """Whether the file called `spec` holds one task a line rather than one row a line."""
    path = Path(spec)
    if path.suffix.lower() != ".jsonl" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = next((line for line in file if line.strip()), "")
    try:
        return "support" in json.loads(first)
    except (ValueError, TypeError, RecursionError):
        return False


def _pack(name: str) -> Iterator[Example]:
    content = json.loads((PACKS / f"{name}.json").read_text(encoding="utf-8"))
    for label, texts in content["classes"].items():
        for text in texts:
            yield Example(clean(text), f"{name}/{label}")


def _hub(dataset: str) -> Iterator[Example]:
    """The training split of a data set on the Hugging Face Hub, or of a local folder of data files."""
    from datasets import load_dataset

    try:
        rows: Any = load_dataset(dataset, split="train")
    except Exception as error:  # the library raises two dozen kinds: no network, no such data set, no such split ...
        raise UserError("hub_unavailable", dataset=dataset, reason=shorten(str(error), 120)) from error
    content, label = _columns(dataset, rows)
    names = getattr(rows.features[label], "names", None)
    able = (kind.column(rows, content) for kind in reversed(MODALITIES.values()))
    cells = next(found for found in able if found is not None)
    for said, value in zip(bounded(cells, LIMITS), rows[label], strict=True):
        if said != BLANK and value is not None and value != -1:
            yield Example(said, clean_name(names[value] if names else str(value)))


def _columns(dataset: str, rows: Any) -> tuple[str, str]:
    """The columns that hold the contents and the classes, by the names in use on the Hub."""
    columns = list(rows.column_names)
    content = next((c for kind in MODALITIES.values() for c in kind.hub_columns if c in columns), None)
    label = next(
        (c for c in ("label_text", "label", "intent", "category", "labels", "fine_label") if c in columns), None
    )
    if content is None or label is None:
        raise UserError("hub_columns", dataset=dataset, found=shorten(", ".join(columns)))
    return content, label
