"""The one way of making HTML on the page: elements that escape whatever is put into them.

A string is text, a visitor's or our own, and is escaped; only what these functions returned is markup and stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape, unescape

_VOID = ("br", "img", "input")  # elements without an end


class Html(str):
    """Markup made here. Cutting or joining it as a string gives a plain string again, which will be escaped."""

    __slots__ = ()


Child = str | None | Iterable["Child"]
Attribute = str | int | float | bool | None


def tag(name: str, *children: Child, cls: str = "", **attributes: Attribute) -> Html:
    """The element `name` with its children in order, those within lists too.

    `data_step=3` becomes data-step="3"; an attribute that is None or False is left out, and True stands alone.
    """
    given: dict[str, Attribute] = {"class": cls or None, **attributes}
    said = "".join(_attribute(key.replace("_", "-"), value) for key, value in given.items())
    inside, end = ("", "") if name in _VOID else (together(*children), f"</{name}>")
    return Html(f"<{name}{said}>{inside}{end}")


def together(*children: Child) -> Html:
    """Children one after another, without an element around them."""
    return Html("".join(map(_child, children)))


def bare(markup: Html) -> str:
    """What it says, without its elements."""
    return unescape(re.sub("<[^>]*>", "", markup)).strip()


def _child(child: Child) -> str:
    if child is None or isinstance(child, Html):
        return child or ""
    return escape(child) if isinstance(child, str) else together(*child)


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
