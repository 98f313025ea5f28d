"""A drawing is what was drawn, wherever on the paper and however large: the ink in the middle, filling most of the picture.

Here: that one step, for models whose processor asks for it by `ink_fill`. Not here: anything else a processor does (`inputs.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

CONTRAST = 64  # of 255, between ink and paper


def framed(image: Image, fill: float) -> Image:
    """The ink of a picture, in grey, on paper that it fills to the part `fill` of its longer side; without ink, the picture as it is.

    The paper's sides are the geometric means of the ink's own and its longer one, so that a processor which makes them square
    evens out half of a lopsided shape (as square-root aspect ratio normalisation does; Liu et al. 2003).
    """
    from PIL import Image as Images

    grey = image.convert("L")
    values = np.asarray(grey, dtype=np.int16)
    paper = int(np.median(np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])))
    ink = np.abs(values - paper) > CONTRAST
    if not ink.any():
        return image
    ends = np.array([np.flatnonzero(ink.any(axis))[[0, -1]] + (0, 1) for axis in (0, 1)])  # [2, 2], of columns and rows
    sides = np.maximum(ends[:, 1] - ends[:, 0], min(grey.size) / 5)  # a dot stays small
    w, h = (np.sqrt(sides * sides.max()) / fill).round().astype(int).tolist()
    x, y = np.floor(np.array([w, h]) / 2 - ends.mean(1)).astype(int).tolist()  # down: the same pixels wherever it was
    page = Images.new("L", (w, h), paper)
    page.paste(grey, (x, y))
    return page
