"""Attention as numbers and as markup: tokens as the characters they stand for, maps reduced, nothing lost or run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from meta_demo.serving import attention
from meta_demo.serving.attention import Token
from meta_demo.ui import look


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    from meta_demo.modalities.text.modality import bundled_folder

    return AutoTokenizer.from_pretrained(bundled_folder())


@pytest.mark.parametrize(
    "text", ["unbelievable physio!", "我想退款，谢谢", "naïve  café 👩‍👩‍👧 ok", "a <b>bold</b> move"]
)
def test_tokens_are_the_sentences_own_characters(tokenizer: Any, text: str) -> None:
    tokens = attention.tokenize(tokenizer, text, 128)
    assert tokens[0].special and tokens[-1].special
    assert all("##" not in t.text for t in tokens)
    assert all(text[t.begin : t.end] == t.text for t in tokens if not t.special and t.text != "·")
    pieces = attention.segments(text, tokens)
    said = "".join(piece for piece, index in pieces if index is None or not tokens[index].special)
    assert said == text


def test_tokens_are_as_many_as_the_model_reads(tokenizer: Any) -> None:
    assert len(attention.tokenize(tokenizer, "word " * 300, 32)) == 32


def test_reducing_a_map() -> None:
    rng = np.random.default_rng(0)
    maps = rng.random((2, 3, 4, 4)).astype(np.float32)
    assert np.array_equal(attention.reduce_heads(maps, 1, 2), maps[1, 2])
    assert np.allclose(attention.reduce_heads(maps, 0, None), maps[0].mean(0))
    before, after = maps[0, 0], maps[0, 1]
    assert np.array_equal(attention.at_moment(before, after, "before"), before)
    assert np.array_equal(attention.at_moment(before, after, "after"), after)
    assert np.array_equal(attention.at_moment(before, after, "difference"), after - before)
    assert np.array_equal(attention.received(before, 2), before[2])
    assert np.allclose(attention.received(before), before.mean(0))
    assert np.allclose(attention.received(before, None, 1), before[1:].mean(0)), "by the patches alone"


@pytest.mark.parametrize("size", [3, attention.LONG, attention.LONG + 1, 90])
def test_a_long_map_shows_what_is_looked_at_most_and_sums_up_the_rest(size: int) -> None:
    rng = np.random.default_rng(size)
    matrix = rng.dirichlet(np.ones(size), size).astype(np.float32)
    always = {0, 2, size - 1}
    kept = attention.kept_of(matrix, always)
    shown = attention.folded(matrix, kept)
    if size <= attention.LONG:
        assert kept == [*range(size)] and shown is matrix
        return
    assert kept == sorted(kept) and always < {*kept} and len(shown) == attention.LONG == len(kept) + 1
    left = [i for i in range(size) if i not in kept]
    looked_at = matrix.mean(0)
    assert max(looked_at[i] for i in left) <= min(looked_at[i] for i in kept if i not in always)
    for row, i in enumerate(kept):
        assert np.array_equal(shown[row, :-1], [matrix[i, j] for j in kept])
        assert shown[row, -1] == pytest.approx(sum(float(matrix[i, j]) for j in left), rel=1e-5)
    for column, j in enumerate(kept):
        assert shown[-1, column] == pytest.approx(np.mean([matrix[i, j] for i in left]), rel=1e-5)
    np.testing.assert_allclose(shown.sum(1), 1, rtol=1e-5)
    difference = attention.folded(matrix - matrix[::-1], kept)
    np.testing.assert_allclose(difference.sum(1), 0, atol=1e-5)
    assert attention.kept_of(-matrix, always) == kept, "by magnitude"


def test_rollout_multiplies_layers_with_their_residual_connection() -> None:
    rng = np.random.default_rng(0)
    maps = rng.dirichlet(np.ones(5), (3, 2, 5)).astype(np.float32)  # [layers, heads, L, L]
    one, two = ((maps[i].mean(0) + np.eye(5)) / 2 for i in range(2))
    assert np.allclose(attention.rollout(maps[:1]), one)
    assert np.allclose(attention.rollout(maps[:2]), two @ one)
    assert np.allclose(attention.rollout(maps).sum(-1), 1)


def test_strongest_is_by_magnitude_and_unchanged_by_rounding() -> None:
    assert attention.strongest(np.array([0.1, -0.5, 0.3], np.float32), 2) == [1, 2]
    a = np.ones((2, 2), np.float32)
    assert attention.unchanged(a, a + 5e-7)
    assert not attention.unchanged(a, a + 1e-3)


def test_the_sentence_is_shown_as_text_with_its_chosen_token() -> None:
    said = "<script>x</script>"
    tokens = [Token("[CLS]", 0, 0, True), Token(said, 0, len(said), False), Token("[SEP]", 0, 0, True)]
    shown = look.sentence(said, tokens, np.array([0.2, 0.7, 0.1], np.float32), 1, difference=False, lang="en")
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.count("<button") == 3
    assert shown.count('aria-pressed="true"') == 1
    assert "CLS" not in shown


def test_a_frozen_body_says_so() -> None:
    shares = np.zeros(2, np.float32)
    assert "did not change" in look.words(["a", "b"], shares, difference=True, same=True, lang="en")
    assert "did not change" not in look.words(["a", "b"], shares, difference=True, same=False, lang="en")
