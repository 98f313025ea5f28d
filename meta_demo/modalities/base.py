"""The Modality contract and its registry: what everybody else asks when inputs of different kinds are treated differently.

Here: what a modality is called, how its inputs are read, compared and spelled, and which models read them. Not here: how an input
becomes tensors (`inputs.py`), which a modality makes for one model; nor any one modality, each of which has a folder of its own.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from meta_demo.core.cache import Cache
from meta_demo.core.errors import Note, UserError
from meta_demo.modalities.inputs import Inputs
from meta_demo.words import Words, words

Content = Hashable  # an input of any modality: a sentence, a `Picture`; equal contents are equal inputs
BLANK: Content = ""  # what stands where nothing is said at all
C = TypeVar("C", bound=Content)


ANY = ("ANY",)  # scripts of a model that reads all of them


@dataclass(frozen=True)
class Model:
    """A model that the page offers. `folder` finds one that needs no network, whose weights have the hash `sha256`.

    `megabytes` are of its download, `scripts` the writing systems that it has tokens for, as Unicode calls them.
    `knobs` are those that suit it where an algorithm's own defaults do not: knob -> value, the same for every algorithm that has
    the knob, or algorithm -> knob -> value.
    """

    name: str
    parameters: str
    folder: Callable[[], Path] | None = None
    sha256: str = ""
    megabytes: int = 0
    licence: str = "Apache-2.0"
    languages: Words = field(default_factory=lambda: words("-"))
    good: Words = field(default_factory=lambda: words("-"))
    scripts: tuple[str, ...] = ("LATIN",)
    knobs: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def bundled(self) -> bool:
        return self.folder is not None

    def suited(self, algorithm: str) -> dict[str, Any]:
        """The knobs that suit it of one algorithm; some may be knobs that the algorithm has not."""
        common = {name: value for name, value in self.knobs.items() if not isinstance(value, Mapping)}
        return {**common, **self.knobs.get(algorithm, {})}

    def reads(self, script: str) -> bool:
        return self.scripts == ANY or script in self.scripts


class Modality(ABC, Generic[C]):
    """One kind of input. What is abstract each kind must say; the rest says what holds for a plain value such as a number."""

    name: ClassVar[str]  # in a report, in `sample_names`, on the page
    key: ClassVar[str]  # what an input stands under in a task's JSON, and the column of a table
    content: ClassVar[type[Any]]  # the Python type of an input
    said: ClassVar[Any] = str  # the JSON type of what stands under `key`: str, float, list[float]
    rank: ClassVar[int] = (
        100  # lower ones are listed first; where several could read a model or a column, the highest does
    )

    units: ClassVar[tuple[float, float] | None] = (
        None  # mean and scale that numbers beside its inputs are standardised by; None: those of a task's support set
    )

    title: ClassVar[Words]  # what models are for: text, pictures
    noun: ClassVar[Words]  # what an input is called: sentence, picture
    nouns: ClassVar[Words]  # several of them
    reads: ClassVar[Words] = words("reads", "读取")  # what a model does with them

    models: ClassVar[
        tuple[Model, ...]
    ] = ()  # those that the page offers; the first is used unless another is asked for
    main_input: ClassVar[str]  # the main input of the models of transformers that read it
    suffixes: ClassVar[
        tuple[str, ...]
    ] = ()  # of files that hold one input each; a folder of class folders may hold them
    doubtful: ClassVar[tuple[str, ...]] = ()  # those of `suffixes` that not every decoder knows every kind of
    hub_columns: ClassVar[tuple[str, ...]] = ()  # what data sets of the Hub call the column
    columns: ClassVar[tuple[str, ...]] = ()  # what people call it in their tables, the likeliest first
    in_lines: ClassVar[bool] = False  # whether each line of a text file is an input

    # --- reading

    @abstractmethod
    def read(self, said: Any, where: str) -> C:
        """The input that stands under `key`: of type `said` in JSON, a string in a table. Raises UserError that names `where`."""

    def names_file(self, said: Any) -> bool:  # noqa: ARG002
        """Whether what stands under `key` is no input but the path of a file that holds it."""
        return False

    def foreseen(self, said: Any) -> tuple[int, int]:  # noqa: ARG002
        """The least `size` of the input that stands under `key`, or in the bytes of its file, and its pixels as it arrives: what can be
        told before it is decoded. Zeros where it says nothing, or nothing that can be read."""
        return 0, 0

    def decode(self, data: bytes, name: str) -> C:  # noqa: ARG002
        """The input in a file with one of `suffixes`; `name` is what messages call it. Raises UserError."""
        raise UserError("unknown_suffix", file=name, known=" ".join(self.suffixes))

    def column(self, rows: Any, name: str) -> Iterator[Content] | None:  # noqa: ARG002
        """The inputs in a column of a data set of `datasets`, `BLANK` for those that are missing; None where it holds something else."""
        return None

    # --- telling inputs apart

    def clean(self, content: C) -> C:
        """`content` in the one form that everything else sees."""
        return content

    def is_blank(self, content: C) -> bool:  # noqa: ARG002
        """Whether nothing is there to learn from."""
        return False

    def identity(self, content: C) -> Hashable:
        """What makes two inputs the same example."""
        return content

    def spelled(self, content: C) -> str:
        """What the SHA-256 of a source hashes of an input: all of it."""
        return str(content)

    def digest(self, content: C) -> bytes:
        """A hash of all there is to an input."""
        return hashlib.blake2b(self.spelled(content).encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def mark(self, content: C) -> bytes:
        """What a fingerprint hashes of an input, by which a class is recognised that was trained on."""
        return self.spelled(content).encode()

    def size(self, content: C) -> int:  # noqa: ARG002
        """Bytes that an input counts for where reading many is bounded; 0 where the size of their file bounds them."""
        return 0

    def notes(self, contents: Sequence[C]) -> list[Note]:  # noqa: ARG002
        """What a person should know of inputs like these before the answers."""
        return []

    def length(self, content: C) -> int:  # noqa: ARG002
        """How long an input is: many are computed in this order, so that little is padding."""
        return 0

    def of_name(self, name: str) -> C:  # noqa: ARG002
        """A class's name as one of its examples; raises UserError where a name can be none."""
        raise UserError("no_names", nouns=self.nouns)

    def expect(self, content: Content) -> C:
        """`content`, which a model of this modality was given; raises UserError when it is of another."""
        other = modality_of(content)
        if other is not self:
            raise UserError(
                "wants",
                reads=self.reads,
                nouns=self.nouns,
                content=str(content)[:40],
                one=with_article(other.noun),
                title=other.title,
                model=other.models[0].name if other.models else other.name,
            )
        return content  # type: ignore[return-value]  # as `modality_of` says

    # --- models

    def warm(self) -> None:
        """Import what `inputs` needs of libraries that import their parts lazily; one thread at a time calls it."""

    def config(self, config: Any) -> Any:
        """The part of a model's configuration that is about this modality, or all of it."""
        return config

    def reads_with(self, config: Any, main_input: str) -> bool:  # noqa: ARG002
        """Whether a model of that configuration and main input is one of this modality."""
        return main_input == self.main_input

    def loaded_as(self, config: Any) -> Any:  # noqa: ARG002
        """The class of transformers that loads a model of that configuration, where it is not the one transformers itself would take."""
        return None

    @abstractmethod
    def inputs(self, source: str, model: Any, cache: Cache) -> Inputs:
        """How `model`, loaded from the folder or Hub id `source`, reads its inputs.

        Where the file lacks some of its weights, `model.unread` has their names.
        """


