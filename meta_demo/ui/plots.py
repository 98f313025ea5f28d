"""Figures: pure functions from snapshots and attention maps to plotly figures. No state, no components, no words of its own."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from meta_demo.learning.outer import Progress
from meta_demo.learning.recipe import Recipe
from meta_demo.serving.attention import Array
from meta_demo.ui.form import form_for
from meta_demo.ui.palette import mark
from meta_demo.words import text

INK = "#737d8c"  # readable on light and dark; the page's style sheet replaces it by the theme's own ink
GRID = "rgba(128, 140, 160, 0.18)"
CLEAR = "rgba(0,0,0,0)"
SEQUENTIAL = ((0.0, "rgba(47,111,237,0.03)"), (0.5, "rgba(47,111,237,0.55)"), (1.0, "rgba(38,84,214,1)"))
DIVERGING = (
    (0.0, "rgba(38,84,214,1)"),
    (0.5, "rgba(128,128,128,0.04)"),
    (1.0, "rgba(213,70,0,1)"),
)
SAID = "%{customdata}<extra></extra>"  # a point says what it carries, and no name of what it belongs to
SMOOTH = 10  # steps in the running mean of the outer loss


def training(history: Sequence[Progress], recipe: Recipe, lang: str) -> go.Figure:
    """The outer loop: loss per step over its running mean, and what validation measured with its interval."""
    colour, form = mark(recipe.algorithm).colour, form_for(recipe.objective.name)
    losses = [(p.step, p.loss) for p in history if p.loss is not None]
    x, y = [step for step, _ in losses], [loss for _, loss in losses]
    mean = [float(np.mean(y[max(0, i - SMOOTH + 1) : i + 1])) for i in range(len(y))]
    shared: dict[str, Any] = {"type": "scatter", "showlegend": False, "hovertemplate": "%{x}: %{y:.3f}<extra></extra>"}
    thin = {**shared, "x": x, "y": y, "mode": "lines+markers", "opacity": 0.45, "line": {"color": colour, "width": 1}}
    bold = {**shared, "x": x, "y": mean, "mode": "lines", "line": {"color": colour, "width": 2.5}}
    measured = [(p.step, *p.valid) for p in history if p.valid]
    marks = {"color": colour, "size": [11 if step == history[-1].best_step else 7 for step, _, _ in measured]}
    count = recipe.plan.valid_episodes
    valid = {
        **shared,
        "x": [step for step, _, _ in measured],
        "y": [mean for _, mean, _ in measured],
        "error_y": {"type": "data", "array": [ci95 for _, _, ci95 in measured], "thickness": 1.5, "width": 4},
        "mode": "lines+markers",
        "line": {"color": colour, "width": 2.5},
        "marker": marks,
        "customdata": [
            text(f"page.train.hover{form.trained}", lang, mean=m, ci95=c, count=count) for _, m, c in measured
        ],
        "hovertemplate": "%{x}: %{customdata}<extra></extra>",
        "xaxis": "x2",
        "yaxis": "y2",
    }
    small = {**thin, "marker": {"color": colour, "size": 4}}
    return go.Figure(
        [small, bold, valid], _training_layout(recipe, form.training_axis([(m, c) for _, m, c in measured]), lang)
    )


def _training_layout(recipe: Recipe, axis2: dict[str, Any], lang: str) -> dict[str, Any]:
    layout = base_layout(500, 62, text("page.train.chart", lang))
    steps = recipe.plan.steps
    ticks = {"nticks": 8} if steps > 8 else {"dtick": 1}
    for axis in ("", "2"):
        layout[f"xaxis{axis}"] = {**plain_axis(), "range": [-0.02 * steps, steps * 1.02], "tickformat": "d", **ticks}
    layout["xaxis2"]["title"] = {"text": text("page.train.chart.step", lang), "standoff": 4, "font": {"size": 11}}
    count = {"episodes": recipe.plan.valid_episodes, "ways": recipe.valid_ways}
    ending = form_for(recipe.objective.name).trained
    layout |= {
        "yaxis": {**plain_axis(), "nticks": 5},
        "yaxis2": {**plain_axis(), **axis2},
        "grid": {"rows": 2, "columns": 1, "pattern": "independent", "ygap": 0.24},
        "annotations": [
            *layout["annotations"],
            panel_title(text(f"page.train.chart.loss{ending}", lang, count=SMOOTH), ""),
            panel_title(text(f"page.train.chart.valid{ending}", lang, **count), "2"),
        ],
        "margin": {"l": 44, "r": 8, "t": 62, "b": 44},
        "hovermode": "closest",
        "uirevision": "training",
    }
    return layout


def panel_title(name: str, axis: str) -> dict[str, Any]:
    return {
        "text": name,
        "xref": f"x{axis} domain",
        "yref": f"y{axis} domain",
        "x": 0,
        "y": 1.04,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 11.5},
    }


def heatmap(matrix: Array, tokens: Sequence[str], name: tuple[str, str], *, difference: bool, lang: str) -> go.Figure:
    """Tokens x tokens, under a title and a subtitle: a row holds the shares of attention a token gives; differences centre at 0."""
    size = len(tokens)
    top = max(float(np.abs(matrix).max()), 1e-6)
    # Plotly reads labels as a small HTML of its own: visitor text must not become tags in it.
    labels = [escape(token if len(token) <= 14 else token[:13] + "…", quote=False) for token in tokens]
    unit = text("page.look.change" if difference else "page.look.share", lang)
    sign = "+" if difference else ""
    trace = {
        "type": "heatmap",
        "z": np.round(matrix, 5).tolist(),
        "zmin": -top if difference else 0.0,
        "zmax": top,
        "colorscale": DIVERGING if difference else SEQUENTIAL,
        "hovertemplate": f"%{{y}} → %{{x}}: %{{z:{sign}.1%}}<extra></extra>",
        "xgap": 1 if size <= 60 else 0,
        "ygap": 1 if size <= 60 else 0,
        "colorbar": {
            "title": {"text": unit, "side": "top", "font": {"size": 11}},
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.0,
            "yanchor": "bottom",
            "len": 0.6,
            "tickformat": f"{sign}.0%" if top >= 0.05 else f"{sign}.1%",
            "thickness": 8,
            "outlinewidth": 0,
            "nticks": 5,
        },
    }
    return go.Figure([trace], _heatmap_layout(labels, name, lang))


def _heatmap_layout(labels: list[str], name: tuple[str, str], lang: str) -> dict[str, Any]:
    size = len(labels)
    ticks = {
        "tickmode": "array",
        "tickvals": list(range(size)),
        "ticktext": labels,
        "showgrid": False,
        "zeroline": False,
    }
    font = {"size": max(6, min(12, round(15 - size / 8)))}
    room = 36 + round(
        0.6 * font["size"] * max(map(len, labels))
    )  # for the longest token and the axis's name left of it
    layout = base_layout(min(800, max(450, 240 + 19 * size)), 112, *name)
    layout |= {
        "xaxis": {**ticks, "tickangle": -60, "tickfont": font, "title": _small(text("page.look.looked_at", lang))},
        "yaxis": {**ticks, "autorange": "reversed", "tickfont": font, "title": _small(text("page.look.looks", lang))},
        "margin": {"l": min(140, max(76, room)), "r": 8, "t": 112, "b": 84},
    }
    return layout


def _small(name: str) -> dict[str, Any]:
    return {"text": name, "font": {"size": 11}, "standoff": 8}


def base_layout(height: int, top: int, name: str, subtitle: str = "") -> dict[str, Any]:
    """What every figure shares; `top` is the room above the plot. The meta is the figure's name for those who cannot see it.

    Titles are annotations: plotly moves a title with a subtitle out of sight when it redraws.
    """
    return {
        "meta": f"{name}, {subtitle}" if subtitle else name,
        "annotations": [_title(name, top - 8, 14), *([_title(subtitle, top - 30, 12)] if subtitle else [])],
        "height": height,
        "autosize": True,
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"color": INK, "size": 11, "family": "inherit"},
        "hoverlabel": {"bgcolor": "#1b2430", "bordercolor": "#1b2430", "font": {"color": "#ffffff"}},
        "template": "none",
    }


def _title(name: str, above: int, size: int) -> dict[str, Any]:
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "yshift": above, "xanchor": "left", "yanchor": "top"}
    text = escape(name, quote=False)
    return {
        **place,
        "name": "title",
        "text": text,
        "showarrow": False,
        "font": {"size": size},
    }  # broken by `scripts/chart.js`


def corner(name: str) -> dict[str, Any]:
    """What is along the x-axis, said within the plot, where no legend can lie over it however narrow the page is."""
    place = {"xref": "paper", "yref": "paper", "x": 1, "y": 0, "xanchor": "right", "yanchor": "bottom"}
    return {**place, "text": escape(name, quote=False), "showarrow": False}


def plain_axis() -> dict[str, Any]:
    return {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "showline": True, "fixedrange": True}
