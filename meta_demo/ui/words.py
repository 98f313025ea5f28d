"""The page's words on their way to the browser: what Gradio translates there, and the language a request asks for.

The words themselves live in the catalogue; markup made of them in `blocks.py`.
"""

from __future__ import annotations

from string import Formatter

import gradio as gr
from gradio.i18n import I18nData

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.words import LANGUAGES, catalogue, language

_I18N = gr.I18n()


def label(key: str) -> I18nData:
    """A catalogue text without placeholders, chosen by the browser."""
    return _I18N(key)


def request_language(request: gr.Request) -> str:
    return language(request.headers.get("accept-language"))


def named(kind: str, name: str, lang: str) -> str:
    """The title of a sample or a pack; its bare name where the catalogue has none."""
    return catalogue().get(f"{kind}.{name}", {}).get(lang, name)


def title(algorithm: str, lang: str) -> str:
    return REGISTRY[algorithm].said(lang) if algorithm in REGISTRY else algorithm


def translations(composed: dict[str, dict[str, str]]) -> gr.I18n:
    """Every text without placeholders, and the `composed` ones (key -> language -> markup), for `launch(i18n=)`."""
    plain = {k: v for k, v in catalogue().items() if not any(field for _, field, _, _ in Formatter().parse(v["en"]))}
    words = {lang: {key: entry[lang] for key, entry in (plain | composed).items()} for lang in LANGUAGES}
    return gr.I18n(**{"en": words["en"], "zh-CN": words["zh"]})
