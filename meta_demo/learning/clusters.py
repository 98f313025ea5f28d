"""Classes out of examples that nobody has labelled: those which lie together are taken for one class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from meta_demo.algorithms.base import Algorithm
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Example
from meta_demo.data.sampler import Shape
from meta_demo.data.source import Source, make_source
from meta_demo.modalities.base import Content, identity, length

CHUNK = 256  # examples that are embedded together


def clustered(algorithm: Algorithm, contents: Sequence[Content], shape: Shape, seed: int) -> list[Source]:
    """Three sources of the same examples, as k-means of their embeddings under the algorithm's start divides them: into half the square
    root of their number, the square root and its double, as nobody knows how many classes there are.

    CACTUs (Hsu, Levine & Finn 2019, algorithm 1), whose partitions differ by random scaling instead. Clusters too small for a
    task of `shape` are left out, and so are partitions with too few others; raises UserError when none is left.
    """
    root, least = round(len(contents) ** 0.5), sum(shape.least)
    counts = [count for count in (root // 2, root, root * 2) if 1 < count <= len(contents)]
    z = _embeddings(algorithm, contents)
    found = [_divided(contents, z, count, least, seed) for count in counts]
    fitting = [source for source in found if shape.fits(list(source.classes))]
    if not fitting:
        most = max((len(source.classes) for source in found), default=0)
        raise UserError("few_clusters", count=len(contents), clusters=most, least=least)
    return fitting


def apart(contents: Sequence[Content], held_out: Sequence[Source]) -> list[Content]:
    """`contents`, each once, without those that also stand in a held-out source: what is measured must never be trained on."""
    seen = {identity(c) for source in held_out if not source.program for cs in source.classes.values() for c in cs}
    kept = []
    for content in contents:
        if (key := identity(content)) not in seen:
            kept.append(content)
            seen.add(key)
    return kept


@torch.no_grad()
def _embeddings(algorithm: Algorithm, contents: Sequence[Content]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """[C, D], on the CPU; those of a length are embedded together."""
    order = sorted(range(len(contents)), key=lambda i: length(contents[i]))
    rows = []
    for first in range(0, len(order), CHUNK):
        some = [contents[i] for i in order[first : first + CHUNK]]
        rows.append(algorithm.embed({}, algorithm.features(some)).float().cpu())
    z = torch.cat(rows) if rows else torch.zeros(0, algorithm.backbone.dim)
    return z[np.argsort(order)].numpy()


def _divided(
    contents: Sequence[Content], z: np.ndarray[tuple[int, int], np.dtype[np.float32]], count: int, least: int, seed: int
) -> Source:
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # several threads add in an order of their own, and a resumed run needs the same bits
        place = KMeans(count, n_init=1, random_state=seed).fit_predict(z)
    size = np.bincount(place, minlength=count)
    rows = (Example(content, f"cluster {i}") for content, i in zip(contents, place, strict=True) if size[i] >= least)
    return make_source(f"{count} clusters of {len(contents)} unlabelled", rows)