MODALITIES: dict[str, Modality[Any]] = {}  # by name, in the order in which they are listed


def register(cls: type[Modality[Any]]) -> type[Modality[Any]]:
    """Class decorator: makes a modality known to everybody. Raises ValueError when another has its name, key or type already."""
    for other in MODALITIES.values():
        for what in ("name", "key", "content"):
            if getattr(other, what) == getattr(cls, what):
                raise ValueError(
                    f"{cls.__module__} and {type(other).__module__} have the same {what}: {getattr(cls, what)}"
                )
    found = sorted([*MODALITIES.values(), cls()], key=lambda modality: (modality.rank, modality.name))
    MODALITIES.clear()
    MODALITIES.update({modality.name: modality for modality in found})
    return cls


def modality_of(content: Content) -> Modality[Any]:
    """The modality that `content` is an input of."""
    for modality in MODALITIES.values():
        if isinstance(content, modality.content):
            return modality
    raise TypeError(f"{type(content).__name__} is no input of {', '.join(MODALITIES)}")


def modality_among(contents: Sequence[Content]) -> Modality[Any]:
    """The modality of contents that are of one; without any, the first there is."""
    return modality_of(contents[0]) if contents else next(iter(MODALITIES.values()))


def identity(content: Content) -> Hashable:
    """What makes two inputs the same example: a sentence whatever its capitals, a picture by its pixels."""
    return modality_of(content).identity(content)


def is_blank(content: Content) -> bool:
    """Whether nothing is there: no character, or a picture that is white all over, as a pad is before anybody drew on it."""
    return modality_of(content).is_blank(content)


def length(content: Content) -> int:
    """How long an input is, beside others of its modality."""
    return modality_of(content).length(content)


def digest(content: Content) -> bytes:
    """A hash of all there is to an input: it stands for the input where keeping the input itself would take its memory."""
    return modality_of(content).digest(content)


def with_article(noun: Words) -> Words:
    """One of what `noun` names: a picture, an image."""
    return {**noun, "en": f"{'an' if noun['en'][0] in 'aeiox' else 'a'} {noun['en']}"}
