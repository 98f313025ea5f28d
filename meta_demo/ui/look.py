"""The attention section as markup: the sentence with its tokens coloured, and what it says in words. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from meta_demo.attention import Array, Token, segments, strongest
from meta_demo.core.messages import text

MARKED = ("#2f6fed", "#d54600")  # the heatmap's two hues: more of its blue, or red where attention grew


def token_names(tokens: Sequence[Token], lang: str) -> list[str]:
    """What a token is called: its characters, or its place for the markers at the ends."""
    names = [token.text for token in tokens]
    for index, token in enumerate(tokens):
        if token.special:
            names[index] = f"‹{text('page.look.start_token' if index == 0 else 'page.look.end_token', lang)}›"
    return names


def sentence(said: str, tokens: Sequence[Token], shares: Array, row: int | None, *, difference: bool, lang: str) -> str:
    """The sentence as buttons, one per token, coloured by the share of attention it receives."""
    names = token_names(tokens, lang)
    top = max(float(abs(shares).max()), 1e-9)
    parts = []
    for characters, index in segments(said, tokens):
        if index is None:
            parts.append(escape(characters))
            continue
        share = float(shares[index])
        hue = MARKED[1] if difference and share > 0 else MARKED[0]
        shown = f"{share:+.1%}" if difference else f"{share:.1%}"
        special = " special" if tokens[index].special else ""
        parts.append(
            f'<button type="button" class="token{special}" data-token="{index}" aria-pressed="{str(row == index).lower()}"'
            f' title="{shown}" style="--h:{hue};--a:{abs(share) / top:.3f}">{escape(names[index])}</button>'
        )
    return f'<div class="sentence">{"".join(parts)}</div>'


def caption(row: str | None, *, difference: bool, lang: str) -> str:
    """How to read the colours, and whose attention it is."""
    colours = text("page.look.sentence.difference" if difference else "page.look.sentence", lang)
    who = text("page.look.who", lang, who=text("page.look.from.all", lang) if row is None else f"“{row}”")
    return f'<p class="caption">{colours} {escape(who)}</p>'


def words(names: Sequence[str], shares: Array, *, difference: bool, same: bool, lang: str) -> str:
    """The map in a sentence."""
    if same:
        unchanged = f'<p class="summary">{text("page.look.unchanged", lang)}</p>'
        if difference:
            return unchanged
    else:
        unchanged = ""
    shown = ", ".join(f"“{names[i]}” {shares[i]:{'+' if difference else ''}.0%}" for i in strongest(shares))
    key = "page.look.summary.difference" if difference else "page.look.summary"
    return f'<p class="summary">{escape(text(key, lang, tokens=shown))}</p>{unchanged}'
