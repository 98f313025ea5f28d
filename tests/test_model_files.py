"""Models as people have them on their disks: every weight comes from the file, and what is wrong is said in a sentence by name."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import SMALL, saved_model

from benchmarks.models import SEEN
from meta_demo.algorithms.registry import get_algorithm
from meta_demo.backbones.files import why
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.learning import checkpoint

pytestmark = pytest.mark.many

TEXTS = ["hello", "a somewhat longer sentence about late parcels"]


@pytest.fixture
def folder(tmp_path) -> Path:
    return saved_model(tmp_path / "model", "bert", **SMALL)


def load(folder: Path):
    return load_backbone(str(folder), torch.device("cpu"), Cache(1 << 22))


def changed(folder: Path, file: str = "config.json", **changes: object) -> None:
    said = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({k: v for k, v in {**said, **changes}.items() if v is not None}))


def rewritten(folder: Path, rename) -> None:
    """The weights under other names; none where `rename` says None."""
    weights = load_file(folder / "model.safetensors")
    kept = {new: w for name, w in weights.items() if (new := rename(name))}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def test_a_pooler_that_the_file_lacks_is_no_part_of_the_model(folder, tmp_path):
    """It is random each time: neither the hash nor the weights in scope know it, and a start comes back to where it was made."""
    rewritten(folder, lambda name: None if name.startswith("pooler") else name)
    one, two = load(folder), load(folder)
    assert one.hash == two.hash
    assert not any("pooler" in name for name in one.parameters) and "pooler.dense.weight" in dict(
        one.model.named_parameters()
    )
    cls = get_algorithm("protonet")
    checkpoint.save(cls(one, cls.Config.from_dict({"scope": "model"}), 0), tmp_path / "start")
    again = checkpoint.load(tmp_path / "start", two)
    torch.testing.assert_close(again.embed({}, again.features(TEXTS)), one.forward(one.features(TEXTS, 0), {}))
    one.save(tmp_path / "saved", {})
    assert not any("pooler" in name for name in load_file(tmp_path / "saved" / "model.safetensors"))
    assert load(tmp_path / "saved").hash == one.hash


def test_a_pooler_that_the_file_has_counts(folder):
    assert "pooler.dense.weight" in load(folder).parameters


@pytest.mark.parametrize(
    ("rename", "named"),
    [
        (lambda n: n.replace("attention.self.query", "attention.Wq"), "query"),
        (lambda n: None if n.startswith("embeddings.LayerNorm") else n, "embeddings.LayerNorm"),
        (lambda n: f"tower.{n}", "embeddings"),
    ],
)
def test_weights_that_matter_and_are_missing_refuse_the_model(folder, rename, named):
    rewritten(folder, rename)
    with pytest.raises(UserError, match=rf"lacks \d+ weights that its embeddings need \(.*{named}"):
        load(folder)


def test_more_layers_than_the_file_has_or_fewer(folder):
    changed(folder, num_hidden_layers=5)
    with pytest.raises(UserError, match=r"lacks 32 weights .*encoder\.layer\.3"):
        load(folder)
    changed(folder, num_hidden_layers=2)
    with pytest.raises(UserError, match=r"more layers than the 2 .*encoder\.layer\.2"):
        load(folder)


def test_other_shapes_are_named(folder):
    changed(folder, intermediate_size=32)
    with pytest.raises(UserError, match="other shapes"):
        load(folder)


def test_numbers_that_are_none(folder):
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.1.output.dense.weight"][0, 0] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="not finite"):
        load(folder)


@pytest.mark.parametrize("key", ["num_hidden_layers", "num_labels"])
def test_a_thousand_million_layers_are_refused_before_anything_is_built(folder, key):
    changed(folder, **{key: 10**9})
    started = time.monotonic()
    with pytest.raises(UserError, match=f"{key} = 1000000000"):
        load(folder)
    assert time.monotonic() - started < 5


def test_a_folder_without_a_tokenizer(folder):
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(UserError, match="no tokenizer"):
        load(folder)


def test_a_tokenizer_of_another_model(tmp_path):
    folder = saved_model(tmp_path, "bert", **{**SMALL, "vocab_size": 500})
    with pytest.raises(UserError, match="more tokens than the model"):
        load(folder)


def weights(folder: Path, content: bytes | None) -> None:
    file = folder / "model.safetensors"
    file.unlink() if content is None else file.write_bytes(content)


def half(folder: Path) -> bytes:
    data = (folder / "model.safetensors").read_bytes()
    return data[: len(data) // 2]


INDEX = {"metadata": {}, "weight_map": {"embeddings.word_embeddings.weight": "model-00002-of-00002.safetensors"}}
DAMAGE = {
    "pickle": lambda f: (weights(f, None), (f / "pytorch_model.bin").write_bytes(b"\x80\x02.")),
    "missing": lambda f: weights(f, None),
    "cut": lambda f: weights(f, half(f)),
    "pointer": lambda f: weights(f, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
    "header": lambda f: weights(f, struct.pack("<Q", 10**15) + half(f)),
    "shard": lambda f: (f / "model.safetensors.index.json").write_text(json.dumps(INDEX)),
    "code": lambda f: changed(
        f, model_type="secret", auto_map={"AutoConfig": "code.Config", "AutoModel": "code.Model"}
    ),
    "type": lambda f: changed(f, model_type="of-tomorrow"),
    "no type": lambda f: changed(f, model_type=None),
    "json": lambda f: (f / "config.json").write_text("{not json"),
    "list": lambda f: (f / "config.json").write_text("[1]"),
    "sizes": lambda f: changed(f, hidden_size="sixteen"),
    "zero": lambda f: changed(f, num_attention_heads=0),
    "negative": lambda f: changed(f, num_hidden_layers=-3),
    "vocabulary": lambda f: changed(f, vocab_size=10**30),
}


@pytest.mark.parametrize(
    ("kind", "said"),
    {
        "pickle": "only in a format that can run code",
        "missing": "lacks the file model.safetensors",
        "cut": "download was interrupted",
        "pointer": "git lfs pull",
        "header": "damaged",
        "shard": "lacks the file model-00002-of-00002.safetensors",
        "code": "Python code of its own",
        "type": "does not know",
        "no type": "names no model_type",
        "json": "config.json",
        "list": "config.json",
        "sizes": "could not be loaded",
        "zero": "could not be loaded",
        "negative": "no one list of Transformer layers",
        "vocabulary": "could not be loaded",
    }.items(),
)
def test_what_is_wrong_is_said_in_one_sentence(folder, kind, said):
    DAMAGE[kind](folder)
    with pytest.raises(UserError, match=said) as refused:
        load(folder)
    for lang in ("en", "zh"):
        assert str(folder) in refused.value.message(lang) or kind == "negative"
        assert "\n" not in refused.value.message(lang)


def test_what_the_hub_says_is_passed_on():
    from httpx import Request, Response
    from huggingface_hub import errors

    response = Response(403, request=Request("GET", "https://huggingface.co/a/b"))
    cases = {
        "hf auth login": errors.GatedRepoError("gated", response=response),
        "neither as a folder": errors.RepositoryNotFoundError("none", response=response),
        "connection": errors.LocalEntryNotFoundError("offline"),
        "sentencepiece": ImportError("T5Tokenizer requires the sentencepiece library but it was not found"),
        "damaged": __import__("safetensors").SafetensorError("invalid header"),
        "other shapes": RuntimeError("size mismatch for a.weight: copying a param"),
        "no model of its files": OverflowError("int too large"),
    }
    for said, error in cases.items():
        wrapped = OSError("could not load")
        wrapped.__cause__ = error
        for raised in (error, wrapped) if isinstance(error, OSError) else (error,):
            assert said in str(why(raised, "a/b", "minilm")), said


def test_a_model_that_hides_a_random_part_of_its_input(tmp_path):
    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
    decoder = {"decoder_hidden_size": 16, "decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 2}
    folder = saved_model(
        tmp_path, "vit_mae", **sizes, **decoder, decoder_intermediate_size=24, image_size=32, patch_size=8
    )
    with pytest.raises(UserError, match="another answer each time"):
        load(folder)


BLIND = "“{}” no token sees another"


def test_attention_that_transformers_leaves_out_refuses_the_model(tmp_path):
    """That of MRA is all zeros without its program for graphics cards."""
    folder = saved_model(tmp_path, "mra", **SMALL)
    with pytest.raises(UserError, match=BLIND.format(folder)) as refused:
        load(folder)
    assert f"“{folder}”" in refused.value.message("zh") and "彼此看不见" in refused.value.message("zh")


SIGHT = {
    "bert": (SMALL, "attention.output.dense"),
    "roberta": (SMALL, "attention.output.dense"),  # its positions follow from its padding
    "gpt2": ({"n_embd": 16, "n_layer": 3, "n_head": 2, "vocab_size": 30522}, "attn.c_proj"),
    "vit": (SEEN, "attention.output.dense"),
    "siglip_vision_model": (SEEN, "self_attn.out_proj"),  # without a token for the whole
}


@pytest.mark.parametrize("architecture", SIGHT)
def test_attention_that_is_zero_refuses_the_model_whatever_was_found_before(architecture, tmp_path):
    sizes, part = SIGHT[architecture]
    folder = saved_model(tmp_path, architecture, **sizes)
    assert load(folder).n_layers == 3
    file = folder / "model.safetensors"
    weights = load_file(file)
    maps = sorted(name for name in weights if part in name)
    assert len(maps) == 6  # weight and bias of each layer
    for zero, blind in ((maps[:4], False), (maps, True)):
        save_file({n: w * (n not in zero) for n, w in weights.items()}, file, {"format": "pt"})
        if not blind:  # one layer is enough
            assert load(folder).n_layers == 3
            continue
        with pytest.raises(UserError, match=BLIND.format(folder)):
            load(folder)


def test_waves_that_do_not_see_each_other_refuse_a_model_of_curves(tmp_path):
    backbone = load("curves")
    zero = {n: w * 0 for n, w in backbone.parameters.items() if "attention.o_proj" in n}
    assert len(zero) == 4
    backbone.save(tmp_path, zero)
    with pytest.raises(UserError, match=BLIND.format(tmp_path)):
        load(tmp_path)


@pytest.mark.parametrize("name", ["minilm", "glyph-vit", "curves"])
def test_the_bundled_models_see(name, monkeypatch):
    """By far more than rounding: a model is not refused for the machine that it runs on."""
    from meta_demo.backbones import trial

    monkeypatch.setattr(trial, "ROUNDING", 1e4)
    assert load(name).n_maps


RUNS = {
    "ibert": SMALL,
    "rwkv": {**SMALL, "attention_hidden_size": 16},
    "reformer": {**SMALL, "axial_pos_embds": False},
    "lilt": SMALL,  # whose width has to be six of something
    "siglip2_vision_model": SEEN,  # which has to be told where patches lie
}


@pytest.mark.parametrize("architecture", RUNS)
def test_an_architecture_that_does_not_run_is_refused_without_a_word_of_python(architecture, tmp_path):
    folder = saved_model(tmp_path, architecture, **RUNS[architecture])
    with pytest.raises(UserError, match="does not run here as adapting needs it") as refused:
        load(folder)
    assert refused.value.name == "model_runs" and refused.value.values == {"model": str(folder)}


def test_gradients_are_tried_where_side_files_say_how_to_pool(tmp_path):
    from meta_demo.modalities.inputs import POOLING

    folder = saved_model(tmp_path, "reformer", **RUNS["reformer"])
    (folder / POOLING).parent.mkdir(exist_ok=True)
    (folder / POOLING).write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    with pytest.raises(UserError, match="gradients back through its layers"):
        load(folder)


MAPS = {
    "convnextv2": {"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 2, 1]},
    "vitdet": SEEN,
}


@pytest.mark.parametrize("architecture", MAPS)
def test_a_map_of_features_is_no_row_of_tokens(architecture, tmp_path):
    folder = saved_model(tmp_path, architecture, **MAPS[architecture])
    with pytest.raises(UserError, match="makes one map of features"):
        load(folder)


def test_a_model_that_changes_its_embeddings_in_place_is_its_own(tmp_path):
    sizes = {"n_embd": 16, "dff": 24, "n_layer": 3, "n_head": 2, "n_positions": 64, "vocab_size": 30522}
    backbone = load(saved_model(tmp_path, "ctrl", **sizes))
    ids = backbone.inputs.tokenizer(TEXTS[1], return_tensors="pt")["input_ids"]
    with torch.no_grad():
        own = backbone.model(input_ids=ids).last_hidden_state[0, -1]
    for boundary in range(4):
        z = backbone.forward(backbone.features(TEXTS, boundary), {})[1]
        torch.testing.assert_close(z, torch.nn.functional.normalize(own, dim=0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("architecture", ["xlm", "flaubert"])
def test_layers_in_pieces_are_no_layers(tmp_path, architecture):
    sizes = {
        "emb_dim": 16,
        "n_layers": 3,
        "n_heads": 2,
        "vocab_size": 30522,
        "n_words": 30522,
        "max_position_embeddings": 64,
    }
    with pytest.raises(UserError, match="no one list of Transformer layers"):
        load(saved_model(tmp_path, architecture, **sizes))


def test_the_verdict_is_found_once(folder, monkeypatch, tmp_path):
    from meta_demo.backbones import trial

    monkeypatch.setenv("META_DEMO_CACHE_DIR", str(tmp_path / "cache"))
    made = []
    verdict = trial._Trial.verdict
    monkeypatch.setattr(trial._Trial, "verdict", lambda self: made.append(1) or verdict(self))
    changed(folder, layer_norm_eps=1.5e-12)  # sizes that no other test has
    first = load(folder).boundaries
    monkeypatch.setattr(trial, "_KNOWN", {})  # as another process has it
    assert load(folder).boundaries == first == (0, 1, 2, 3) and made == [1]
    changed(folder, num_hidden_layers=3, layer_norm_eps=1.6e-12)
    load(folder)
    assert made == [1, 1]


def test_a_pickle_on_the_hub_is_read_where_the_hubs_converter_made_safetensors_of_it(folder, monkeypatch):
    """From its pull request and from nobody else's; without one, the message says what is the matter."""
    from types import SimpleNamespace

    import huggingface_hub
    from transformers import BertModel

    from meta_demo.backbones.weights import read_weights

    asked = []

    class Api:
        def get_repo_discussions(self, source, *, author, discussion_type):
            asked.append((source, author, discussion_type))
            return [SimpleNamespace(git_reference=f"refs/pr/{n}") for n in (3, 4)]

        def file_exists(self, source, name, *, revision):
            return (source, name, revision) == ("some/model", "model.safetensors", "refs/pr/4")

    class OnTheHub:
        @staticmethod
        def from_pretrained(source, revision="main", **how):
            if revision != "refs/pr/4":
                raise OSError(f"{source} does not appear to have a file named model.safetensors")
            return BertModel.from_pretrained(folder, **how)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    model = read_weights(OnTheHub, "some/model", "some/model")
    assert model.config.num_hidden_layers == 3
    assert asked == [("some/model", "SFconvertbot", "pull_request")]
    monkeypatch.setattr(Api, "file_exists", lambda *_, **__: False)
    with pytest.raises(OSError, match="safetensors") as missing:
        read_weights(OnTheHub, "some/model", "some/model")
    assert "only in a format that can run code" in str(why(missing.value, "some/model", "minilm"))
