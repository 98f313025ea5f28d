"""GPUs: what they answer beside the CPU, where there is one; and, anywhere, what happens when one has too little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import SMALL, saved_model

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.gradient.maml import MAML
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.loading import DEFAULT, load_backbone
from meta_demo.core.cache import MB, Cache
from meta_demo.core.device import out_of_memory
from meta_demo.core.errors import Note, UserError
from meta_demo.data.episode import Example, make_episode
from meta_demo.data.sampler import Fixed, Sampler
from meta_demo.data.samples import load_sample
from meta_demo.learning.evaluate import evaluate
from meta_demo.learning.plan import Plan, TaskPlan
from meta_demo.learning.recipe import Recipe, load_packs, prepare, split
from meta_demo.serving.requests import Request
from meta_demo.serving.service import Service, where_computed

pytestmark = pytest.mark.slow

FOUND = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else ""
gpu = [pytest.mark.gpu, pytest.mark.skipif(not FOUND, reason="there is no GPU")]
TASK = make_episode(
    [Example("I lost my card", "card"), Example("send money to Tom", "transfer"), Example("my card is gone", "card")],
    [Example("where is my card", "card"), Example("pay my landlord", "transfer")],
)
REQUEST = Request(TASK, algorithms=("maml", "protonet"), knobs={"maml": {"inner_steps": 2}})


# --- with a GPU


@pytest.fixture(scope="module")
def there() -> Service:
    return Service(torch.device(FOUND))


@pytest.mark.parametrize("sample", ["bank-requests", "oven-degrees", "six-of-a-line"])
@pytest.mark.parametrize("name", sorted(REGISTRY))
class TestBeside:
    pytestmark = gpu

    def test_answers_are_those_of_the_cpu(self, there: Service, service: Service, name: str, sample: str) -> None:
        episode = load_sample(sample)
        if episode.objective.name not in REGISTRY[name].objectives:
            pytest.skip("the method cannot learn such labels")
        request = Request(episode, DEFAULT[episode.modality], (name,))
        ours, theirs = (s.history(request)[name] for s in (service, there))
        assert len(ours) == len(theirs)
        np.testing.assert_allclose(theirs[-1].outputs, ours[-1].outputs, atol=1e-3, rtol=1e-3)
        if episode.labels:
            assert (theirs[-1].outputs.argmax(1) == ours[-1].outputs.argmax(1)).all()
        assert all(s.notes == () for s in theirs)


class TestMore:
    pytestmark = gpu

    def test_attention_is_that_of_the_cpu(self, there: Service, service: Service) -> None:
        for ours, theirs in zip(
            service.attention(REQUEST, "maml", "a card"), there.attention(REQUEST, "maml", "a card"), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, atol=1e-3)

    @pytest.mark.parametrize("name", sorted(name for name, cls in REGISTRY.items() if "classes" in cls.objectives))
    def test_training_is_that_of_the_cpu(self, name: str, tmp_path: Path) -> None:
        losses = []
        for device in ("cpu", FOUND):
            backbone = load_backbone("minilm", torch.device(device), Cache(256 * MB))
            losses.append([p.loss for p in trained(backbone, name, tmp_path / device) if p.loss is not None])
        np.testing.assert_allclose(losses[0], losses[1], rtol=5e-3)

    def test_memory_that_is_short_in_earnest(self, there: Service) -> None:
        """Most of the GPU is taken away: it comes to an end all the same, and what was done about it is said."""
        if FOUND != "cuda":
            pytest.skip("only CUDA lets a process take a part")
        torch.cuda.set_per_process_memory_fraction(0.02)
        try:
            many = [Example(f"{word} " * 200 + str(i), word) for i in range(100) for word in ("card", "transfer")]
            request = Request(make_episode(many, TASK.query), algorithms=("maml",), knobs={"maml": {"scope": "all"}})
            history = there.history(request)
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        assert history["maml"][-1].last and set(where_computed(history)) <= {Note("gpu_pieces"), Note("gpu_memory")}


def trained(backbone: Backbone, name: str, output: Path) -> list[Any]:
    sources = split([load_packs(["sport", "health"])], [], 0)
    plan = Plan(steps=2, valid_episodes=2, valid_every=1, meta_batch=2)
    recipe = Recipe(*sources, plan, name, task=TaskPlan(n_way=2, n_query=2))
    return list(prepare(recipe, lambda: backbone, output).train())


# --- with a GPU that is none, whose memory is short


class Short:
    """Memory that does for as much at once as a share of the usual bounds, and does no longer after so many states."""

    def __init__(self, enough: float, after: int = 0) -> None:
        self.enough, self.after, self.failures = enough, after, 0

    def check(self, algorithm: Algorithm, step: int) -> None:
        if algorithm.backbone.appetite.share > self.enough and step >= self.after:
            self.failures += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Request:
    """The same of a tiny model: what is done about memory knows nothing of sizes."""
    return replace(REQUEST, model=str(saved_model(tmp_path_factory.mktemp("tiny"), "bert", **SMALL)))


def adapting(monkeypatch: pytest.MonkeyPatch, short: Short, model: str) -> Service:
    """A service that believes to have a GPU, with `short` memory for MAML."""
    real = MAML.adapt
    found = Service(torch.device("cpu"))
    found.workshop.device = torch.device("cuda")
    roomy = found.workshop.on_cpu.get(model)[0]

    def adapt(self: Any, *given: Any, **more: Any) -> Iterator[Any]:
        for step, state in enumerate(real(self, *given, **more)):
            if self.backbone is not roomy:
                short.check(self, step)
            yield state

    monkeypatch.setattr(MAML, "adapt", adapt)
    return found


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize(
    ("enough", "expected", "failures"),
    [(1.0, [], 0), (1 / 4, ["gpu_pieces"], 1), (1 / 64, ["gpu_pieces"], 3), (0, ["gpu_memory"], 4)],
)
def test_smaller_pieces_and_then_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
    service: Service,
    asked: Request,
    after: int,
    enough: float,
    expected: list[str],
    failures: int,
) -> None:
    """Each step comes once, with the CPU's own answers, and what was done about it is said."""
    before, ours = service.history(asked), service.predict(asked, ["a card"])[0].outputs
    failing = adapting(monkeypatch, short := Short(enough, after), asked.model)
    history = failing.history(asked)
    assert [s.step for s in history["maml"]] == [0, 1, 2] and short.failures == failures
    for one, other in zip(before["maml"], history["maml"], strict=True):
        np.testing.assert_allclose(other.outputs, one.outputs, atol=1e-5)
    assert [note.name for note in where_computed(history)] == expected
    assert all(s.notes == () for s in [*history["protonet"], *history["maml"][:after]])
    np.testing.assert_allclose(failing.predict(asked, ["a card"])[0].outputs, ours, atol=1e-5)
    report, _ = failing.report(replace(asked, seed=1))
    assert len(report["notes"]) <= 1


