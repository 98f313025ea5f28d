"""The backbone against transformers itself: same embeddings, same attention, whatever is cached, batched or replaced."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_models import ARCHITECTURES, tiny_backbone

from meta_demo.algorithms.registry import get_algorithm
from meta_demo.backbones.loading import load_backbone
from meta_demo.backbones.scopes import SCOPES, Reach
from meta_demo.backbones.scopes.lora import merged
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.data.samples import load_sample
from meta_demo.modalities.text.modality import MINILM, Text

TEXTS = ["hello", "a somewhat longer sentence about late parcels", "and one of a middling length", "hello"]


def reference(backbone, text: str) -> torch.Tensor:
    """The unit mean-pooled embedding as transformers' own forward gives it, one text alone and unpadded."""
    ids = torch.tensor([backbone.inputs.tokenizer(text)["input_ids"]])
    hidden = backbone.model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    return torch.nn.functional.normalize(hidden[0].mean(0), dim=0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_any_boundary_equals_the_whole_model(architecture):
    backbone = tiny_backbone(architecture)
    expected = torch.stack([reference(backbone, text) for text in TEXTS])
    for boundary in range(backbone.n_layers + 1):
        z = backbone.forward(backbone.features(TEXTS, boundary), {})
        torch.testing.assert_close(z, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_attention_is_transformers_own(architecture):
    backbone = tiny_backbone(architecture)
    maps = backbone.attentions(TEXTS[1], {})
    ids = torch.tensor([backbone.inputs.tokenizer(TEXTS[1])["input_ids"]])
    own = backbone.model(input_ids=ids, attention_mask=torch.ones_like(ids), output_attentions=True).attentions
    assert maps.shape == (backbone.n_layers, backbone.n_heads, ids.shape[1], ids.shape[1])
    assert torch.equal(maps, torch.stack([layer[0] for layer in own]))
    torch.testing.assert_close(maps.sum(-1), torch.ones_like(maps.sum(-1)))


def test_replaced_weights_count_and_the_model_keeps_its_own(tiny):
    name = next(name for name in dict(tiny.model.named_parameters()) if "layer.2" in name and "dense.weight" in name)
    before = {n: p.clone() for n, p in tiny.model.named_parameters()}
    x = tiny.features(TEXTS, 2)
    changed = tiny.forward(x, {name: tiny.parameter(name) * 2})
    assert not torch.allclose(changed, tiny.forward(x, {}))
    for n, p in tiny.model.named_parameters():
        assert torch.equal(p, before[n])
    with torch.no_grad():
        own = tiny.parameter(name)
        original = own.clone()
        own.mul_(2)
        try:
            torch.testing.assert_close(changed, torch.stack([reference(tiny, text) for text in TEXTS]))
        finally:
            own.copy_(original)


def test_long_lists_go_in_batches_of_bounded_size(tiny_of, monkeypatch):
    """However many inputs there are, no more than AT_ONCE tokens at a time; the groups hold each input once."""
    backbone, widest = tiny_of(), []
    original = backbone._replay.run

    def watching(inputs, *rest):
        widest.append(inputs["input_ids"].numel())
        return original(inputs, *rest)

    monkeypatch.setattr("meta_demo.backbones.pieces.AT_ONCE", 60)
    monkeypatch.setattr(backbone._replay, "run", watching)
    texts = [f"parcel number {n} {'is late ' * (n % 5)}" for n in range(40)]
    x = backbone.features(texts, 2)
    assert max(widest) <= 60 and sorted(torch.cat([g.index for g in x.groups]).tolist()) == list(range(40))
    torch.testing.assert_close(backbone.forward(x, {})[7], reference(backbone, texts[7]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_factors_added_up_are_the_same_model(architecture):
    backbone = tiny_backbone(architecture)
    rng = torch.Generator().manual_seed(0)
    factors = SCOPES["lora"].weights(backbone, Reach(2, 4), rng)
    for w in factors.values():
        w.copy_(torch.randn(w.shape, generator=rng, dtype=w.dtype) / 4)
    whole = merged(backbone, factors)
    assert len(whole) == len(factors) / 2 and whole.keys().isdisjoint(factors)
    x = backbone.features(TEXTS, backbone.n_layers - 2)
    z = backbone.forward(x, factors)
    torch.testing.assert_close(backbone.forward(x, whole), z, rtol=1e-10, atol=1e-12)
    assert not torch.allclose(z, backbone.forward(x, {}))


def test_each_batch_is_computed_once(tiny_of, monkeypatch):
    backbone = tiny_of()
    ran: list[int] = []
    original = backbone._replay.run

    def counting(inputs, *rest):
        ran.append(len(inputs["input_ids"]))
        return original(inputs, *rest)

    monkeypatch.setattr(backbone._replay, "run", counting)
    backbone.features(TEXTS, 2)
    assert sum(ran) == 3  # "hello" stands there twice
    backbone.features(TEXTS[::-1], 2)
    assert sum(ran) == 3  # the same inputs in another order
    backbone.features(TEXTS, 3)
    assert sum(ran) == 6  # the layer above


def test_methods_on_an_equal_start_share_what_it_computes(tiny_of, monkeypatch):
    """Whatever they learned beside it."""
    backbone, ran = tiny_of(), []
    original = backbone._replay.run
    monkeypatch.setattr(backbone._replay, "run", lambda *given: ran.append(1) or original(*given))
    first, second, other = (
        get_algorithm(name)(backbone, get_algorithm(name).Config(scope="lora", last_n=2))
        for name in ("protonet", "relation", "protonet")
    )
    start = {name: torch.randn(w.shape, dtype=w.dtype) for name, w in first.body.items()}
    with torch.no_grad():
        for algorithm in (first, second):
            for name, w in algorithm.body.items():
                w.copy_(start[name])
        for w in other.body.values():
            w.add_(0.1)
        z = first.embed({}, first.features(TEXTS))
        alone = len(ran)
        assert torch.equal(second.embed({}, second.features(TEXTS)), z) and len(ran) == alone
        assert not torch.equal(other.embed({}, other.features(TEXTS)), z) and len(ran) > alone


def test_little_is_padding(minilm):
    """Of a sample's examples, as long as what people type: a fifth, so that few runs of the model hold them all."""
    features = minilm.features([example.content for example in load_sample("bank-requests").support], 4)
    real = sum(int(group.mask.sum()) for group in features.groups)
    assert real / sum(group.mask.numel() for group in features.groups) > 0.8
    assert len(features.groups) <= 3


def test_long_input_is_cut(minilm):
    encoded = minilm.encode("word " * 5000)
    assert len(encoded.key) == minilm.inputs.max_tokens == 256
    assert encoded.dropped == 5002 - 256
    assert encoded.key[-1] == minilm.inputs.tokenizer.sep_token_id


@pytest.mark.parametrize("text", ["", "  ", "🎉🎉", "中文句子", "שלום עולם", "<script>alert(1)</script>", "\u200b"])
def test_any_text_has_an_embedding(minilm, text):
    z = minilm.forward(minilm.features([text], 4), {})
    torch.testing.assert_close(z.norm(dim=1), torch.ones(1))


def test_a_saved_folder_loads(tmp_path, tiny_of):
    backbone = tiny_of("bert", torch.float32)
    backbone.model.save_pretrained(tmp_path)
    backbone.inputs.tokenizer.save_pretrained(tmp_path)
    loaded = load_backbone(str(tmp_path), torch.device("cpu"), Cache(1 << 20))
    torch.testing.assert_close(
        loaded.forward(loaded.features(TEXTS, 1), {}), backbone.forward(backbone.features(TEXTS, 1), {})
    )
    assert loaded.hash == backbone.hash


def test_models_that_cannot_be_had(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"config\.json"):
        load_backbone(str(tmp_path / "empty"), torch.device("cpu"), Cache(0))
    with pytest.raises(UserError, match="no/such-model"):
        load_backbone("no/such-model", torch.device("cpu"), Cache(0))
    with pytest.raises(UserError, match="not a name"):
        load_backbone("not a name!", torch.device("cpu"), Cache(0))


def test_too_large_a_model_is_refused(tmp_path, tiny_of, monkeypatch):
    backbone = tiny_of("bert", torch.float32)
    backbone.model.save_pretrained(tmp_path)
    backbone.inputs.tokenizer.save_pretrained(tmp_path)
    monkeypatch.setenv("META_DEMO_MAX_PARAMETERS", "1000")
    with pytest.raises(UserError, match="million"):
        load_backbone(str(tmp_path), torch.device("cpu"), Cache(0))


def test_bundled_weights_are_checked(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(Text, "models", (replace(MINILM, folder=lambda: tmp_path),))
    with pytest.raises(UserError, match="SHA-256"):
        load_backbone("minilm", torch.device("cpu"), Cache(0))
