"""A corpus: inputs that will be asked for again, each time in other company, and which of them are computed together.

Bits of an input may depend on what shares its batch, so a batch has to follow from what is given alone and never from what happens
to be known already. Here: which inputs belong together. Not here: what is computed of them (`backbones/backbone.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

MOST = 8  # inputs of a chunk of a pool that tasks are drawn from: whoever needs one of them waits for all
ALL = 64  # and where all will be needed
LENGTH = 125  # characters, or bytes of a picture, for each of them: about 30 tokens


T = TypeVar("T", bound=Hashable)


class Corpus(Generic[T]):
    """Inputs in chunks of at most `most` neighbours in length: whoever needs one of them has its whole chunk computed, once.

    Small ones, and smaller for long inputs, so that little is computed in vain where only some are needed, or where the cache has no
    room for all.
    """

    def __init__(self, contents: Iterable[T], length: Callable[[T], int], most: int = MOST) -> None:
        self._length, self._most = length, most
        self.chunks: list[tuple[T, ...]] = []
        chunk: list[T] = []
        for content in sorted(dict.fromkeys(contents), key=length):
            if chunk and (len(chunk) == most or (len(chunk) + 1) * length(content) > most * LENGTH):
                self.chunks.append(tuple(chunk))
                chunk = []
            chunk.append(content)
        if chunk:
            self.chunks.append(tuple(chunk))
        self._place = {content: place for place, chunk in enumerate(self.chunks) for content in chunk}
        self._known: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self._place)

    def __contains__(self, content: object) -> bool:
        return content in self._place

    def place(self, content: T) -> int | None:
        """Which of the chunks `content` is in, None where it is no part of the corpus."""
        return self._place.get(content)

    def each(self, name: Hashable, change: Callable[[T], Sequence[T]]) -> Corpus[T]:
        """The corpus of what `change` makes of every input; `name` says which change this is."""

        def changed() -> Corpus[T]:
            return Corpus(
                (made for chunk in self.chunks for c in chunk for made in change(c)), self._length, self._most
            )

        made: Corpus[T] = self.remember(name, changed)
        return made

    def remember(self, name: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` returned when it was first asked for under `name`: for facts that follow from the corpus."""
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]
