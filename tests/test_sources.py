"""Sources and samplers: what is read, what is refused, and that task i is task i whatever came before."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_demo.core.errors import UserError
from meta_demo.data.episode import Example
from meta_demo.data.sampler import TEST, TRAIN, Fixed, Sampler, Variable
from meta_demo.data.source import Source, make_source
from meta_demo.data.sources import (
    check_apart,
    hold_out,
    is_episodes,
    load_source,
    load_sources,
    load_split,
    pack_names,
    read_episodes,
)


def source(classes: int = 8, texts: int = 12, name: str = "made") -> Source:
    rows = [Example(f"{name} sentence {i} of class {c}", f"class {c}") for c in range(classes) for i in range(texts)]
    return make_source(name, rows)


def rows_file(tmp_path, name="my.jsonl", classes=4, texts=3):
    path = tmp_path / name
    rows = [{"text": f"text {i} about {c}", "label": f"l{c}"} for c in range(classes) for i in range(texts)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_the_packs_are_as_large_as_promised():
    packs = {name: load_source(f"builtin:{name}") for name in pack_names()}
    whole = load_source("builtin")
    assert len(packs) >= 8 and len(whole.classes) >= 80
    assert all(len(texts) >= 12 for texts in whole.classes.values())
    assert whole.dropped == 0 and whole.size == sum(p.size for p in packs.values())


def test_the_packs_share_no_text_with_each_other_in_any_spelling():
    check_apart(
        [load_source(f"builtin:{n}") for n in pack_names()[:5]], [load_source(f"builtin:{n}") for n in pack_names()[5:]]
    )


def test_a_file_and_a_split(tmp_path):
    path = rows_file(tmp_path)
    split = tmp_path / "fold.json"
    split.write_text(json.dumps({"train": ["l0", "l2"], "test": ["l9"], "odd": "l1"}))
    (kept,) = load_sources([str(path)], [f"{split}:train"])
    assert list(kept.classes) == ["l0", "l2"] and kept.size == 6
    assert load_source(str(path)).sha256 != kept.sha256
    with pytest.raises(UserError, match="“l9”"):
        load_sources([str(path)], [f"{split}:test"])
    with pytest.raises(UserError, match="train, test, odd"):
        load_split(f"{split}:valid")
    with pytest.raises(UserError, match="not a list"):
        load_split(f"{split}:odd")
    with pytest.raises(UserError, match="names no key"):
        load_split("fold.json")
    with pytest.raises(UserError, match="1 sources"):
        load_sources([str(path)], [f"{split}:train"] * 2)


def test_local_data_through_the_datasets_library(tmp_path):
    """`hub:` reads whatever the library reads; a folder of data files needs no network."""
    folder = tmp_path / "data"
    folder.mkdir()
    rows_file(folder, "train.jsonl")
    found = load_source(f"hub:{folder}")
    assert sorted(found.classes) == ["l0", "l1", "l2", "l3"] and found.size == 12
    with pytest.raises(UserError, match="could not be had"):
        load_source(f"hub:{tmp_path / 'nothing'}")


def test_unknown_sources_say_what_there_is(tmp_path):
    with pytest.raises(UserError, match="school"):
        load_source("builtin:magic")
    with pytest.raises(UserError, match="check the path"):
        load_source(str(tmp_path / "none.jsonl"))


def test_repeats_and_contradictions_are_dropped_and_counted():
    rows = [Example("a", "x"), Example("A", "x"), Example("b", "x"), Example("b", "y"), Example("c", "y")]
    found = make_source("s", rows)
    assert found.classes == {"x": ("a",), "y": ("c",)} and found.dropped == 3


def test_leakage_is_refused():
    train, valid = source(4, name="a"), source(4, name="b")
    check_apart([train], [valid])
    with pytest.raises(UserError, match="sentence 0 of class 1"):
        check_apart([train], [train.only(["class 1"], "valid")])


def test_holding_out_parts_the_classes():
    whole = source(20)
    (train,), (valid,) = hold_out([whole], seed=3)
    assert len(valid.classes) == 4 and not set(train.classes) & set(valid.classes)
    assert set(train.classes) | set(valid.classes) == set(whole.classes)
    with pytest.raises(UserError, match="at least 4"):
        hold_out([source(3)], seed=0)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.booleans())
def test_a_task_is_fair_whatever_the_index(index, fixed):
    """No text twice, support and query apart, every class with both, and the sizes that were asked for."""
    shape = Fixed(4, 3, 2) if fixed else Variable(max_way=6, max_support=20, n_query=4)
    episode = Sampler([source()], shape, seed=1).draw(index)
    texts = [row.content for row in (*episode.support, *episode.query)]
    assert len(texts) == len(set(texts))
    shots, queries = (Counter(row.label for row in rows) for rows in (episode.support, episode.query))
    assert shots.keys() == queries.keys()
    if fixed:
        assert set(shots.values()) == {3} and set(queries.values()) == {2} and len(shots) == 4
    else:
        assert 5 <= len(shots) <= 6 and len(set(queries.values())) == 1 and sum(shots.values()) <= 20


def test_task_i_depends_on_seed_stream_and_i_alone():
    first, second = (Sampler([source(), source(name="other")], Fixed(), seed=5) for _ in range(2))
    second.draw(0)
    assert first.draw(7) == second.draw(7)
    assert first.draw(7) != first.draw(8)
    assert Sampler([source()], Fixed(), 5, TRAIN).draw(0) != Sampler([source()], Fixed(), 5, TEST).draw(0)


def test_tasks_within_one_group():
    rows = [Example(f"{a}{c}{i}", f"{a}/{c}") for a in ("greek", "latin") for c in range(6) for i in range(4)]
    alphabets = make_source("alphabets", [*rows, *(Example(f"one {i}", "alone") for i in range(4))])
    assert {name: len(labels) for name, labels in alphabets.groups.items()} == {"greek": 6, "latin": 6, "": 1}

    def groups(within: float) -> list[int]:
        sampler = Sampler([alphabets], Fixed(5, 1, 1), within=within)
        return [len({label.rpartition("/")[0] for label in sampler.draw(i).labels}) for i in range(60)]

    assert set(groups(1.0)) == {1}
    assert 15 < sum(count == 1 for count in groups(0.5)) < 45
    with pytest.raises(UserError, match="the largest has 6"):
        Sampler([alphabets], Fixed(7, 1, 1), within=1.0)


@pytest.mark.parametrize(
    ("mix", "expected"),
    [("uniform", [0.5, 0.5]), ("size", [0.2, 0.8]), ("temperature", [1 / 3, 2 / 3])],
)
def test_mixtures(mix, expected):
    sampler = Sampler([source(5, name="small"), source(20, name="large")], Fixed(2), mix=mix, temperature=2.0)
    assert sampler.weights() == pytest.approx(expected)
    drawn = [sampler.draw(i).support[0].content.startswith("small") for i in range(400)]
    assert np.mean(drawn) == pytest.approx(expected[0], abs=0.1)


def test_too_few_classes_or_texts_say_which_and_what_would_fit():
    with pytest.raises(UserError, match="8 classes, fewer than 9"):
        Sampler([source()], Fixed(9))
    uneven = make_source(
        "s", [*(Example(f"{i} {c}", c) for c in "ab" for i in range(9)), Example("one", "c"), Example("two", "c")]
    )
    with pytest.raises(UserError, match=r"“c” in s has 2 examples.*at most 1 "):
        Sampler([uneven], Fixed(2, 5, 1))


def test_an_episodes_file(tmp_path):
    task = {
        "support": [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}],
        "query": [{"text": "c", "label": "x"}],
    }
    path = tmp_path / "episodes.jsonl"
    path.write_text(f"{json.dumps(task)}\n\n{json.dumps(task)}\n")
    assert is_episodes(str(path)) and len(read_episodes(path)) == 2
    assert not is_episodes(str(rows_file(tmp_path))) and not is_episodes("builtin")
    for query, words in (
        ([{"text": "A", "label": "x"}], "also one of the examples"),
        ([{"text": "c"}], "has no label"),
        ([], "no query"),
        ([{"text": "c", "label": "z"}], "Line 1 of"),
    ):
        path.write_text(json.dumps(task | {"query": query}))
        with pytest.raises(UserError, match=words):
            read_episodes(path)
