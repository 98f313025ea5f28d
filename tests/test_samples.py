"""Every built-in sample is a task that shows something: enough classes, examples and honest queries."""

from __future__ import annotations

from collections import Counter

import pytest

from meta_demo.core.errors import UserError
from meta_demo.data.drawing.drawn import drawn_task
from meta_demo.data.episode import make_episode
from meta_demo.data.samples import load_sample, sample_names
from meta_demo.modalities.base import identity


@pytest.mark.many
def test_there_are_many_of_both_kinds() -> None:
    assert len(sample_names("text")) >= 12
    assert len(sample_names("picture")) >= 5
    assert all(load_sample(name).modality == kind for kind in ("text", "picture") for name in sample_names(kind))
    assert sample_names() == sorted(set(sample_names()))


@pytest.mark.parametrize("name", sample_names())
def test_sample(name: str) -> None:
    episode = load_sample(name)
    if not episode.labels:  # one of numbers
        assert len(episode.support) >= 5 and len({row.label for row in episode.support}) >= 5
        assert all(row.label is not None for row in episode.query)
        return
    shots = Counter(row.label for row in episode.support)
    asked = Counter(row.label for row in episode.query)
    assert 3 <= len(episode.labels) <= 8
    assert min(shots.values()) >= 8
    assert set(asked) == set(episode.labels)
    assert min(asked.values()) >= 6


@pytest.mark.parametrize("name", sample_names())
def test_no_query_is_a_support_example_or_asked_twice(name: str) -> None:
    episode = load_sample(name)
    contents = [identity(row.content) for row in (*episode.support, *episode.query)]
    assert [content for content, count in Counter(contents).items() if count > 1] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", sample_names("picture"))
def test_pictures_are_drawn_the_same_each_time_and_pass_the_check_of_every_episode(name: str) -> None:
    episode = load_sample(name)
    assert drawn_task(name) == episode == make_episode(episode.support, episode.query)


@pytest.mark.parametrize("name", ["no such task", "", "../samples/banking"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(UserError) as caught:
        load_sample(name)
    assert caught.value.name == "unknown_sample"
    assert all(known in str(caught.value) for known in sample_names())
