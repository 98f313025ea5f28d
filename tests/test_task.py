"""Features in groups: packing changes where inputs lie, never what they are."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import ARCHITECTURES, SUPPORT, tiny_backbone

from meta_demo.core.features import GROUP_COST, partition


def cost(lengths: list[int], cuts: list[slice]) -> int:
    return sum(len(lengths[cut]) * lengths[cut][-1] + GROUP_COST for cut in cuts)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=7).map(sorted))
def test_no_other_way_to_cut_is_cheaper(lengths):
    cuts = partition(lengths)
    assert [i for cut in cuts for i in range(cut.start, cut.stop)] == list(range(len(lengths)))
    inner = range(1, len(lengths))
    ways = [(0, *middle, len(lengths)) for size in range(len(lengths)) for middle in combinations(inner, size)]
    cheapest = min(cost(lengths, [slice(a, b) for a, b in pairwise(way)]) for way in ways)
    assert cost(lengths, cuts) == cheapest


def test_nothing_to_cut():
    assert partition([]) == []


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
@pytest.mark.parametrize("boundary", [0, 1, 3])
def test_packed_inputs_have_the_same_embeddings(architecture, boundary):
    backbone = tiny_backbone(architecture)
    texts = [text for text, _ in SUPPORT] + [
        "a",
        "one sentence that is a good deal longer than all of the others are, by far",
    ]
    loose = backbone.features(texts, boundary)
    packed = backbone.pack(loose)
    torch.testing.assert_close(backbone.forward(packed, {}), backbone.forward(loose, {}), rtol=1e-9, atol=1e-12)
    real = sum(int(g.mask.sum()) for g in loose.groups)
    assert sum(int(g.mask.sum()) for g in packed.groups) == real
    assert sum(g.mask.numel() for g in packed.groups) <= sum(g.mask.numel() for g in loose.groups)
