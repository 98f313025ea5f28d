"""Charts on the page: a component that draws a plotly figure in place, and the plotly.js that the page is served with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import plotly
import plotly.graph_objects as go
from starlette.responses import FileResponse
from starlette.routing import Route

from meta_demo.ui.markup import tag
from meta_demo.ui.scripts import script

LIBRARY = "plotly.min.js"  # as plotly.py carries it: always the release that its figures are made for


def chart(elem_id: str, **arguments: Any) -> gr.HTML:
    """A place for a figure; its value is `figure_json(figure)`, or of one that grows `live_json(figure)`."""
    return gr.HTML(
        None,
        html_template=tag("div", cls="chart", role="img"),
        js_on_load=f"const LIBRARY = {json.dumps(LIBRARY)};\n{script('chart')}",
        apply_default_css=False,
        elem_id=elem_id,
        **arguments,
    )


def live_json(figure: go.Figure) -> dict[str, Any]:
    """A figure that grows, for a chart: its curves and its notes by names, so that of an update only what changed is sent."""
    content: dict[str, Any] = json.loads(
        figure.to_json(remove_uids=False), parse_float=lambda said: float(f"{float(said):.6g}")
    )
    traces = {trace.pop("uid"): trace for trace in content.pop("data")}
    notes = _named(content["layout"].pop("annotations", []))
    return content | {"order": [*traces], "traces": traces, "noted": [*notes], "notes": notes}


def _named(notes: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each note by what it says, and where it says the same as another by one mark more."""
    found: dict[str, dict[str, Any]] = {}
    for part in notes:
        name = str(part["text"])
        while name in found:
            name += "'"
        found[name] = part
    return found


def figure_json(figure: go.Figure) -> dict[str, Any]:
    """A figure, for a chart."""
    content: dict[str, Any] = json.loads(figure.to_json())
    return content


def routes() -> list[Route]:
    """Where the browser finds plotly.js: on this server, since the page asks no other."""
    path = Path(plotly.__file__).parent / "package_data" / LIBRARY

    def library(_: Any) -> FileResponse:
        return FileResponse(path, media_type="text/javascript", headers={"Cache-Control": "public, max-age=86400"})

    return [Route(f"/{LIBRARY}", library)]
