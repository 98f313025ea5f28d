"""Activations in pieces: the same numbers, from pieces that follow from the request alone, in memory that does not grow with it."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
import torch
from conftest import USUAL, in_turn
from tiny_models import make_task, tiny_backbone

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import REGISTRY, get_algorithm
from meta_demo.backbones import pieces
from meta_demo.data.episode import Example, make_episode
from meta_demo.serving.jobs import _Course
from meta_demo.serving.requests import Request
from meta_demo.serving.service import Service

BACKBONE = tiny_backbone(seed=3)
SMALL = {"last_n": 2, "lora_rank": 2, "inner_steps": 2, "inner_lr": 0.05}
ONE_ROW = 1  # a bound that every input exceeds: each goes through by itself


def learner(name, scope="lora", backbone=BACKBONE, **knobs):
    cls = get_algorithm(name)
    known = {knob.name for knob in cls.Config.knobs()}
    said = {"scope": scope} | SMALL | knobs
    found = cls(backbone, cls.Config.from_dict({name: value for name, value in said.items() if name in known}))
    with torch.no_grad():  # low-rank factors begin at zero, where half of the gradient vanishes
        for i, w in enumerate(found.body.values()):
            w.add_(torch.randn(w.shape, generator=torch.Generator().manual_seed(i), dtype=w.dtype), alpha=0.05)
    return found


@pytest.mark.parametrize("scope", ["lora", "bias", "last_n", "all", "model"])
@pytest.mark.parametrize("name", ["maml", "finetune"])
def test_adaptation_in_pieces_ends_where_the_whole_does(name, scope, monkeypatch):
    algorithm = learner(name, scope)
    task = make_task(BACKBONE, algorithm.boundary)
    with torch.no_grad():
        whole = list(algorithm.adapt(task.support))
        answers = algorithm.predict(whole[-1], task.query.x)
        monkeypatch.setattr(pieces, "KEPT", ONE_ROW)
        states = list(algorithm.adapt(task.support))
        for one, other in zip(whole, states, strict=True):
            assert torch.allclose(one.outputs, other.outputs, rtol=0, atol=1e-12)
            assert all(torch.allclose(w, other.tensors[n], rtol=0, atol=1e-12) for n, w in one.tensors.items())
        assert torch.allclose(answers, algorithm.predict(states[-1], task.query.x), rtol=0, atol=1e-12)
    moved = [n for n, w in whole[0].tensors.items() if not torch.equal(w, whole[-1].tensors[n])]
    assert any(not n.startswith("head.") for n in moved)


@pytest.mark.parametrize(
    ("name", "scope"),
    in_turn(
        product(sorted(REGISTRY), ["lora", "bias", "last_n", "all", "model"]),
        lambda case: case[1] == "lora",
        is_quick=lambda case: case[0] in USUAL,
    ),
)
def test_the_meta_gradient_in_pieces_is_that_of_the_whole(name, scope, monkeypatch):
    algorithm = learner(name, scope)
    task = make_task(BACKBONE, algorithm.boundary)

    def gradient():
        algorithm.zero_grad()
        loss = algorithm.backward([task])
        return [loss, *(p.grad for p in algorithm.parameters() if p.grad is not None)]

    whole = gradient()
    monkeypatch.setattr(pieces, "KEPT", ONE_ROW)
    found = gradient()
    assert len(found) == 1 or any(g.abs().max() > 1e-5 for g in found[1:])
    for one, other in zip(whole, found, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_a_stored_graph_goes_in_pieces_as_often_as_it_is_asked_for(monkeypatch):
    algorithm = learner("maml")
    task = make_task(BACKBONE, algorithm.boundary)

    def gradients():
        loss, by = Algorithm.meta_loss(algorithm, task), list(algorithm.body.values())
        return [torch.autograd.grad(loss, by, retain_graph=True) for _ in range(2)]

    whole = gradients()
    monkeypatch.setattr(pieces, "KEPT", ONE_ROW)
    for one, other in zip(whole, gradients(), strict=True):
        assert all(torch.allclose(g, h, rtol=0, atol=1e-12) for g, h in zip(one, other, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["maml", "imaml"])
def test_what_goes_again_goes_in_the_precision_in_which_it_went_first(name, monkeypatch):
    backbone = tiny_backbone(seed=3, dtype=torch.float32)
    algorithm = learner(name, backbone=backbone)
    task = make_task(backbone, algorithm.boundary)

    def gradient(bf16):
        algorithm.zero_grad()
        algorithm.backward([task], bf16=bf16)
        return torch.cat([p.grad.flatten() for p in algorithm.parameters() if p.grad is not None])

    plain, half = gradient(bf16=False), gradient(bf16=True)
    monkeypatch.setattr(pieces, "KEPT", ONE_ROW)
    away = (plain - half).norm()
    assert (gradient(bf16=False) - plain).norm() < away / 100
    assert (gradient(bf16=True) - half).norm() < away / 4


def test_no_gradient_of_a_gradient_of_a_gradient_is_silently_wrong(monkeypatch):
    monkeypatch.setattr(pieces, "KEPT", ONE_ROW)
    algorithm = learner("maml", "last_n")
    body = algorithm.body
    z = algorithm.embed(body, make_task(BACKBONE, algorithm.boundary).support.x)
    first = torch.autograd.grad(z.sin().sum(), list(body.values()), create_graph=True)
    with pytest.raises(RuntimeError, match="differentiated once"):
        torch.autograd.grad(sum(g.square().sum() for g in first), list(body.values()), create_graph=True)


@pytest.mark.slow
def test_the_memory_of_a_meta_gradient_does_not_grow_with_the_number_of_inputs(monkeypatch):
    """Of all that is remembered at once on the way through the layers, however often it is differentiated."""
    algorithm = learner("maml", "last_n", inner_steps=1)
    monkeypatch.setattr(pieces, "KEPT", ONE_ROW)
    alive: dict[int, tuple[int, int]] = {}  # where a storage lies -> its bytes, and how often it is held
    most = [0]

    class Held:
        def __init__(self, tensor):
            self.tensor, storage = tensor, tensor.untyped_storage()
            self.place = storage.data_ptr()
            alive[self.place] = storage.nbytes(), alive.get(self.place, (0, 0))[1] + 1
            most[0] = max(most[0], sum(size for size, _ in alive.values()))

        def __del__(self):
            size, count = alive.pop(self.place)
            if count > 1:
                alive[self.place] = size, count - 1

    def held(support):
        most[0] = 0
        task = make_task(BACKBONE, algorithm.boundary, support)
        with torch.autograd.graph.saved_tensors_hooks(Held, lambda held: held.tensor):
            algorithm.backward([task])
        return most[0]

    more = [(f"{'one more word of a long text ' * 8}{i}", i % 3) for i in range(24)]
    few, many = held(more[:6]), held(more)
    monkeypatch.undo()
    assert many - few < (held(more) - held(more[:6])) / 10  # what grows is the hidden states that they begin with


def test_a_loss_that_is_no_mean_over_examples_is_differentiated_all_the_same(monkeypatch):
    """The loss is made of all outputs at once; only what these were made from goes in pieces."""

    class Worst(get_algorithm("maml")):
        def inner_loss(self, step, fast, out, support):
            away = sum((w - step.start[n]).square().sum() for n, w in fast.items())
            return (out - support.y).square().sum(-1).amax() * out.std() + 0.3 * away

    algorithm = Worst(BACKBONE, Worst.Config.from_dict(SMALL | {"scope": "last_n"}))
    task = make_task(BACKBONE, algorithm.boundary)
    with torch.no_grad():
        *_, whole = algorithm.adapt(task.support)
        monkeypatch.setattr(pieces, "KEPT", ONE_ROW)
        *_, found = algorithm.adapt(task.support)
    assert all(torch.allclose(w, found.tensors[n], rtol=0, atol=1e-12) for n, w in whole.tensors.items())


def test_what_fits_goes_through_as_it_is_and_everything_else_in_even_parts(monkeypatch):
    features = BACKBONE.pack(BACKBONE.features([f"{'a word ' * 3}{i}" for i in range(7)], 1))
    appetite = BACKBONE.appetite
    (group,) = features.groups
    size = appetite.kept(group.mask.shape[1], 2)
    monkeypatch.setattr(pieces, "KEPT", 7 * size)
    assert appetite.pieces(features, 2) is features.groups
    monkeypatch.setattr(pieces, "KEPT", 5 * size)
    parts = appetite.pieces(features, 2)
    assert [len(part.index) for part in parts] == [4, 3]
    for name in ("index", "first", "mask", "hidden"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(group, name))
    monkeypatch.setattr(pieces, "KEPT", 0)
    assert [len(part.index) for part in appetite.pieces(features, 2)] == [1] * 7


def test_the_way_of_one_piece_at_most_is_remembered(monkeypatch):
    """What a gradient needs of all pieces but the last is thrown away and computed again, once for each gradient."""
    algorithm = learner("maml", "last_n", inner_steps=1)
    task = make_task(BACKBONE, algorithm.boundary)
    runs, alive = [], []
    plain = BACKBONE._run

    def counted(first, *rest):
        runs.append(len(first))
        return plain(first, *rest)

    own = {p.untyped_storage().data_ptr() for p in (*BACKBONE.model.parameters(), *algorithm.parameters())}

    def keep(tensor):
        alive[-1] += tensor.nbytes * (tensor.untyped_storage().data_ptr() not in own)
        return tensor

    def kept(limit):
        monkeypatch.setattr(pieces, "KEPT", limit)
        alive.append(0)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            algorithm.embed(algorithm.body, algorithm.packed(task.support).x)
        return alive[-1]

    assert kept(ONE_ROW) < kept(1 << 30) / 3
    monkeypatch.setattr(BACKBONE, "_run", counted)
    monkeypatch.setattr(pieces, "KEPT", ONE_ROW)
    with torch.no_grad():
        list(algorithm.adapt(task.support))
    assert runs == [1] * (6 + 5 + 6)  # the start, all but the last again for its gradient, and where the step ended


@pytest.mark.parametrize("scope", ["last_n", "all"])
def test_what_layers_keep_is_estimated_from_above_and_not_far(scope):
    backbone = tiny_backbone(dtype=torch.float32, hidden_size=64, intermediate_size=256, num_attention_heads=4)
    cls = get_algorithm("maml")
    algorithm = cls(backbone, cls.Config.from_dict({"scope": scope, "last_n": 2}))
    own = {p.untyped_storage().data_ptr() for p in (*backbone.model.parameters(), *algorithm.parameters())}
    x = backbone.features(["one two three four five six seven eight nine ten " * 4] * 3, algorithm.boundary)
    storages, held = {}, []

    def keep(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        held.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        algorithm.embed(algorithm.body, x)
    measured = sum(size for place, size in storages.items() if place not in own)
    (group,) = x.groups
    estimate = 3 * backbone.appetite.kept(group.mask.shape[1], backbone.n_layers - algorithm.boundary)
    assert 0.8 * measured < estimate < 1.5 * measured


def test_long_inputs_share_a_batch_with_fewer_others():
    most = pieces.Appetite(width=384, weights=1_770_000, heads=12, passes=1, itemsize=4).most
    assert [most(length) for length in (8, 32, 256)] == [1024, 256, 32]  # by their tokens
    assert most(512) == pieces.SCORES // (12 * 512 * 512 * 4) == 10  # by the attention among them
    assert most(100_000) == 1
    assert all(a >= b for a, b in pairwise(map(most, range(1, 600))))


@pytest.mark.slow
def test_states_are_kept_only_where_there_is_room_for_all_and_asked_for_again_otherwise():
    rows = [Example(f"{word} number {i}", word) for word in ("bank", "river") for i in range(2)]
    episode = make_episode(rows, [Example("the bank")])

    def asked(service):
        knobs = {"maml": {"scope": "last_n", "last_n": 1, "inner_steps": 3}}
        request = Request(episode, "minilm", ("maml",), 0, knobs, "none")
        history = service.history(request)["maml"]
        found = [service.predict(request, ["a river"], step)[0] for step in (0, 2, None)]
        return [s.support_loss for s in history], [(f.step, f.outputs.tolist()) for f in found]

    roomy, tight = Service(), Service(cache_bytes=25_000_000)  # a state is 7 MB
    assert asked(roomy) == asked(tight)
    one = type("State", (), {"tensors": {"w": torch.zeros(1)}})()
    for count, kept in ((3, 0), (2, 2)):
        course = _Course(10, count)  # bytes, of which a state has four
        for _ in range(count):
            course.add(one, 0.0)
            assert course.whole == bool(kept)
        assert len(course.states) == kept
