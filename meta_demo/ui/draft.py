"""What a visitor typed and drew comes back: from a draft in their own browser, which nobody else keeps.

The browser writes it (`scripts/draft.js`); the server sees it when a page opens anew, and trusts it no more than what is typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.ui.form import form_of, forms
from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.handlers import can
from meta_demo.ui.parts import Page
from meta_demo.ui.teaching import Teaching


def held(page: Page) -> dict[str, Any]:
    """What a draft is made of: the component of each of its entries, those of a side or a sheet by `side/entry`."""
    parts: dict[str, Any] = {"side": page.modality, "model": page.adapt.model, "algorithms": page.adapt.algorithms}
    for name, side in page.sides.items():
        parts |= {f"{name}/cards": side.cards, f"{name}/tried": side.tried}
        parts |= {f"{name}/lines": side.lines} if side.lines else {}
    return parts | {f"{name}/sheet": sheet.collected for name, (sheet, _) in page.sheets.items()}


def typing(page: Page) -> list[Any]:
    """The events that only a visitor's typing and drawing makes."""
    sides = page.sides.values()
    cards = [event for side in sides for event in (side.cards.edit, side.cards.clear)]
    pads = [side.tried.input for side in sides if isinstance(side.tried, gr.HTML)]
    return [*cards, *pads, *(sheet.collected.edit for sheet, _ in page.sheets.values())]


def choosing(page: Page) -> list[Any]:
    """The events that follow what a visitor chooses, which alone make no draft."""
    return [page.modality.input, page.adapt.model.input, page.adapt.algorithms.input, page.adapt.go.click]


def changing(page: Page) -> list[Any]:
    """The events that follow other text, whoever changed it: at a visitor's `input` a text box still holds what it did before."""
    return [
        part.change for side in page.sides.values() for part in (side.lines, side.tried) if isinstance(part, gr.Textbox)
    ]


class Drafts:
    """The handler that brings a draft back."""

    def __init__(self, page: Page, teaching: Teaching) -> None:
        self.page, self.teaching, self.playground = page, teaching, teaching.playground

    def restore(self, values: Values, request: gr.Request) -> Updates:
        """The draft on the page: on the side that it was of, unless the address names one."""
        page, said = self.page, values[self.page.draft]
        if not isinstance(said, Mapping):
            return {}
        filled = self._filled(said)
        asked = request.query_params.get("side") or said.get("side")
        shown = asked if asked in page.sides or asked in page.sheets else values[page.modality]
        updates = self._on_side({**values, **filled}, str(shown), request)
        for part, value in filled.items():
            update = updates.get(part)
            updates[part] = {**update, "value": value} if isinstance(update, dict) else gr.update(value=value)
        return updates

    def _on_side(self, values: Values, shown: str, request: gr.Request) -> Updates:
        """What fits the examples that are there, and what was chosen beside them."""
        page, now = self.page, {**values, self.page.modality: shown}
        updates: Updates = {page.modality: shown} | page.placing(shown)
        if shown in page.sheets:
            return updates
        if shown != values[page.shown]:
            updates |= self.teaching.show_side(now, request)
        else:
            before = self.teaching._form(values)
            shots = gr.update(value=None, visible=form_of(values[page.sides[shown].cards]).dealt_by_shots)
            updates |= self.playground.fit(now, request, before) | {page.teach.shots: shots}
        return updates | self._chosen(now, updates, request)

    def _chosen(self, now: Values, updates: Updates, request: gr.Request) -> Updates:
        """The model and the algorithms of the draft, where they are there for such examples."""
        page, said = self.page, now[self.page.draft]
        side, form, named = page.side(now), self.playground.form(now), said.get("algorithms")
        known = [n for n in named if n in REGISTRY and can(n, form)] if isinstance(named, list) else []
        model = said.get("model") if said.get("side") == side.name and isinstance(said.get("model"), str) else None
        chosen: Updates = {page.adapt.algorithms: known} if known else {}
        fitted = {part: updates[part] for part in (page.switch, page.adapt.algorithms) if part in updates}
        picked = {**now, **fitted, **chosen, page.adapt.model: model or self._model(updates, now)}
        fitting = self.playground.refit(picked, request, self.teaching.began(updates)) | chosen
        return fitting | ({page.adapt.model: gr.Dropdown(side.models(), value=model)} if model else {})

    def _model(self, updates: Updates, now: Values) -> str:
        """The model that is chosen where the draft says none."""
        update = updates.get(self.page.adapt.model)
        return str(getattr(update, "value", None) or self.playground.model(now))

    def _filled(self, said: Mapping[str, Any]) -> dict[Any, Any]:
        """The values of a draft that can be values of the page."""
        page = self.page
        found: dict[Any, Any] = {}
        for name, part in held(page).items():
            if "/" not in name or not (value := said.get(name)):
                continue
            modality, entry = name.split("/")
            if entry == "cards":
                side = page.sides[modality]
                found |= {part: value} if any(f.owns(value) and f.sound(value, side) for f in forms()) else {}
            elif entry == "sheet":
                found |= page.sheets[modality][0].restored(value)
            elif isinstance(value, str):
                found[part] = value
        return found
