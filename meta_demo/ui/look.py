"""The attention section as data and markup: what is looked at, the sentence with its tokens coloured, what it says in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meta_demo.serving.attention import Array, Token, segments, strongest
from meta_demo.serving.decisive import Decisive
from meta_demo.ui.markup import Html, tag, together
from meta_demo.words import text

MARKED = ("#2f6fed", "#d54600")  # the heatmap's two hues: more of its blue, or red where attention grew
ROLLOUT = -1  # among the heads: all heads of all layers up to the chosen one


@dataclass(frozen=True)
class Choice:
    """Which map the visitor looks at: `layer` from 1, `head` from 1, 0 for the mean of all, or ROLLOUT; `row` is the token that looks,
    None for all."""

    layer: int
    head: int
    row: int | None
    moment: str
    name: str  # what the learner is called
    step: int

    @property
    def difference(self) -> bool:
        return self.moment == "difference"


@dataclass(frozen=True)
class Map:
    """A chosen map [L, L] and whether adapting left it the `same`."""

    matrix: Array
    same: bool
    choice: Choice
    lang: str


def head_name(head: int, lang: str) -> str:
    if head == ROLLOUT:
        return text("page.look.head.rollout", lang)
    return text("page.look.head.one", lang, head=head) if head else text("page.look.head.mean", lang)


def heading(shown: Map) -> tuple[str, str]:
    """A map's title and subtitle."""
    choice, lang = shown.choice, shown.lang
    values = {"moment": text(f"page.look.{choice.moment}", lang), "algorithm": choice.name}
    place = text("page.look.place", lang, layer=choice.layer, head=head_name(choice.head, lang))
    return text("page.look.heatmap", lang, **values, step=choice.step), place


def token_names(tokens: Sequence[Token], lang: str) -> list[str]:
    """What a token is called: its characters, or its place for the markers at the ends."""
    names = [token.text for token in tokens]
    for index, token in enumerate(tokens):
        if token.special:
            names[index] = f"‹{text('page.look.start_token' if index == 0 else 'page.look.end_token', lang)}›"
    return names


def sentence(
    said: str, tokens: Sequence[Token], shares: Array, row: int | None, *, difference: bool, lang: str
) -> Html:
    """The sentence as buttons, one per token, coloured by the share of attention it receives."""
    names, top = token_names(tokens, lang), max(float(abs(shares).max()), 1e-9)
    parts: list[str] = []
    for characters, index in segments(said, tokens):
        if index is None:
            parts.append(characters)
            continue
        share = float(shares[index])
        hue = MARKED[1] if difference and share > 0 else MARKED[0]
        parts.append(
            tag(
                "button",
                names[index],
                cls="token special" if tokens[index].special else "token",
                type="button",
                data_token=index,
                aria_pressed="true" if row == index else "false",
                title=f"{share:+.1%}" if difference else f"{share:.1%}",
                style=f"--h:{hue};--a:{abs(share) / top:.3f}",
            )
        )
    return tag("div", parts, cls="sentence")


def decided(found: Decisive, read: str, tokens: Sequence[Token], about: tuple[str, int], lang: str) -> Html:
    """The sentence with the words that decided the answer of a learner after so many steps, which both are `about`."""
    top = max(float(abs(found.parts).max()), 1e-9)
    parts: list[str] = []
    for characters, index in segments(read, tokens):
        if index is None or tokens[index].special:
            parts += [characters] if index is None else []
            continue
        part = float(found.parts[index])
        style = f"--h:{MARKED[part < 0]};--a:{abs(part) / top:.3f}"
        parts.append(tag("span", characters, cls="token", title=f"{part:+.2f}", style=style))
    name, step = about
    heading = text(
        "page.words.title" if found.top else "page.words.title.number", lang, name=name, step=step, top=found.top
    )
    strong = [i for i in strongest(found.parts) if found.parts[i]]
    said = ", ".join(f"“{tokens[i].text}” {found.parts[i]:+.2f}" for i in strong)
    note = text("page.words.note", lang, sum=float(found.parts.sum()), whole=found.whole)
    rows = [tag("p", tag("b", heading)), tag("div", parts, cls="sentence"), tag("p", said, cls="summary")]
    return tag(
        "div", rows, tag("p", note, cls="hint"), tag("p", text("page.words.attention", lang), cls="hint"), role="status"
    )


def caption(shown: Map, names: Sequence[str], modality: str) -> Html:
    """How to read the colours, and whose attention it is."""
    row, lang = shown.choice.row, shown.lang
    colours = text(f"page.look.colours.{modality}{'.difference' if shown.choice.difference else ''}", lang)
    whose = text(f"page.look.from.{modality}", lang) if row is None else f"“{names[row]}”"
    return tag("p", colours, " ", text(f"page.look.who.{modality}", lang, who=whose), cls="caption")


def words(names: Sequence[str], shares: Array, *, difference: bool, same: bool, lang: str) -> Html:
    """The map in a sentence."""
    unchanged = tag("p", text("page.look.unchanged", lang), cls="summary") if same else None
    if unchanged and difference:
        return unchanged
    shown = ", ".join(f"“{names[i]}” {shares[i]:{'+' if difference else ''}.0%}" for i in strongest(shares))
    key = "page.look.summary.difference" if difference else "page.look.summary"
    return together(tag("p", text(key, lang, tokens=shown), cls="summary"), unchanged)
