"""What holds for every architecture: wherever a model is cut and whatever scope adapts it, it begins as the model that it is."""

from __future__ import annotations

import pytest
import torch
from conftest import usual
from tiny_models import saved_model
from torch.nn.functional import normalize

from benchmarks.models import SIZES
from meta_demo.algorithms.metric.base import DistanceConfig
from meta_demo.algorithms.metric.protonet import PrototypicalNetwork
from meta_demo.backbones.linear import LORA_B
from meta_demo.backbones.loading import load_backbone
from meta_demo.backbones.scopes import SCOPES, Reach
from meta_demo.backbones.scopes.lora import merged
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.modalities.picture.content import Picture

# what an architecture cannot do: the numbers of layers it can be cut after, whether it pads, how many maps of attention it shows
WHOLE = ((0, 1, 2, 3), True, 3)
TEXTS = dict.fromkeys(
    (
        "bert",
        "roberta",
        "mpnet",
        "electra",
        "distilbert",
        "deberta-v2",
        "gpt2",
        "llama",
        "qwen3",
        "gemma",
        "bart",
        "umt5",
    ),
    WHOLE,
)
TEXTS |= {
    "modernbert": (
        (0, 1, 2, 3),
        False,
        3,
    ),  # in float64 alone, where a window of nothing but padding has no finite share
    "albert": ((0, 1), True, 3),
    "t5": ((0, 3), True, 3),
    "fnet": ((0, 1, 2, 3), False, 0),
    "convbert": ((0, 1, 2, 3), False, 3),
    "xlnet": ((0, 3), True, 3),
}
PICTURES = dict.fromkeys(
    ("vit", "deit", "dinov2", "dinov3_vit", "siglip_vision_model", "clip_vision_model", "beit", "yolos"), WHOLE
)
PICTURES |= {"dpt": ((0, 1, 2, 3, 4), False, 4), "swin": ((0, 1, 2), False, 0), "hiera": ((0, 3), False, 0)}
USUAL = ("bert", "gpt2", "vit")
UNBIASED = ("t5", "umt5", "llama", "qwen3", "gemma", "modernbert")
CAUSAL = ("gpt2", "llama", "qwen3", "gemma")
NO_WEIGHT, NO_KEYS, NO_TOKENS = "holds no weight", "no separate maps", "cannot be given tokens"
REFUSED = {
    **{("bias", name): NO_WEIGHT for name in UNBIASED},
    ("attention", "fnet"): NO_WEIGHT,
    **{("prefix", name): NO_KEYS for name in ("gpt2", "modernbert", "fnet", "xlnet", "hiera", "swin")},
    **{("prompt", name): NO_TOKENS for name in ("xlnet", "hiera", "swin", "yolos")},
    **{
        ("prefix", name): NO_TOKENS for name in ("convbert", "yolos")
    },  # tokens beside it have a part in a key; no place for more
}
ADDING = [name for name, scope in SCOPES.items() if scope.adds]
SENTENCES = ["hello", "a somewhat longer sentence about late parcels", "and one of a middling length"]
SHOWN = [Picture(40, 40, "RGB", bytes((i * 7 + n * n) % 256 for i in range(4800)), f"{n}") for n in (1, 2, 3)]
ALL = {**TEXTS, **PICTURES}
EACH = usual(ALL, USUAL.__contains__)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A tiny random model of an architecture, saved as the Hub would give it and loaded as a visitor does; each once."""
    known = {}

    def load(architecture):
        if architecture not in known:
            folder = saved_model(tmp_path_factory.mktemp(architecture), architecture, **SIZES[architecture])
            dtype = torch.float32 if architecture == "xlnet" else torch.float64  # its positions are of float32
            known[architecture] = load_backbone(str(folder), torch.device("cpu"), Cache(1 << 24), dtype)
        return known[architecture]

    return load


def contents(architecture):
    return SENTENCES if architecture in TEXTS else SHOWN


@pytest.mark.parametrize("architecture", EACH)
def test_every_cut_and_every_scope_begin_as_the_model_that_it_is(architecture, loaded):
    """Two paths there are, features that are adapted on and outputs that are not, and they give the same embeddings."""
    backbone, shown = loaded(architecture), contents(architecture)
    assert backbone.boundaries == ALL[architecture][0]
    expected = torch.cat([backbone.forward(backbone.features([c], 0), {}) for c in shown])
    for boundary in range(backbone.n_layers + 1):
        z = backbone.forward(backbone.features(shown, boundary), {})
        torch.testing.assert_close(z, expected, rtol=1e-5, atol=1e-6)
    for scope in SCOPES:
        if (scope, architecture) in REFUSED:
            with pytest.raises(UserError, match=REFUSED[scope, architecture]):
                PrototypicalNetwork(backbone, DistanceConfig(scope=scope, last_n=2))
            continue
        config = DistanceConfig(scope=scope, last_n=2, lora_rank=2, tokens=0 if scope in ADDING else 8)
        algorithm = PrototypicalNetwork(backbone, config)
        z = algorithm.embed({}, algorithm.features(shown))
        torch.testing.assert_close(z.detach(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scope", ADDING)
@pytest.mark.parametrize("architecture", EACH)
def test_added_tokens_are_seen_by_every_token_and_take_no_place_in_what_is_pooled(architecture, scope, loaded):
    """Beside longer inputs, alone, adapted on and not: the same embeddings, in which each of them has a part."""
    backbone, shown = loaded(architecture), contents(architecture)
    if (scope, architecture) in REFUSED:
        return
    algorithm = PrototypicalNetwork(backbone, DistanceConfig(scope=scope, last_n=2, tokens=3)).eval()
    together = algorithm.embed({}, backbone.features(shown, algorithm.boundary))
    alone = torch.cat([algorithm.embed({}, backbone.features([c], algorithm.boundary)) for c in shown])
    with torch.no_grad():
        torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(algorithm.embed({}, algorithm.features(shown)), together, rtol=1e-5, atol=1e-6)
    told = torch.autograd.grad((together * torch.arange(together.shape[1])).sum(), list(algorithm.body.values()))
    assert all(bool(g.any(-1).all()) for g in told)
    if backbone.n_maps:
        maps = backbone.attentions(shown[1], {name: w.detach() for name, w in algorithm.body.items()})
        assert maps.shape == backbone.attentions(shown[1], {}).shape
        torch.testing.assert_close(maps.sum(-1), torch.ones_like(maps.sum(-1)))


@pytest.mark.parametrize("architecture", usual(TEXTS, USUAL.__contains__))
def test_texts_are_pooled_from_the_models_own_forward(architecture, loaded):
    """With all arguments it takes, token types too; the last token where none sees what follows, else the mean."""
    backbone = loaded(architecture)
    causal = architecture in CAUSAL
    assert backbone.inputs.said.modes == (("lasttoken",) if causal else ("mean",))
    for text in SENTENCES:
        encoded = backbone.inputs.tokenizer(text, return_tensors="pt")
        takes = backbone.model.forward.__code__.co_varnames
        with torch.no_grad():
            hidden = backbone.model(
                **{k: v for k, v in encoded.items() if k in takes or k != "token_type_ids"}
            ).last_hidden_state
        own = hidden[0, -1] if causal else hidden[0].mean(0)
        found = backbone.forward(backbone.features([text], 0), {})[0]
        torch.testing.assert_close(found, normalize(own, dim=0), rtol=1e-5, atol=1e-6)
    assert backbone.inputs.pads is TEXTS[architecture][1]


@pytest.mark.parametrize("architecture", EACH)
def test_attention_is_a_share_for_each_token_or_none_is_shown(architecture, loaded):
    backbone = loaded(architecture)
    assert backbone.n_maps == ALL[architecture][-1]
    if backbone.n_maps:
        maps = backbone.attentions(contents(architecture)[1], {})
        assert len(maps) == backbone.n_maps
        torch.testing.assert_close(maps.sum(-1), torch.ones_like(maps.sum(-1)))
    else:
        with pytest.raises(ValueError, match="no attention map"):
            backbone.attentions(contents(architecture)[1], {})


@pytest.mark.parametrize("architecture", EACH)
def test_low_rank_factors_reach_every_linear_map(architecture, loaded):
    """Each pair has a part in the embedding, and adding it up into the weight is the same model."""
    backbone, shown = loaded(architecture), contents(architecture)
    rng = torch.Generator().manual_seed(0)
    factors = SCOPES["lora"].weights(backbone, Reach(2, 2), rng)
    for name, w in factors.items():
        if name.endswith(LORA_B):
            w.copy_(torch.randn(w.shape, generator=rng, dtype=w.dtype) / 4)
        w.requires_grad_()
    z = backbone.forward(backbone.features(shown, backbone.n_layers - 2 if backbone.n_layers > 1 else 0), factors)
    told = torch.autograd.grad((z * torch.arange(z.shape[1])).sum(), list(factors.values()), allow_unused=True)
    dead = [name for name, g in zip(factors, told, strict=True) if g is None or not g.any()]
    assert factors and not dead
    whole = merged(backbone, {name: w.detach() for name, w in factors.items()})
    torch.testing.assert_close(backbone.forward(backbone.features(shown, 0), whole), z.detach(), rtol=1e-5, atol=1e-6)
