"""Folders of sentence-transformers, of every version, against the library itself: the same embeddings, or a refusal by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import SMALL, saved_model

from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.modalities.pooling import MODES

pytestmark = pytest.mark.many


def library() -> Any:
    """The library's modules, imported where a test needs them: that takes longer than most tests."""
    from sentence_transformers.sentence_transformer import modules

    return modules


def theirs(*given: Any, **more: Any) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(*given, **more)


TEXTS = ["Hello", "a somewhat longer Sentence about late parcels", "and one of a middling length", "HELLO " * 40]
OLD = dict(
    zip(
        MODES,
        ("cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"),
        strict=True,
    )
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    return saved_model(tmp_path_factory.mktemp("plain"), "bert", **SMALL)


def made(plain: Path, folder: Path, *behind: torch.nn.Module, modes="mean", prompt: str = "", **said) -> Path:
    """A folder as the library writes it."""
    transformer = library().Transformer(str(plain), max_seq_length=24)
    pooling = library().Pooling(16, pooling_mode=modes, **said)
    prompts = {"prompts": {"query": "query: ", "passage": "passage: "}, "default_prompt_name": prompt} if prompt else {}
    theirs(modules=[transformer, pooling, *behind], device="cpu", **prompts).save(str(folder))
    return folder


def check(folder: Path) -> None:
    """The library's embeddings, at unit length, and ours."""
    expected = theirs(str(folder), device="cpu").encode(TEXTS, normalize_embeddings=True, convert_to_tensor=True)
    backbone = ours(folder)
    assert backbone.dim == expected.shape[1]
    for boundary in (0, 2, 3):
        found = backbone.forward(backbone.features(TEXTS, boundary), {})
        torch.testing.assert_close(found, expected.clone(), rtol=0, atol=1e-5)


def ours(folder: Path):
    return load_backbone(str(folder), torch.device("cpu"), Cache(1 << 22))


@pytest.mark.parametrize(
    "modes", [*MODES, ("cls", "mean"), ("mean", "max", "lasttoken"), ("weightedmean", "cls")], ids=str
)
def test_every_way_of_pooling(plain, tmp_path, modes):
    check(made(plain, tmp_path / "new", modes=modes))


@pytest.mark.parametrize("modes", [*((m,) for m in MODES), ("cls", "mean")], ids=str)
def test_the_switches_of_older_versions(plain, tmp_path, modes):
    folder = made(plain, tmp_path / "old")
    said = {"word_embedding_dimension": 16} | {f"pooling_mode_{key}": mode in modes for mode, key in OLD.items()}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(said))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12, "do_lower_case": False}))
    assert ours(folder).inputs.max_tokens == 12
    check(folder)


def test_the_modules_behind_the_pooling_and_their_width(plain, tmp_path):
    torch.manual_seed(0)
    dense = library().Dense(32, 5, activation_function=torch.nn.GELU())
    more = library().Dense(5, 5, bias=False, activation_function=torch.nn.Identity(), use_residual=True)
    check(made(plain, tmp_path / "dense", dense, library().Normalize(), more, modes=("cls", "mean")))


def test_any_number_and_any_place_of_a_module(plain, tmp_path):
    """As the first versions had it: the Transformer in a folder of its own, the pooling under a number of somebody's choice."""
    folder = made(plain, tmp_path / "whole", modes="max")
    (folder / "0_Transformer").mkdir()
    for file in [f for f in folder.iterdir() if f.is_file() and f.name not in ("modules.json", "README.md")]:
        if file.name != "config_sentence_transformers.json":
            shutil.move(file, folder / "0_Transformer" / file.name)
    shutil.move(folder / "1_Pooling", folder / "7_Pooling")
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"], modules[1]["path"] = "0_Transformer", "7_Pooling"
    (folder / "modules.json").write_text(json.dumps(modules))
    check(folder)


