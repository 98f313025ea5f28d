"""The models that the page offers: the layout that each is published in, rebuilt as a tiny model from its configuration.

Layers are few and narrow; everything else - the class whose weights are in the file, names of old, what lies beside it - is as on the Hub.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize

from benchmarks.models import PAGE, SEEN, SMALL, page, saved_model
from meta_demo.backbones.loading import SUGGESTED, load_backbone
from meta_demo.core.cache import Cache
from meta_demo.modalities.base import MODALITIES
from meta_demo.modalities.picture.content import Picture

pytestmark = pytest.mark.many

BERT = {"attention_probs_dropout_prob": 0.1, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "type_vocab_size": 2}
ROBERTA = {"layer_norm_eps": 1e-05, "pad_token_id": 1, "type_vocab_size": 1, "bos_token_id": 0, "eos_token_id": 2}
MODERN = {"global_attn_every_n_layers": 3, "local_attention": 128, "classifier_pooling": "mean", "global_rope_theta": 160000.0,
          "local_rope_theta": 10000.0, "cls_token_id": 1, "sep_token_id": 1, "bos_token_id": 1, "eos_token_id": 1}  # fmt: skip
TOWERS = {"projection_dim": 8, "vision_config": {**SEEN, "projection_dim": 8},
          "text_config": {**SMALL, "projection_dim": 8, "vocab_size": 99}}  # fmt: skip
# id -> model_type, sizes, the class whose weights are published, the pooling of its side files or of its paper
LAYOUTS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "sentence-transformers/all-mpnet-base-v2": ("mpnet", {**SMALL, "layer_norm_eps": 1e-05, "relative_attention_num_buckets": 32},
                                                "MPNetModel", "mean"),
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2": ("bert", {**SMALL, **BERT}, "BertModel", "mean"),
    "BAAI/bge-small-en-v1.5": ("bert", {**SMALL, **BERT}, "BertModel", "cls"),
    "BAAI/bge-small-zh-v1.5": ("bert", {**SMALL, **BERT}, "BertModel", "cls"),
    "distilbert/distilroberta-base": ("roberta", {**SMALL, **ROBERTA}, "RobertaForMaskedLM", ""),
    "google-bert/bert-base-uncased": ("bert", {**SMALL, **BERT}, "BertForPreTraining", ""),
    "answerdotai/ModernBERT-base": ("modernbert", {**SMALL, **MODERN}, "ModernBertForMaskedLM", ""),
    "facebook/dinov2-small": ("dinov2", {**SEEN, "layerscale_value": 1.0, "qkv_bias": True}, "Dinov2Model", "cls"),
    "google/vit-base-patch16-224-in21k": ("vit", SEEN, "ViTModel", "cls"),
    "facebook/deit-tiny-patch16-224": ("vit", SEEN, "ViTForImageClassification", "cls"),
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K": ("clip", TOWERS, "CLIPModel", "features"),
    "google/siglip-base-patch16-224": ("siglip", {k: v for k, v in TOWERS.items() if k != "projection_dim"}, "SiglipModel", "features"),
}  # fmt: skip
TEXTS = ["hello", "a somewhat longer sentence about late parcels"]
SHOWN = [Picture(40, 40, "RGB", bytes((i * 7 + n * n) % 256 for i in range(4800)), f"{n}") for n in (1, 2)]


def published(name: str, folder: Path) -> Any:
    """The folder as the Hub has it, and the model whose weights are in it."""
    architecture, sizes, whole, pooling = LAYOUTS[name]
    cls = getattr(transformers, whole)
    saved_model(folder, architecture, sizes, cls)
    model = cls.from_pretrained(folder).eval()
    if whole == "BertForPreTraining":  # saved when norms were called otherwise
        weights = load_file(folder / "model.safetensors")
        old = {
            n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): w
            for n, w in weights.items()
        }
        save_file(old, folder / "model.safetensors", {"format": "pt"})
    if pooling in ("mean", "cls") and architecture in ("bert", "mpnet"):
        kinds = ["Transformer", "Pooling", "Normalize"]
        modules = [{"idx": i, "name": str(i), "path": f"{i}_{kind}" if i else "", "type": f"sentence_transformers.models.{kind}"}
                   for i, kind in enumerate(kinds)]  # fmt: skip
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "1_Pooling").mkdir()
        said = {
            "word_embedding_dimension": 16,
            "pooling_mode_cls_token": pooling == "cls",
            "pooling_mode_mean_tokens": pooling == "mean",
        }
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(said))
        (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 48, "do_lower_case": False}))
    return model


@pytest.mark.parametrize("name", LAYOUTS)
def test_its_layout_loads_and_its_embeddings_are_its_authors(name, tmp_path):
    pooling = LAYOUTS[name][3]
    model = published(name, tmp_path / "model")
    backbone = load_backbone(str(tmp_path / "model"), torch.device("cpu"), Cache(1 << 22))
    with torch.no_grad():
        if backbone.inputs.modality == "text":
            base = model.base_model
            own = []
            for text in TEXTS:
                ids = backbone.inputs.tokenizer(text, return_tensors="pt")["input_ids"]
                hidden = base(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0]
                own.append(hidden[0] if pooling == "cls" else hidden.mean(0))
            expected = torch.stack(own)
        else:
            pixels, _ = backbone.inputs.batch(SHOWN, backbone.inputs.tokens)
            if pooling == "features":
                expected = model.get_image_features(pixel_values=pixels).pooler_output
            else:
                expected = model.base_model(pixel_values=pixels).last_hidden_state[:, 0]
    shown = TEXTS if backbone.inputs.modality == "text" else SHOWN
    for boundary in (0, 2, 3):
        z = backbone.forward(backbone.features(shown, boundary), {})
        torch.testing.assert_close(z, normalize(expected, dim=-1), rtol=0, atol=1e-5)
    assert (backbone.boundaries, backbone.n_maps) == ((0, 1, 2, 3), 3)


def test_every_model_that_is_offered_has_a_layout_here():
    assert {m.name for m in SUGGESTED if not m.bundled} == set(LAYOUTS)


def test_every_model_says_what_it_is_for():
    for kind in MODALITIES.values():
        for model in kind.models:
            if not model.name.startswith("tiny"):  # of the tests
                assert model.megabytes and model.licence and model.good["en"] != "-" and model.good["zh"] != "-"


@pytest.mark.slow
def test_the_page_of_models_is_what_was_tried():
    """As `python -m benchmarks.models` writes it."""
    assert page() == PAGE.read_text(encoding="utf-8")
