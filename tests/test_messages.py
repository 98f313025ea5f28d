"""The catalogue is complete in both languages, and code and catalogue name the same errors."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from string import Formatter
from typing import NamedTuple

import pytest

import meta_demo
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.errors import UserError
from meta_demo.learning.plan import Plan, TaskPlan
from meta_demo.words import LANGUAGES, catalogue, language, text

PACKAGE = Path(meta_demo.__file__).parent


def placeholders(template: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(template) if field is not None}


class Raised(NamedTuple):
    """A `UserError(...)` call: where it is, the literal names it can have, its keywords (None: a `**`)."""

    where: str
    names: list[str]
    given: set[str | None]


@cache
def raised() -> list[Raised]:
    """Every `UserError(...)` call of the package."""
    calls = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "UserError":
                literals = [part.value for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)]
                names = [value for value in literals if isinstance(value, str)]
                given = {keyword.arg for keyword in node.keywords}
                calls.append(Raised(f"{path.relative_to(PACKAGE)}:{node.lineno}", names, given))
    return calls


def test_every_key_says_the_same_in_both_languages() -> None:
    """One test for a thousand keys, each of which would cost more to be told of than to be looked at."""
    for key, entry in sorted(catalogue().items()):
        assert set(entry) == set(LANGUAGES), key
        assert all(entry[lang].strip() for lang in LANGUAGES), key
        assert placeholders(entry["en"]) == placeholders(entry["zh"]), key
        values = dict.fromkeys(placeholders(entry["en"]), 1)
        assert all(text(key, lang, **values) for lang in LANGUAGES), key


CONFIGS = {"plan": Plan, "task plan": TaskPlan} | {name: cls.Config for name, cls in sorted(REGISTRY.items())}
KNOBS = [(name, k) for name, config in CONFIGS.items() for k in config.knobs()]


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_algorithm_of_ours_has_a_title_and_a_sentence_in_both_languages(name: str) -> None:
    cls = REGISTRY[name]
    assert all(cls.title[lang].strip() and cls.about[lang].strip() for lang in LANGUAGES)
    assert cls.paper


def test_every_knob_of_ours_has_its_words_in_both_languages() -> None:
    for name, knob in KNOBS:
        assert all(knob.title[lang].strip() and knob.help[lang].strip() for lang in LANGUAGES), f"{name}.{knob.name}"


def test_every_error_that_code_raises_has_its_entry() -> None:
    assert [call for call in raised() if not call.names] == [], "UserError takes a literal name"
    assert [call for call in raised() if not all(f"error.{name}" in catalogue() for name in call.names)] == []


def test_every_error_is_raised_with_the_values_its_entry_speaks_of() -> None:
    def fits(call: Raised, name: str) -> bool:
        spoken = placeholders(catalogue()[f"error.{name}"]["en"])
        return spoken >= call.given - {None} if None in call.given else spoken == call.given

    assert [call for call in raised() if not all(fits(call, name) for name in call.names)] == []


def test_every_error_entry_is_raised_somewhere() -> None:
    entries = {key.removeprefix("error.") for key in catalogue() if key.startswith("error.")}
    assert entries - {name for call in raised() for name in call.names} == set()


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        (None, "en"),
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("ZH-Hant-TW", "zh"),
        ("en;q=0.5, zh;q=0.7", "zh"),
        ("en-GB,zh;q=0.9", "en"),
        ("fr,de;q=0.9", "en"),
        ("fr, zh;q=0.1", "zh"),
        ("zh;q=much, en;q=0.1", "en"),
        (";;;,,q=", "en"),
    ],
)
def test_language(header: str | None, lang: str) -> None:
    assert language(header) == lang


def test_a_user_error_speaks_both_languages() -> None:
    error = UserError("one_class", label="{x}")
    assert str(error) == error.message() == text("error.one_class", "en", label="{x}")
    assert "{x}" in error.message("zh") != error.message("en")


def test_an_unknown_key_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        text("no.such.key")
