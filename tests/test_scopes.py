"""Scopes beside the model's own weights, each against PEFT's tuner of that name at the lowest boundary; and added tokens anywhere else."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny_models import QUERY, SUPPORT, make_task, tiny_backbone
from torch.nn.functional import normalize

from meta_demo.algorithms.base import State
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.added import ROWS, TOKENS
from meta_demo.backbones.linear import SCALED_IN
from meta_demo.backbones.scopes import SCOPES, Reach
from meta_demo.core.errors import UserError
from meta_demo.words import LANGUAGES

BACKBONE = tiny_backbone(seed=4)
TEXTS = [text for text, _ in SUPPORT]
COUNT, N = 5, BACKBONE.n_layers
LAYERS = BACKBONE.layers_path


def weights_of(scope: str, layers: int = N, backbone=BACKBONE) -> dict[str, torch.Tensor]:
    """The weights in scope, moved away from where they start."""
    rng = torch.Generator().manual_seed(1)
    own = SCOPES[scope].weights(backbone, Reach(layers, 2, COUNT), rng)
    return {name: w + torch.randn(w.shape, generator=rng, dtype=w.dtype) / 3 for name, w in own.items()}


def ours(weights, boundary: int = 0) -> torch.Tensor:
    return BACKBONE.forward(BACKBONE.features(TEXTS, boundary), weights)


def theirs(model, skipped: int = 0) -> torch.Tensor:
    """Mean of a model's last hidden states, one text at a time."""
    rows = []
    for text in TEXTS:
        ids = torch.tensor([BACKBONE.encode(text).key])
        with torch.no_grad():
            hidden = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        rows.append(normalize(hidden[0, skipped:].mean(0), dim=0))
    return torch.stack(rows)


def tuned(config):
    import peft  # here and below, for it takes longer than most tests

    return peft.get_peft_model(copy.deepcopy(BACKBONE.model), config).double().eval()


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-10)
    assert not torch.allclose(found, ours({}), atol=1e-4)  # the weights have a part in it


def test_prompt_is_pefts_prompt_tuning():
    import peft

    model = tuned(peft.PromptTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=COUNT))
    weights = weights_of("prompt")
    ((name, tokens),) = weights.items()
    assert name == f"{LAYERS}.0.{TOKENS}"
    model.prompt_encoder["default"].embedding.weight.data.copy_(tokens)
    close(ours(weights), theirs(model, COUNT))


def test_prefix_is_pefts_prefix_tuning():
    import peft

    model = tuned(peft.PrefixTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=COUNT))
    weights = weights_of("prefix")
    rows = [weights[f"{LAYERS}.{i}.attention.self.{kind}.{ROWS}"] for i in range(N) for kind in ("key", "value")]
    assert len(weights) == len(rows)
    model.prompt_encoder["default"].embedding.weight.data.copy_(torch.cat(rows, 1))
    close(ours(weights), theirs(model))


def test_ia3_is_pefts():
    import peft

    config = peft.IA3Config(
        target_modules=r".*\.(key|value|\d+\.output\.dense)", feedforward_modules=r".*\.\d+\.output\.dense"
    )
    model, weights = tuned(config), weights_of("ia3")
    for name, scale in weights.items():
        module = model.base_model.model.get_submodule(name.rpartition(".")[0])
        own = module.ia3_l["default"].data
        own.copy_(scale.view(own.shape))
    assert len(weights) == 3 * N and sum(name.endswith(SCALED_IN) for name in weights) == N
    close(ours(weights), theirs(model))


def test_norm_is_pefts_ln_tuning():
    import peft

    model, weights = tuned(peft.LNTuningConfig(target_modules=r"encoder\..*\.LayerNorm")), weights_of("norm")
    learned = {name: p for name, p in model.named_parameters() if p.requires_grad}
    names = {name.removeprefix("base_model.model.").replace(".ln_tuning_layers.default", "") for name in learned}
    assert names == weights.keys()
    for name, p in learned.items():
        p.data.copy_(weights[name.removeprefix("base_model.model.").replace(".ln_tuning_layers.default", "")])
    close(ours(weights), theirs(model))


@pytest.mark.parametrize("boundary", [1, 2])
def test_a_prompt_above_the_lowest_layer_stands_before_that_layers_tokens(boundary):
    """By hand: the model's own layers, called with what is known below and the tokens before it."""
    weights = weights_of("prompt", N - boundary)
    ((name, tokens),) = weights.items()
    assert name == f"{LAYERS}.{boundary}.{TOKENS}"
    rows = []
    for text in TEXTS:
        ids = torch.tensor([BACKBONE.encode(text).key])
        with torch.no_grad():
            known = BACKBONE.model(input_ids=ids, output_hidden_states=True).hidden_states[boundary]
            hidden = torch.cat([tokens[None], known], 1)
            for layer in BACKBONE.model.encoder.layer[boundary:]:
                hidden = layer(hidden)
                hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        rows.append(normalize(hidden[0, COUNT:].mean(0), dim=0))
    close(ours(weights, boundary), torch.stack(rows))
    close(ours(weights, 0), torch.stack(rows))  # features from below go on to where the tokens stand


