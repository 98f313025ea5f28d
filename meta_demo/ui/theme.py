"""How the page looks: our theme, the style sheet, and the colours of the algorithms as CSS. No fonts are fetched."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.themes.utils import colors, sizes

from meta_demo.ui.palette import algorithm_names, mark

_STYLE = Path(__file__).parent / "style.css"
_SANS = (
    "Inter",
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Noto Sans",
    "Noto Sans CJK SC",
    "PingFang SC",
    "Microsoft YaHei",
)

SURFACES = {
    "body_background_fill": "#f4f5f8",
    "body_background_fill_dark": "#0f1319",
    "body_text_color": "#1b2430",
    "body_text_color_dark": "#e6eaf0",
    "body_text_color_subdued": "#5b6675",
    "body_text_color_subdued_dark": "#9aa6b6",
    "background_fill_primary": "#ffffff",
    "background_fill_primary_dark": "#171d26",
    "background_fill_secondary": "#f8f9fb",
    "background_fill_secondary_dark": "#12171f",
    "border_color_primary": "#e1e5eb",
    "border_color_primary_dark": "#2a3340",
    "block_background_fill": "transparent",
    "block_background_fill_dark": "transparent",
    "block_border_width": "0px",
    "block_shadow": "none",
    "block_label_background_fill": "transparent",
    "block_label_background_fill_dark": "transparent",
    "block_title_text_weight": "600",
    "block_title_text_size": "*text_sm",
    "block_title_text_color": "*body_text_color",
    "block_title_text_color_dark": "*body_text_color",
    "block_info_text_size": "*text_xs",
    "input_background_fill": "#ffffff",
    "input_background_fill_dark": "#10151c",
    "input_border_color": "#cfd6df",
    "input_border_color_dark": "#364152",
    "input_border_width": "1px",
    "input_shadow": "none",
    "button_primary_background_fill": "#2654d6",
    "button_primary_background_fill_hover": "#1d44b3",
    "button_primary_background_fill_dark": "#3d6df0",
    "button_primary_background_fill_hover_dark": "#2f5fe0",
    "button_primary_text_color": "#ffffff",
    "button_large_text_weight": "600",
    "slider_color": "#2f6fed",
    "checkbox_label_background_fill": "*input_background_fill",
    "checkbox_label_background_fill_dark": "*input_background_fill",
    "checkbox_label_border_width": "1px",
    "checkbox_background_color_selected": "#2f6fed",
    "checkbox_background_color_selected_dark": "#2f6fed",
}


class MetaTheme(gr.themes.Base):  # type: ignore[misc]  # (gradio is untyped here)
    """Paper and ink with one blue; surfaces differ by a shade, not by shadows."""

    def __init__(self) -> None:
        super().__init__(
            primary_hue=colors.blue,
            neutral_hue=colors.slate,
            radius_size=sizes.radius_md,
            text_size=sizes.text_md,
            spacing_size=sizes.spacing_md,
            font=[*_SANS, "sans-serif"],
            font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
        )
        self.set(**SURFACES)


def style() -> str:
    """The style sheet, with each algorithm's colour on its choice in the list."""
    choices = "".join(
        f".wrap > label:has(:is([type=checkbox][name='{name}'], [type=radio][value='{name}']))"
        f" {{ --c: {mark(name).colour}; --glyph: '{mark(name).glyph}'; }}\n"
        for name in algorithm_names()
    )
    return _STYLE.read_text("utf-8") + choices
