"""Every built-in sample is a task that shows something: enough classes, examples and honest queries."""

from __future__ import annotations

from collections import Counter

import pytest

from meta_demo.core.messages import UserError
from meta_demo.data.samples import load_sample, sample_names


def test_there_are_at_least_twelve() -> None:
    assert len(sample_names()) >= 12
    assert sample_names() == sorted(set(sample_names()))


@pytest.mark.parametrize("name", sample_names())
def test_sample(name: str) -> None:
    episode = load_sample(name)
    shots = Counter(row.label for row in episode.support)
    asked = Counter(row.label for row in episode.query)
    assert 3 <= len(episode.labels) <= 8
    assert min(shots.values()) >= 8
    assert set(asked) == set(episode.labels)
    assert min(asked.values()) >= 6


@pytest.mark.parametrize("name", sample_names())
def test_no_query_is_a_support_example_or_asked_twice(name: str) -> None:
    episode = load_sample(name)
    sentences = [row.content.casefold() for row in (*episode.support, *episode.query)]
    assert [text for text, count in Counter(sentences).items() if count > 1] == []


@pytest.mark.parametrize("name", ["no such task", "", "../samples/banking"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(UserError) as caught:
        load_sample(name)
    assert caught.value.name == "unknown_sample"
    assert all(known in str(caught.value) for known in sample_names())