@pytest.mark.parametrize("boundary", [1, 2])
def test_a_prefix_above_the_lowest_layer_is_attended_from_there_on(boundary):
    """By hand: attention written out, with more keys and values."""
    weights = weights_of("prefix", N - boundary)
    heads = BACKBONE.n_heads
    rows = []
    for text in TEXTS:
        ids = torch.tensor([BACKBONE.encode(text).key])
        with torch.no_grad():
            hidden = BACKBONE.model(input_ids=ids, output_hidden_states=True).hidden_states[boundary][0]
            for i in range(boundary, N):
                layer = BACKBONE.model.encoder.layer[i]
                own = layer.attention.self
                more = [weights[f"{LAYERS}.{i}.attention.self.{kind}.{ROWS}"] for kind in ("key", "value")]
                q, k, v = (
                    own.query(hidden),
                    torch.cat([more[0], own.key(hidden)]),
                    torch.cat([more[1], own.value(hidden)]),
                )
                q, k, v = (t.unflatten(-1, (heads, -1)).transpose(0, 1) for t in (q, k, v))
                mixed = (q @ k.transpose(1, 2) / k.shape[-1] ** 0.5).softmax(-1) @ v
                attended = layer.attention.output(mixed.transpose(0, 1).flatten(1), hidden)
                hidden = layer.output(layer.intermediate(attended), attended)
        rows.append(normalize(hidden.mean(0), dim=0))
    close(ours(weights, boundary), torch.stack(rows))


@pytest.mark.parametrize("scope", ["prompt", "prefix", "ia3", "norm"])
def test_in_pieces_a_scope_gives_the_same_and_its_gradient_too(scope, monkeypatch):
    weights = {name: w.requires_grad_() for name, w in weights_of(scope, 2).items()}
    features = BACKBONE.features(TEXTS, N - 2)

    def found() -> list[torch.Tensor]:
        z = BACKBONE.forward(features, weights)
        return [z, *torch.autograd.grad((z * torch.arange(z.shape[1])).sum(), list(weights.values()))]

    whole = found()
    monkeypatch.setattr("meta_demo.backbones.pieces.KEPT", 1 << 14)
    assert len(BACKBONE.appetite.pieces(features, 2)) > len(features.groups)
    for one, other in zip(found(), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("scope", ["prompt", "prefix"])
def test_no_token_is_no_change(scope):
    own = SCOPES[scope].weights(BACKBONE, Reach(2, 2, 0), torch.Generator())
    assert own and not sum(w.numel() for w in own.values())
    assert torch.equal(ours(own), ours({}))


@pytest.mark.parametrize("scope", ["prompt", "prefix"])
def test_more_tokens_than_positions_are_refused_with_their_numbers(scope):
    with pytest.raises(UserError, match=r"more context tokens than the model has positions: 100 beside .* 64"):
        SCOPES[scope].weights(BACKBONE, Reach(2, 2, 100), torch.Generator())
    own = SCOPES[scope].weights(BACKBONE, Reach(2, 2, 40), torch.Generator())
    with pytest.raises(UserError, match="40 beside 48 tokens of the input are 88"):
        BACKBONE.forward(BACKBONE.features(["word " * 60], 1), own)


@pytest.mark.parametrize("scope", ["prompt", "prefix"])
def test_attention_maps_leave_added_tokens_out_and_rows_still_sum_to_one(scope):
    """Below the boundary they are the model's own; above, shares of what is left."""
    weights, plain = weights_of(scope, 1), BACKBONE.attentions(TEXTS[0], {})
    maps = BACKBONE.attentions(TEXTS[0], weights)
    assert maps.shape == plain.shape
    torch.testing.assert_close(maps[:-1], plain[:-1])
    torch.testing.assert_close(maps.sum(-1), torch.ones_like(maps.sum(-1)))
    if (
        scope == "prefix"
    ):  # queries and keys of the input's own tokens are what they were: so are their shares of the rest
        torch.testing.assert_close(maps[-1], plain[-1])


@pytest.mark.parametrize("scope", ["prompt", "prefix", "ia3", "norm"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_every_gradient_method_moves_every_weight_in_scope(scope, layers):
    for name in ("maml", "finetune"):
        cls = REGISTRY[name]
        config = cls.Config(
            scope=scope, last_n=layers, tokens=3, inner_steps=2
        )  # fine-tuning begins with a head of zeros
        algorithm = cls(BACKBONE, config)
        task = make_task(BACKBONE, algorithm.boundary)
        first, *_, last = (state.tensors for state in algorithm.adapt(task.support))
        moved = {n for n in algorithm.body if not torch.equal(first[n], last[n])}
        assert moved == algorithm.body.keys() and len(QUERY) == len(algorithm.predict(State(last), task.query.x))


@pytest.mark.parametrize(
    "name", [name for name, cls in REGISTRY.items() if "scope" in {k.name for k in cls.Config.knobs()}]
)
def test_the_help_of_a_scope_names_those_that_a_method_takes(name):
    """Help that names more sends people where they are refused."""
    knob = REGISTRY[name].Config.knob("scope")
    for lang in LANGUAGES:
        assert [part.split(":")[0].strip() for part in knob.explained(lang).split(";")] == list(knob.choices)
