"""Equations as MathML, which browsers draw by themselves."""

from __future__ import annotations

from functools import cache

from latex2mathml.converter import convert

from meta_demo.ui.markup import Html, tag


@cache
def equation(latex: str) -> Html:
    """An equation in a line of its own; a reader that draws no mathematics, or reads aloud, has its LaTeX."""
    return tag("div", Html(convert(latex, display="block")), cls="equation", role="math", aria_label=latex)
