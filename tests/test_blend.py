"""The line between pretrained and trained weights, on a model small enough to look at."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from checkpoints.blend import blend
from meta_demo.core import checkpoint
from meta_demo.core.algorithm import get_algorithm
from meta_demo.core.backbone import Backbone
from meta_demo.core.replay import LORA_A, LORA_B


def test_a_quarter_of_the_way(tiny: Backbone, tmp_path: Path) -> None:
    cls = get_algorithm("anil")
    trained = cls(tiny, cls.Config(lora_rank=2))  # type: ignore[call-arg]
    rng = torch.Generator().manual_seed(0)
    for w in trained.parameters():
        w.data = torch.randn(w.shape, generator=rng, dtype=w.dtype)
    checkpoint.save(trained, tmp_path, steps=7)
    blend(tmp_path, 0.25, tiny)
    near = checkpoint.load(tmp_path, tiny)
    card = checkpoint.read_card(tmp_path)
    assert card.model_extra == {"steps": 7, "blend": 0.25}
    for name, b in trained.body.items():
        if name.endswith(LORA_B):
            a = name.removesuffix(LORA_B) + LORA_A
            torch.testing.assert_close(near.body[name] @ near.body[a], 0.25 * (b @ trained.body[a]))
    with pytest.raises(ValueError, match="already"):
        blend(tmp_path, 0.25, tiny)
