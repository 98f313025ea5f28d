"""The words of the field, explained where they stand."""

from __future__ import annotations

import pytest

from meta_demo.ui import blocks
from meta_demo.words import LANGUAGES, catalogue


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_term_stands_with_what_it_means_and_in_the_page(lang: str) -> None:
    shown = blocks.terms(lang)
    named = [key for key in catalogue() if key.startswith("term.")]
    assert sorted(named) == sorted(f"term.{term}{end}" for term in blocks.TERMS for end in ("", ".means"))
    assert shown.count("<dt>") == shown.count("<dd>") == len(blocks.TERMS)
    assert blocks.composed([], [])["html.terms"][lang] == shown


def test_half_is_as_surprising_as_is_said() -> None:
    assert "0.69 where it held it for one of two" in blocks.terms("en")  # -log(1/2)