def test_lower_case_is_made_where_the_files_want_it(plain, tmp_path):
    cased = tmp_path / "cased"
    shutil.copytree(plain, cased)
    tokenizer = json.loads((cased / "tokenizer.json").read_text())
    tokenizer["normalizer"]["lowercase"] = False
    (cased / "tokenizer.json").write_text(json.dumps(tokenizer))
    settings = json.loads((cased / "tokenizer_config.json").read_text())
    (cased / "tokenizer_config.json").write_text(json.dumps({**settings, "do_lower_case": False}))
    folder = made(cased, tmp_path / "lower")
    for lower in (False, True):
        (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 24, "do_lower_case": lower}))
        check(folder)
        backbone = ours(folder)
        assert (backbone.encode("HELLO").key == backbone.encode("hello").key) is lower


@pytest.mark.parametrize("include", [True, False])
def test_prompts_stand_before_every_text(plain, tmp_path, include):
    folder = made(plain, tmp_path / "prompt", prompt="query", include_prompt=include)
    check(folder)
    backbone = ours(folder)
    assert (backbone.inputs.prompt, backbone.inputs.shows("hello")) == ("query: ", "query: hello")
    backbone.inputs.use_prompt("passage")
    expected = theirs(str(folder), device="cpu").encode(TEXTS, prompt_name="passage", normalize_embeddings=True)
    found = backbone.forward(backbone.features(TEXTS, 0), {})
    torch.testing.assert_close(found, torch.tensor(expected), rtol=0, atol=1e-5)
    with pytest.raises(UserError, match="passage, query, none"):
        backbone.inputs.use_prompt("question")


def test_a_prompt_can_stand_behind_the_models_name(plain, tmp_path):
    """On the command line, in the API and in the page alike."""
    folder = made(plain, tmp_path / "prompt", prompt="query")
    prompts = {name: ours(Path(f"{folder}{name}")).inputs.prompt for name in ("", "#query", "#passage", "#none")}
    assert prompts == {"": "query: ", "#query": "query: ", "#passage": "passage: ", "#none": ""}
    with pytest.raises(UserError, match="no prompt “question”"):
        ours(Path(f"{folder}#question"))


def test_what_is_saved_says_the_same_again(plain, tmp_path):
    """Weights behind the pooling too, which a scope of every weight adapts."""
    torch.manual_seed(1)
    backbone = ours(made(plain, tmp_path / "one", library().Dense(16, 4), modes="max", prompt="query"))
    moved = {name: p + 0.1 for name, p in backbone.parameters.items()}
    assert any(name.startswith("finish.") for name in moved)
    backbone.save(tmp_path / "two", moved)
    check(tmp_path / "two")
    again = ours(tmp_path / "two")
    expected = backbone.forward(backbone.features(TEXTS, 0), moved)
    torch.testing.assert_close(again.forward(again.features(TEXTS, 0), {}), expected, rtol=0, atol=1e-5)
    assert again.hash != backbone.hash


@pytest.mark.parametrize(
    ("file", "said", "named"),
    [
        ("modules.json", [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.BoW"}], "BoW"),
        ("1_Pooling/config.json", {"pooling_mode": "attention"}, "attention"),
        ("1_Pooling/config.json", {"pooling_mode_secret": True}, "secret"),
        ("2_Dense/config.json", {"in_features": 16, "out_features": 4, "activation_function": "os.system"}, "os.system"),
        ("2_Dense/config.json", {"in_features": 9, "out_features": 4}, "Dense"),
        ("sentence_bert_config.json", {"query_expansion": {"strategy": "fixed", "length": 32}}, "query_expansion"),
        ("modules.json", "nonsense", "modules.json"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused(plain, tmp_path, file, said, named):
    folder = made(plain, tmp_path / "odd", library().Dense(16, 4))
    (folder / file).write_text(json.dumps(said))
    with pytest.raises(UserError, match=named.replace(".", r"\.")):
        ours(folder)
