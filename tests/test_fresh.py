"""From nothing to a model of one's own: random weights by seed, training all of them, and the folder that comes out."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoConfig, AutoModel

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.fresh import fresh_model
from meta_demo.backbones.loading import load_backbone
from meta_demo.cli import main
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.data.drawing.glyphs import glyph_source
from meta_demo.learning import checkpoint

SIZES = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 8, "intermediate_size": 24}
CONFIG = {"model_type": "beit", "image_size": 24, "patch_size": 8, "use_relative_position_bias": True, **SIZES}
PROCESSOR = {"image_processor_type": "ViTImageProcessor", "size": {"height": 24, "width": 24}}
PICTURES = [drawings[0] for drawings in glyph_source(0, 1, 3, 1).classes.values()]


@pytest.fixture
def untrained(tmp_path):
    """A folder that says what a model looks like, without any weights."""
    folder = tmp_path / "untrained"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    return folder


def fresh(folder, seed=0):
    return load_backbone(str(folder), torch.device("cpu"), Cache(1 << 26), scratch=seed)


@pytest.mark.slow
def test_weights_depend_on_the_seed_alone(untrained):
    assert fresh(untrained, 1).hash == fresh(untrained, 1).hash != fresh(untrained, 2).hash


def test_nothing_is_drawn_from_the_global_generator():
    before = torch.random.get_rng_state()
    fresh_model(lambda: AutoModel.from_config(AutoConfig.for_model(**CONFIG)), 0)
    assert torch.equal(before, torch.random.get_rng_state())


def test_heads_start_at_their_neighbours(untrained):
    """In the lowest layer each of the eight heads looks, from the middle patch, at another of its neighbours."""
    maps = fresh(untrained).attentions(PICTURES[0], {})[0]  # [heads, tokens, tokens]
    looked_at = maps[:, 1 + 4, 1:].argmax(-1).tolist()  # 3 x 3 patches after CLS
    assert looked_at == [0, 1, 2, 3, 5, 6, 7, 8]


@pytest.mark.many
def test_the_whole_model_is_trained_and_leaves_as_a_folder(untrained, tmp_path):
    where = {"output": str(tmp_path / "run"), "export": str(tmp_path / "model")}
    command = [
        "train",
        "--model",
        str(untrained),
        "--from-scratch",
        "--algorithm",
        "protonet",
        "--protonet.scope",
        "model",
    ]
    command += ["--source", "builtin:glyphs", "--valid", "builtin:glyphs:1", "--within", "0.5", "--n-way", "3"]
    command += [
        "--n-query",
        "2",
        "--steps",
        "2",
        "--valid-every",
        "2",
        "--valid-episodes",
        "2",
        "--distort",
        "1",
    ]
    command += ["--muon"] * hasattr(torch.optim, "Muon")  # torch 2.8 has none
    assert main([*command, "--lr", "0.01", "--output", where["output"], "--export", where["export"]]) == 0
    card = checkpoint.read_card(tmp_path / "run").model_dump()
    assert card["start"] == "random weights" and card["sources"][0]["program"] == "glyphs, seed 0, 150 x 24 x 12"
    trained = checkpoint.load(tmp_path / "run", fresh(untrained))
    exported = load_backbone(where["export"], torch.device("cpu"), Cache(1 << 26))
    expected = trained.embed({}, trained.features(PICTURES))
    assert torch.equal(exported.forward(exported.features(PICTURES, 0), {}), expected)
    assert all(name in trained.body for name, _ in exported.model.named_parameters())


def test_only_a_whole_model_can_leave(untrained, tmp_path):
    algorithm = REGISTRY["protonet"](fresh(untrained), REGISTRY["protonet"].Config(scope="all"))
    with pytest.raises(UserError, match="scope is all"):
        checkpoint.export(algorithm, tmp_path / "model")


@pytest.mark.parametrize(("scope", "source"), [("last_n", "builtin:glyphs"), ("model", "builtin:school")])
def test_distorting_needs_pixels_under_training(scope, source, untrained, tmp_path, capsys):
    model = ["--model", str(untrained), "--from-scratch"] if source == "builtin:glyphs" else []
    command = [
        "train",
        *model,
        "--algorithm",
        "protonet",
        "--protonet.scope",
        scope,
        "--source",
        source,
        "--distort",
        "1",
    ]
    assert main([*command, "--n-way", "3", "--n-query", "2", "--output", str(tmp_path / "run")]) == 2
    assert "leave out --distort" in capsys.readouterr().err