def test_where_the_cpu_is_all_there_is_nothing_is_hidden(monkeypatch: pytest.MonkeyPatch, asked: Request) -> None:
    failing = adapting(monkeypatch, Short(0), asked.model)
    failing.workshop.device = torch.device("cpu")
    with pytest.raises(torch.OutOfMemoryError):
        failing.history(asked)


def test_what_is_no_matter_of_memory_is_no_reason_to_go_on(monkeypatch: pytest.MonkeyPatch, asked: Request) -> None:
    def adapt(*_: Any, **__: Any) -> Iterator[Any]:
        raise RuntimeError("something else")
        yield

    failing = Service(torch.device("cpu"))
    failing.workshop.device = torch.device("cuda")
    monkeypatch.setattr(MAML, "adapt", adapt)
    with pytest.raises(RuntimeError, match="something else"):
        failing.history(asked)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("no"), False),
    ],
)
def test_what_is_a_matter_of_memory(error: Exception, expected: bool) -> None:
    assert out_of_memory(error) is expected


def test_evaluating_makes_do(monkeypatch: pytest.MonkeyPatch, tiny_of: Any) -> None:
    """First with fewer tasks at once, then with less of each; the scores stay."""
    backbone = tiny_of("bert")
    algorithm = MAML(backbone, MAML.Config(inner_steps=1)).requires_grad_(False).eval()
    sampler = Sampler([load_packs(["sport"])], Fixed(2, 1, 2), 0)
    episodes = [sampler.draw(i) for i in range(5)]
    expected = [m.score for m in evaluate(algorithm, episodes)]
    real, counts = MAML.traces, []

    def traces(self: Any, tasks: Any, *given: Any, **more: Any) -> Any:
        counts.append(len(tasks))
        if len(tasks) > 1 or self.backbone.appetite.share > 1 / 4:
            raise torch.OutOfMemoryError
        return real(self, tasks, *given, **more)

    monkeypatch.setattr(MAML, "traces", traces)
    monkeypatch.setattr(MAML, "at_once", 4)
    assert [m.score for m in evaluate(algorithm, episodes)] == expected
    assert counts == [4, 2, 1, 1, 1, 1, 1, 1] and backbone.appetite.share == 1 / 4
    monkeypatch.setattr(MAML, "traces", lambda *_, **__: (_ for _ in ()).throw(torch.OutOfMemoryError()))
    with pytest.raises(UserError, match="META_DEMO_DEVICE=cpu"):
        list(evaluate(algorithm, episodes))


def test_training_makes_do(monkeypatch: pytest.MonkeyPatch, tiny_of: Any, tmp_path: Path) -> None:
    expected = [p.loss for p in trained(tiny_of("bert"), "maml", tmp_path / "a")]
    real = MAML.backward

    def backward(self: Any, *given: Any, **more: Any) -> Any:
        found = real(self, *given, **more)  # which leaves gradients behind
        if self.backbone.appetite.share > 1 / 16:
            raise torch.OutOfMemoryError
        return found

    monkeypatch.setattr(MAML, "backward", backward)
    backbone = tiny_of("bert")
    losses = [p.loss for p in trained(backbone, "maml", tmp_path / "b")]
    assert losses == pytest.approx(expected, abs=1e-9) and backbone.appetite.share == 1 / 16
    monkeypatch.setattr(MAML, "backward", lambda *_, **__: (_ for _ in ()).throw(torch.OutOfMemoryError()))
    with pytest.raises(UserError, match="piece by piece"):
        trained(tiny_of("bert"), "maml", tmp_path / "c")
