"""Starts that hold weights which their algorithm does not move: they are the model's own for it, in training, on disk and in the page."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path
from weakref import ref

import pytest
import torch
from safetensors.torch import load_file, save
from test_checkpoint import refused, vouched
from tiny_models import SUPPORT, make_task, tiny_backbone

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.standing import standing_on
from meta_demo.core.cache import footprint, size_of
from meta_demo.core.errors import UserError
from meta_demo.learning import checkpoint
from meta_demo.learning.checkpoint import GIVEN, WEIGHTS
from meta_demo.learning.plan import Plan, TaskPlan
from meta_demo.learning.recipe import Recipe, load_packs, prepare, split

TEXTS = [text for text, _ in SUPPORT]


@pytest.fixture
def backbone() -> Backbone:
    return tiny_backbone()


def learned(backbone: Backbone, scope: str, name: str = "protonet") -> Algorithm:
    """A start that is not the model as it is."""
    algorithm = REGISTRY[name](backbone, REGISTRY[name].Config.from_dict({"scope": scope, "last_n": 2}))
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in algorithm.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=rng, dtype=p.dtype))
    return algorithm.requires_grad_(False).eval()


def seen(algorithm: Algorithm) -> torch.Tensor:
    return algorithm.embed({}, algorithm.features(TEXTS))


def maml(backbone: Backbone, **knobs: object) -> Algorithm:
    config = REGISTRY["maml"].Config.from_dict({"inner_steps": 2, "last_n": 1, **knobs})
    return REGISTRY["maml"](backbone, config).requires_grad_(False).eval()


def test_a_model_on_given_weights_is_the_model_under_them(backbone: Backbone) -> None:
    given = learned(backbone, "model").body
    other = standing_on(backbone, given)
    for boundary in (0, 1, backbone.n_layers):
        x = other.features(TEXTS, boundary)
        expected = backbone.forward(backbone.features(TEXTS, 0), given)
        torch.testing.assert_close(other.forward(x, {}), expected, rtol=1e-9, atol=1e-11)
    before, after = (b.forward(b.features(TEXTS, 3), {}) for b in (backbone, other))
    assert not torch.allclose(before, after, atol=1e-2) and other.hash == backbone.hash


@pytest.mark.slow
def test_it_is_one_for_all_who_stand_there_and_gone_with_the_last(backbone: Backbone) -> None:
    given = learned(backbone, "all").body
    one = standing_on(backbone, given)
    assert standing_on(backbone, dict(given)) is one and standing_on(one, given) is one and one.base is backbone
    alike = [n for n in one.parameters if one.parameters[n].data_ptr() == backbone.parameters[n].data_ptr()]
    assert set(alike) == backbone.parameters.keys() - given.keys() and alike, "what was not given takes no room twice"
    above = maml(one)
    assert footprint(above) > size_of(given), "what it keeps alive is counted"
    gone = ref(one)
    del one, above
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("scope", ["model", "all", "lora"])
def test_a_method_of_another_scope_begins_as_the_start_that_it_was_given(
    backbone: Backbone, scope: str, tmp_path: Path
) -> None:
    first = learned(backbone, scope)
    checkpoint.save(first, tmp_path / "first")
    begun = checkpoint.warm_start(maml(backbone, scope="attention"), tmp_path / "first")
    torch.testing.assert_close(seen(begun), seen(first), rtol=1e-9, atol=1e-11)
    task = make_task(begun.backbone, begun.boundary)
    *_, last = begun.adapt(task.support)
    assert last.tensors.keys() > begun.body.keys() and set(begun.body) < set(backbone.parameters)


def test_on_disk_it_is_whole_and_in_half_precision(backbone: Backbone, tmp_path: Path) -> None:
    checkpoint.save(learned(backbone, "model"), tmp_path / "first")
    begun = checkpoint.warm_start(maml(backbone), tmp_path / "first")
    checkpoint.save(begun, tmp_path / "second")
    kept = load_file(tmp_path / "second" / WEIGHTS)
    given = {n: w for n, w in kept.items() if n.startswith(GIVEN)}
    assert {w.dtype for w in given.values()} == {torch.float16} and len(given) == len(backbone.parameters)
    again = checkpoint.load(tmp_path / "second", backbone)
    assert again.config == begun.config and checkpoint.load(tmp_path / "second", backbone).backbone is again.backbone
    torch.testing.assert_close(seen(again), seen(begun), rtol=0, atol=5e-3)
    third = checkpoint.warm_start(maml(backbone), tmp_path / "second")
    assert third.backbone is again.backbone
    torch.testing.assert_close(seen(third), seen(again), rtol=0, atol=0)
    assert checkpoint.load(tmp_path / "second", backbone, {"last_n": 1}).backbone is again.backbone
    with pytest.raises(UserError, match="last_n"):
        checkpoint.load(tmp_path / "second", backbone, {"last_n": 2})


def test_what_starts_beside_each_other_stand_on_is_there_once(backbone: Backbone, tmp_path: Path) -> None:
    """Named on the card, by the start trained from and by those further on; elsewhere it is written again."""
    checkpoint.save(learned(backbone, "model"), tmp_path / "first")
    second = checkpoint.warm_start(maml(backbone), tmp_path / "first")
    checkpoint.save(second, tmp_path / "second", start=str(tmp_path / "first"))
    third = checkpoint.warm_start(maml(backbone), tmp_path / "second")
    checkpoint.save(third, tmp_path / "third", start=str(tmp_path / "second"))
    checkpoint.save(second, tmp_path / "far" / "second", start=str(tmp_path / "first"))
    named = [checkpoint.read_card(tmp_path / name).stands_on for name in ("first", "second", "third", "far/second")]
    assert named == ["", "first", "first", ""]
    for name, whole in (("second", False), ("third", False), ("far/second", True)):
        assert any(n.startswith(GIVEN) for n in load_file(tmp_path / name / WEIGHTS)) is whole
    again = checkpoint.load(tmp_path / "third", backbone)
    torch.testing.assert_close(seen(again), seen(second), rtol=0, atol=0)
    assert again.backbone is checkpoint.load(tmp_path / "second", backbone).backbone
    checkpoint.save(learned(backbone, "model", "anil"), tmp_path / "first")
    assert refused(tmp_path / "third", backbone).name == "checkpoint_stands_on"
    shutil.rmtree(tmp_path / "first")
    assert "first" in str(refused(tmp_path / "second", backbone))


def test_weights_that_are_none_of_the_models_are_refused(backbone: Backbone, tmp_path: Path) -> None:
    checkpoint.save(checkpoint.warm_start(maml(backbone), _saved(backbone, tmp_path)), tmp_path / "second")
    kept = {n: w.clone() for n, w in load_file(tmp_path / "second" / WEIGHTS).items()}
    name = next(n for n in kept if n.startswith(GIVEN))
    vouched(tmp_path / "second", save({**kept, name: kept[name] * torch.nan}))
    assert "NaN" in str(refused(tmp_path / "second", backbone))
    vouched(tmp_path / "second", save({**kept, f"{GIVEN}nothing": kept[name].clone()}))
    with pytest.raises(UserError, match="nothing"):
        checkpoint.load(tmp_path / "second", backbone)


def _saved(backbone: Backbone, folder: Path) -> Path:
    checkpoint.save(learned(backbone, "model"), folder / "first")
    return folder / "first"


@pytest.mark.slow
def test_training_goes_on_from_a_whole_model_with_a_scope_of_its_own(backbone: Backbone, tmp_path: Path) -> None:
    """The outer loop learns what tasks move; what it stands on stays, goes into the start, and is there again where a run is resumed."""
    first = _saved(backbone, tmp_path)
    plan = Plan(steps=2, valid_episodes=2, valid_every=1, save_every=1, meta_batch=2, lr=1e-2, keep="last")
    sources = split([load_packs(["sport", "health"])], [], 0)
    knobs = {"last_n": 1, "inner_steps": 1}
    recipe = Recipe(*sources, plan, "maml", knobs, TaskPlan(n_way=2, n_query=2), str(first))

    def run(output: Path, steps: int = 2) -> Algorithm:
        going = prepare(recipe, lambda: backbone, output)
        for progress in going.train(resume=(output / "training.safetensors").exists()):
            if progress.step == steps < plan.steps and progress.loss is not None:
                going.save()
                break
        return going.algorithm.requires_grad_(False).eval()

    whole = run(tmp_path / "run")
    expected = learned(backbone, "model").body
    assert all(torch.equal(whole.backbone.given[name], w) for name, w in expected.items())
    torch.testing.assert_close(seen(checkpoint.load(tmp_path / "run", backbone)), seen(whole), rtol=0, atol=5e-3)
    run(tmp_path / "cut", steps=1)
    again = run(tmp_path / "cut")
    assert all(torch.equal(w, again.state_dict()[name]) for name, w in whole.state_dict().items())
