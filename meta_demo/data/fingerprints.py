"""Whether a class was trained on, told by what its examples say: names of files and labels change too easily.

A fingerprint is a small sample of a class's examples, as hashes: a card can hold one for every class, and nobody can read the
examples from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from meta_demo.modalities.base import Content, modality_of

SAMPLE = 16  # hashes in a fingerprint
DIGITS = 8  # of each, hexadecimal
SHARE = 0.25  # of a sample: with fewer in common, two classes merely share a few sentences


def fingerprint(contents: Iterable[Content]) -> str:
    """The smallest hashes of a class's examples: the same sample wherever most of them stand (Broder 1997, bottom-k sketches)."""
    return "".join(sorted(set(map(_mark, contents)))[:SAMPLE])


def recognised(fingerprints: Mapping[str, str], contents: Iterable[Content]) -> list[str]:
    """The classes among `fingerprints` of whose samples at least SHARE is in `contents`."""
    marks = set(map(_mark, contents))
    found = []
    for label, hashes in fingerprints.items():
        sample = [hashes[i : i + DIGITS] for i in range(0, len(hashes), DIGITS)]
        if sample and sum(mark in marks for mark in sample) >= SHARE * len(sample):
            found.append(label)
    return found


def _mark(content: Content) -> str:
    """One example as a hash, the same for what `identity` takes for the same."""
    return hashlib.sha256(modality_of(content).mark(content)).hexdigest()[:DIGITS]
