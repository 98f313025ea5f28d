"""What makes an episode: cleaning, the shared check, the page's cards and the JSON task object."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_demo.core.errors import UserError
from meta_demo.core.strings import clean, shorten
from meta_demo.data.episode import Episode, Example, episode_from_cards, make_episode
from meta_demo.data.reading.tasks import parse_episode
from meta_demo.modalities.picture.content import Picture

QUICK = settings(max_examples=60)
PAIR = [Example("a one", "a"), Example("b one", "b")]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
TASK_LIKE = st.fixed_dictionaries(
    {},
    optional={
        part: JSON | st.lists(JSON | st.fixed_dictionaries({}, optional={"text": JSON, "label": JSON, "image": JSON}))
        for part in ("support", "query")
    },
)


def rows(*pairs: tuple[str, str | None]) -> list[Example]:
    return [Example(*pair) for pair in pairs]


def refused(name: str, *parts: str) -> Any:
    """Expects the UserError `name`, whose English and Chinese sentences both hold every one of `parts`."""

    def check(error: UserError) -> bool:
        return error.name == name and all(p in error.message(lang) for p in parts for lang in ("en", "zh"))

    return pytest.raises(UserError, check=check)


@pytest.mark.parametrize(
    ("dirty", "tidy"),
    [
        ("  two\t\nwords \r\n", "two words"),
        ("e\u0301te\u0301", "été"),
        ("e\x00\u0301", "é"),
        ("bell\x07 and \x7fdelete", "bell and delete"),
        ("lone \ud800surrogate", "lone surrogate"),
        ("\ufeffmarked", "marked"),
        ("👩\u200d👩\u200d👧 ❤️", "👩\u200d👩\u200d👧 ❤️"),
        ("我的卡丢了\u3000请帮忙", "我的卡丢了 请帮忙"),
        ("\u200fשלום", "\u200fשלום"),
        ("<b>bold</b> &amp; {brace}", "<b>bold</b> &amp; {brace}"),
        (" \u200b\u200d\u00a0 ", ""),
        ("", ""),
    ],
)
def test_clean(dirty: str, tidy: str) -> None:
    assert clean(dirty) == tidy


@QUICK
@given(st.text(st.characters(exclude_categories=[])))
def test_clean_text_is_a_fixed_point_that_can_be_stored(text: str) -> None:
    tidy = clean(text)
    assert clean(tidy) == tidy == unicodedata.normalize("NFC", tidy.strip())
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in tidy)
    tidy.encode()


@QUICK
@given(st.text(), st.integers(1, 80))
def test_shorten_never_exceeds_its_width(text: str, width: int) -> None:
    assert len(shorten(text, width)) <= width


def test_rows_are_cleaned_blanks_and_repeats_dropped_and_order_kept() -> None:
    support = rows((" b\n1 ", "b"), ("a 1", " a"), ("b 1", "b"), ("", "a"), (" ", None), ("B 1", "b"))
    episode = make_episode(support, rows(("q ", None), ("q", " b "), ("q", "")))
    assert episode.support == tuple(rows(("b 1", "b"), ("a 1", "a"), ("B 1", "b")))
    assert episode.query == tuple(rows(("q", None), ("q", "b"), ("q", None)))
    assert episode.labels == ("b", "a")


@pytest.mark.parametrize(
    ("support", "query", "name", "parts"),
    [
        ([], [], "no_support", []),
        (rows(("", None), (" ", "")), [], "no_support", []),
        (rows(("x", "a"), ("y", "a")), [], "one_class", ["a"]),
        ([*PAIR, Example(" \t", "c")], [], "class_no_example", ["c"]),
        ([*PAIR, Example("x" * 99, " ")], [], "example_no_label", ["x" * 59 + "…"]),
        ([*PAIR, Example("A  ONE", "b")], [], "two_labels", ["A ONE", "“a”", "“b”"]),
        ([*PAIR, Example("straße", "a"), Example("STRASSE", "b")], [], "two_labels", ["STRASSE"]),
        (rows(("x", "Refund"), ("y", "refund ")), [], "label_spelling", ["Refund", "refund"]),
        (rows(("x", "n" * 81), ("y", "b")), [], "long_label", ["81", "80"]),
        (rows(*((f"t{i}", f"c{i}") for i in range(51))), [], "too_many_classes", ["51", "50"]),
        (rows(*((f"t{i}", "ab"[i % 2]) for i in range(2001))), [], "too_many_support", ["2001", "2000"]),
        (PAIR, [Example("q")] * 5001, "too_many_queries", ["5001", "5000"]),
        (PAIR, rows(("q", "a"), ("\u200b", "a")), "blank_query", ["query[1]"]),
        (PAIR, rows(("what", "c")), "query_label", ["what", "“c”", "a, b"]),
    ],
)
def test_refusals(support: list[Example], query: list[Example], name: str, parts: list[str]) -> None:
    with refused(name, *parts):
        make_episode(support, query)


def test_the_limits_themselves_are_allowed() -> None:
    support = rows(*((f"t{i}", f"{i % 50:080}") for i in range(2000)))
    episode = make_episode(support, [Example("q")] * 5000)
    assert (len(episode.labels), len(episode.support), len(episode.query)) == (50, 2000, 5000)


def test_html_is_data() -> None:
    support = rows(("<script>alert(1)</script>", "<b>"), ("&lt;", "&"))
    assert make_episode(support).support == tuple(support)


def test_cards() -> None:
    cards = [(" refund ", ["give it back", "", "  money back "]), ("", [" "]), ("card", ["lost it", "lost it"])]
    episode = episode_from_cards(cards, [Example("where is it", "card")])
    support = rows(("give it back", "refund"), ("money back", "refund"), ("lost it", "card"))
    assert episode == Episode(tuple(support), (Example("where is it", "card"),))


def test_picture_cards() -> None:
    dark, light = Picture(2, 1, "L", b"\0\xff"), Picture(2, 1, "L", b"\xff\0")
    assert episode_from_cards([("a", [dark]), ("", []), ("b", [light])]).labels == ("a", "b")
    with refused("two_labels", "2 × 1"):
        episode_from_cards([("a", [dark]), ("b", [dark])])


@pytest.mark.parametrize(
    ("card", "name", "parts"),
    [
        ((" ", ["", " an orphan"]), "card_no_name", ["an orphan"]),
        (("c", []), "class_no_example", ["c"]),
        (("c", [" ", ""]), "class_no_example", ["c"]),
        (("a ", ["more"]), "card_twice", ["a"]),
        (("A", ["more"]), "label_spelling", ["A"]),
        (("c", ["ONE"]), "two_labels", ["ONE"]),
    ],
)
def test_card_refusals(card: tuple[str, list[str]], name: str, parts: list[str]) -> None:
    with refused(name, *parts):
        episode_from_cards([("a", ["one"]), ("b", ["two"]), card])


def test_no_cards() -> None:
    with refused("no_support"):
        episode_from_cards([("", [])])


def test_a_query_may_have_a_label() -> None:
    support = [{"text": "one", "label": "a"}, {"text": "two", "label": "b"}]
    query = [{"text": "q"}, {"text": "r", "label": "b"}, {"text": "s", "label": None}]
    assert parse_episode({"support": support, "query": query}).query == tuple(
        rows(("q", None), ("r", "b"), ("s", None))
    )


@pytest.mark.parametrize(
    ("raw", "name", "parts"),
    [
        (None, "task_not_object", ["task", "null"]),
        ([], "task_not_object", ["task", "[]"]),
        ({}, "task_missing", ["support"]),
        ({"support": "abc"}, "task_not_list", ["support", '"abc"']),
        ({"support": [], "query": None}, "task_not_list", ["query", "null"]),
        ({"support": [{"text": "x", "label": "a"}, 7]}, "task_not_object", ["support[1]", "7"]),
        ({"support": [{"text": "x", "label": 10**5000}]}, "task_not_text", ["support[0].label", "int"]),
        ({"support": [{"text": "x", "label": None}]}, "task_not_text", ["support[0].label", "null"]),
        ({"support": [{"text": True, "label": "a"}]}, "task_not_text", ["support[0].text", "true"]),
        ({"support": [{"label": "a"}]}, "task_missing", ["support[0].text"]),
        ({"support": [{"text": "x"}]}, "task_missing", ["support[0].label"]),
        (
            {"support": [{"text": "x", "value": 1}, {"text": "y"}]},
            "task_missing_value",
            ["support[1].value", '"value": 3.5'],
        ),
        ({"support": [{"image": "cat.png", "label": "a"}]}, "picture_url", ["support[0].image", "cat.png"]),
        ({"support": [], "query": [{"text": "x"}, {"image": "/etc/passwd"}]}, "picture_url", ["query[1].image"]),
        ({"support": [{"image": None, "label": "a"}]}, "task_not_text", ["support[0].image", "null"]),
        ({"support": [{"image": "", "text": "", "label": "a"}]}, "task_both", ["support[0]"]),
        ({"support": [{"text": "x", "label": "a", "id": 3}]}, "task_key", ["support[0].id", "label"]),
        ({"support": [{"text": "x", "lable": "a"}]}, "task_key_near", ["support[0].lable", "“label”"]),
        ({"support": [], "queries": []}, "task_key_near", ["queries", "“query”"]),
        ({"support": [], "title": "t"}, "task_key", ["title", "unlabelled"]),
        ({"support": []}, "no_support", []),
    ],
)
def test_parse_refusals(raw: Any, name: str, parts: list[str]) -> None:
    with refused(name, *parts):
        parse_episode(raw)


@QUICK
@given(JSON | TASK_LIKE)
def test_parse_raises_nothing_but_user_errors(raw: Any) -> None:
    try:
        parse_episode(raw)
    except UserError as error:
        assert error.message("zh")


ROW = st.builds(Example, st.text(max_size=8), st.sampled_from(["a", "b", "c", "", None]))


@QUICK
@given(st.lists(ROW, max_size=12), st.lists(ROW, max_size=4))
def test_a_checked_episode_passes_its_check_unchanged(support: list[Example], query: list[Example]) -> None:
    try:
        episode = make_episode(support, query)
    except UserError:
        return
    assert make_episode(episode.support, episode.query) == episode
    assert len(episode.query) == len(query)
    assert len(episode.labels) >= 2
    as_json = {
        part: [{"text": row.content, "label": row.label} for row in getattr(episode, part)]
        for part in ("support", "query")
    }
    assert parse_episode(as_json) == episode
