"""The words of the field, explained where they stand."""

from __future__ import annotations

import json

import pytest

from meta_demo.serving.service import Service
from meta_demo.ui import blocks
from meta_demo.ui.page import build_app
from meta_demo.words import LANGUAGES, catalogue

PLACES = [*blocks.TERMS]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("place", PLACES)
def test_every_term_stands_with_what_it_means_and_in_the_page(place: str, lang: str) -> None:
    shown = blocks.terms(place, lang)
    assert shown.count("<dt>") == shown.count("<dd>") == len(blocks.TERMS[place])
    assert blocks.composed([], [])[f"html.terms.{place}"][lang] == shown


def test_every_term_is_explained_somewhere_and_every_place_is_laid_out() -> None:
    named = [key for key in catalogue() if key.startswith("term.")]
    every = {term for terms in blocks.TERMS.values() for term in terms}
    assert sorted(named) == sorted(f"term.{term}{end}" for term in every for end in ("", ".means"))
    config = json.dumps(build_app(Service()).get_config_file(), default=str)
    assert [place for place in PLACES if f"html.terms.{place}" not in config] == []


def test_half_is_as_surprising_as_is_said() -> None:
    assert "0.69 where it held it for one of two" in blocks.terms("curves", "en")  # -log(1/2)
