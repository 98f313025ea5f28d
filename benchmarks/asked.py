"""Tasks that benchmarks ask a page about: another one for each number, so that nothing is known before."""

from __future__ import annotations

from typing import Any

from meta_demo.data.sampler import TEST, Fixed, Sampler
from meta_demo.data.sources import load_source

ALGORITHMS = ("protonet", "maml", "anil")


def work(number: int, ways: int, shots: int) -> list[Any]:
    """The arguments of a call: a task of its own for each number."""
    classes = examples(number, ways, shots)
    support = [{"text": text, "label": label} for label, said in classes.items() for text in said]
    return [{"support": support, "query": support[::shots]}, "minilm", [*ALGORITHMS], number, "auto", {}]


def examples(number: int, ways: int, shots: int) -> dict[str, list[str]]:
    """Another task for each number: so many classes, and examples of each, of the built-in packs."""
    drawn = Sampler([load_source("builtin")], Fixed(ways, shots, 1), number, TEST).draw(number)
    found: dict[str, list[str]] = {}
    for row in drawn.support:
        found.setdefault(str(row.label), []).append(str(row.content))
    return found
