"""Tokenizers and processors as models bring them: SentencePiece's own files, and a processor that wants torchvision."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import SMALL, saved_model

from benchmarks.models import SEEN, T5
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.modalities.picture.content import Picture


def unigrams(unknown: str) -> bytes:
    """A SentencePiece model of a few sentences in three scripts, whose unknown piece is called so."""
    import sentencepiece

    said = [
        "hello world this is late",
        "a parcel that never came and a card",
        "你好世界 我的包裹没有到",
        "bonjour le monde",
    ] * 50
    model = io.BytesIO()
    ids = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(said),
        model_writer=model,
        vocab_size=120,
        hard_vocab_limit=False,
        minloglevel=2,
        unk_piece=unknown,
        **ids,
    )
    return model.getvalue()


@pytest.mark.parametrize(
    ("architecture", "sizes", "file", "kind"),
    [
        ("t5", {**T5, "vocab_size": 400}, "spiece.model", "T5Tokenizer"),
        ("deberta-v2", {**SMALL, "vocab_size": 400}, "spm.model", "DebertaV2Tokenizer"),
        ("xlm-roberta", {**SMALL, "vocab_size": 400}, "sentencepiece.bpe.model", "XLMRobertaTokenizer"),
    ],
)
def test_a_sentencepiece_model_is_a_tokenizer(tmp_path: Path, architecture, sizes, file, kind) -> None:
    folder = saved_model(tmp_path, architecture, **sizes)
    for name in ("tokenizer.json", "vocab.txt"):
        (folder / name).unlink(missing_ok=True)
    (folder / file).write_bytes(unigrams("[UNK]" if architecture == "deberta-v2" else "<unk>"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}))
    backbone = load_backbone(str(folder), torch.device("cpu"), Cache(1 << 20))
    encoded = backbone.encode("hello parcel 包裹")
    pieces = backbone.inputs.tokenizer.convert_ids_to_tokens(encoded.key)
    assert "".join(p for p in pieces if p[0] not in "[<").replace("▁", " ").split() == ["hello", "parcel", "包裹"]
    assert encoded.unknown == 0 and backbone.encode("ខ្ញុំ").unknown > 0.3
    z = backbone.forward(backbone.features(["hello parcel", "你好世界"], 0), {})
    torch.testing.assert_close(z.norm(dim=1), torch.ones(2))


SETTINGS = {
    "image_processor_type": "DINOv3ViTImageProcessorFast",
    "do_resize": True,
    "size": {"height": 32, "width": 32},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}


def test_dinov3s_processor_needs_no_torchvision(tmp_path: Path) -> None:
    """It resizes, rescales and normalises, which can be done without; one that does more is refused by what it needs."""
    folder = saved_model(tmp_path, "dinov3_vit", **SEEN)
    (folder / "preprocessor_config.json").write_text(json.dumps(SETTINGS))
    backbone = load_backbone(str(folder), torch.device("cpu"), Cache(1 << 20))
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)  # of the model's size already: nothing to resize
    pixels, _ = backbone.inputs.batch([Picture(32, 32, "RGB", noise.tobytes(), "noise.png")], backbone.inputs.tokens)
    expected = (noise / 255 - SETTINGS["image_mean"]) / SETTINGS["image_std"]
    np.testing.assert_allclose(pixels[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)
    (folder / "preprocessor_config.json").write_text(json.dumps({**SETTINGS, "do_center_crop": True}))
    with pytest.raises(UserError, match="torchvision"):
        load_backbone(str(folder), torch.device("cpu"), Cache(1 << 20))


def test_a_picture_model_without_a_processor(tmp_path: Path) -> None:
    folder = saved_model(tmp_path, "vit", **SEEN)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(UserError, match=r"no preprocessor_config\.json"):
        load_backbone(str(folder), torch.device("cpu"), Cache(1 << 20))
