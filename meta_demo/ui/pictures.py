"""Pictures on their way between browser and library: there data URLs, here `Picture`s."""

from __future__ import annotations

import base64
import io

from meta_demo.modalities.picture.content import Picture

SIDE = 320  # pixels of the longer side of a picture that the page keeps: more than most models look at
THUMBNAIL = 96


def url_of(picture: Picture, side: int = SIDE) -> str:
    """A data URL of `picture`, no larger than `side`: PNG where it is grey, as drawings are, JPEG where it is coloured."""
    image = picture.image()
    image.thumbnail((side, side))
    kind, how = ("jpeg", {"quality": 92}) if picture.mode == "RGB" else ("png", {"optimize": True})
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
