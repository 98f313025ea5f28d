"""Whether something is unlike all that was taught, as it stands beside a learner's answer."""

from __future__ import annotations

from collections.abc import Sequence

from meta_demo.core.belonging import ALPHA, Belonging
from meta_demo.serving.requests import Prediction
from meta_demo.ui.markup import Html, tag
from meta_demo.words import text


def beside(found: Belonging | None, lang: str) -> Html | None:
    """What is said of the first input beside an answer to it; None where nothing can be."""
    if found is None or not found.known:
        return None
    share, about = float(found.shares[0]), text("page.unlike.about", lang, count=found.count, alpha=ALPHA)
    if not found.unlike(0):
        return tag("p", text("page.unlike.like", lang, share=share), cls="alike", title=about)
    why = text("page.unlike.why", lang, far=found.as_far(0), count=found.count, share=share)
    return tag("p", tag("b", text("page.unlike", lang)), " ", tag("small", why), cls="unlike", title=about)


def unable(predictions: Sequence[Prediction], lang: str) -> Html | None:
    """Why nothing can be said, once for all learners; None where it can, or where there are no classes."""
    found = next((p.belonging for p in predictions if p.belonging), None)
    if found is None or found.known:
        return None
    key = "page.unlike.alone" if found.alone == found.count else "page.unlike.few"
    return tag("p", text(key, lang, count=found.count, missing=found.missing), cls="alike")
