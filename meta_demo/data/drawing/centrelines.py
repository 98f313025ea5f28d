"""From a filled shape to the strokes of a pen that would draw it: thinned to lines, cut where they meet, joined where they go straight on.

Here: that, on arrays of bool. Not here: where shapes come from (`fonts.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meta_demo.data.drawing.strokes import Points

Pixel = tuple[int, int]
Path = list[Pixel]

STRAIGHT = 0.35  # cosine of the turn up to which a pen goes on at a crossing
AHEAD = 10  # pixels over which a direction is taken
STEPS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]


class End(NamedTuple):
    path: int
    side: int  # 0: its first pixel, -1: its last


def centre_lines(shape: NDArray[np.bool_]) -> list[Points]:
    """The strokes of a filled shape, each [n, 2] in pixels, x to the right and y down, from one end to the other; none of an empty one.

    Needs scikit-image.
    """
    from scipy.ndimage import distance_transform_edt
    from skimage.morphology import skeletonize

    paper = np.pad(shape, 1)
    reach = distance_transform_edt(paper)
    paths = _paths({(int(y), int(x)) for y, x in np.argwhere(skeletonize(paper))})
    return [np.array(stroke, dtype=float)[:, ::-1] - 1 for stroke in _joined(*_tidied(paths, reach))]


def _paths(line: set[Pixel]) -> list[Path]:
    """A thin line cut at every pixel where it ends or meets another; rings end where they begin."""
    around = {pixel: _around(pixel, line) for pixel in line}
    nodes = {pixel for pixel in line if len(around[pixel]) != 2}
    paths: list[Path] = [[node] for node in sorted(nodes) if not around[node]]
    walked: set[tuple[Pixel, Pixel]] = set()
    for node in sorted(nodes):
        for first in around[node]:
            if (node, first) in walked:
                continue
            path = [node, first]
            while path[-1] not in nodes:
                path.append(next(pixel for pixel in around[path[-1]] if pixel != path[-2]))
            walked |= {(node, first), (path[-1], path[-2])}
            paths.append(path)
    rest = line - nodes - {pixel for path in paths for pixel in path}
    while rest:
        ring = [min(rest)]
        while ahead := [pixel for pixel in around[ring[-1]] if pixel in rest and pixel != ring[-1]]:
            rest.discard(ring[-1])
            ring.append(ahead[0])
        rest.discard(ring[-1])
        paths.append([*ring, ring[0]])
    return paths


def _around(pixel: Pixel, line: set[Pixel]) -> list[Pixel]:
    """Neighbours on the line; not across a corner that the line goes round."""
    y, x = pixel
    found = [(y + dy, x + dx) for dy, dx in STEPS if (y + dy, x + dx) in line]
    return [(v, u) for v, u in found if v == y or u == x or not {(v, x), (y, u)} & line]


def _tidied(paths: list[Path], reach: NDArray[np.float64]) -> tuple[list[Path], dict[Pixel, Pixel]]:
    """Paths without those that only thinning made - spurs to a rounded end, bridges within a thick crossing -, and which nodes are one.

    `reach`: how far each pixel is from the shape's edge.
    """
    degree = Counter(end for path in paths if len(path) > 1 for end in (path[0], path[-1]))
    same: dict[Pixel, Pixel] = {}
    kept = []
    for path in paths:
        first, last = path[0], path[-1]
        meets = degree[first] > 2, degree[last] > 2
        if all(meets) and first != last and len(path) < 1.3 * max(reach[first], reach[last]):
            same[_root(same, first)] = _root(same, last)
        elif len(path) > 1 and (degree[first] == 1) != (degree[last] == 1):
            joint = last if degree[first] == 1 else first
            if len(path) >= 1.15 * reach[joint] + 2:
                kept.append(path)
        else:
            kept.append(path)
    return kept, same


def _joined(paths: list[Path], same: dict[Pixel, Pixel]) -> list[Path]:
    """Paths put together at their nodes: of all pairs there the straightest first, until none is straight enough."""
    at: dict[Pixel, list[End]] = defaultdict(list)
    for i, path in enumerate(paths):
        if len(path) > 1:
            at[_root(same, path[0])].append(End(i, 0))
            at[_root(same, path[-1])].append(End(i, -1))
    goes_on: dict[End, End] = {}
    for ends in at.values():
        pairs = [(-float(_direction(paths, a) @ _direction(paths, b)), a, b) for a, b in combinations(ends, 2)]
        for straight, a, b in sorted(pairs, reverse=True):
            if a not in goes_on and b not in goes_on and (straight > STRAIGHT or len(ends) == 2):
                goes_on[a], goes_on[b] = b, a
    strokes: list[Path] = []
    left = set(range(len(paths)))
    starts = [End(i, side) for i in range(len(paths)) for side in (0, -1)]
    for start in sorted(starts, key=lambda end: end in goes_on):  # rings of paths last: they start anywhere
        end, stroke = start, []
        while end.path in left:
            left.discard(end.path)
            stroke += paths[end.path][:: 1 if end.side == 0 else -1]
            end = goes_on.get(End(end.path, -1 - end.side), end)
        if stroke:
            strokes.append(stroke)
    return strokes


def _direction(paths: list[Path], end: End) -> NDArray[np.float64]:
    """The unit vector from an end of a path into it."""
    ahead = np.array(paths[end.path][:: 1 if end.side == 0 else -1][: AHEAD + 1], dtype=float)
    way = ahead[-1] - ahead[0]
    return np.asarray(way / max(float(np.linalg.norm(way)), 1e-9))


def _root(same: dict[Pixel, Pixel], node: Pixel) -> Pixel:
    while node in same and same[node] != node:
        node = same[node]
    return node
