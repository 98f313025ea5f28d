"""The outer loop: equal bits whether interrupted or not, equal gradients whatever the number of processes, nothing lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import usual
from safetensors.torch import load_file
from tiny_models import tiny_backbone

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.cli import main
from meta_demo.core.errors import UserError
from meta_demo.data.sampler import VALID, Fixed, Sampler
from meta_demo.data.sources import hold_out, load_source
from meta_demo.learning import checkpoint
from meta_demo.learning.outer import Run
from meta_demo.learning.plan import Plan
from meta_demo.learning.saved_run import STATE
from meta_demo.objectives.classes import Classes

pytestmark = pytest.mark.many

PLAN = Plan(steps=6, meta_batch=2, lr=1e-2, save_every=2, valid_every=3, valid_episodes=4)
TRAIN_ON, VALID_ON = hold_out([load_source("builtin:school")], seed=0)
TASKS = Sampler(TRAIN_ON, Fixed(3, 1, 2), seed=0)
EPISODES = [Sampler(VALID_ON, Fixed(2, 1, 2), 0, VALID).draw(i) for i in range(4)]
KNOBS = {"scope": "lora", "last_n": 2, "lora_rank": 2, "inner_steps": 2}


def build(name: str = "protonet", dtype: torch.dtype = torch.float64, backbone: Backbone | None = None, **knobs):
    cls = REGISTRY[name]
    known = {k.name for k in cls.Config.knobs()}
    return cls(
        backbone or tiny_backbone(dtype=dtype), cls.Config(**{k: v for k, v in (KNOBS | knobs).items() if k in known})
    )


def run(output: Path, algorithm=None, plan: Plan = PLAN, stop_after: int | None = None, resume: bool = False):
    """All progress of a run, or of its first steps."""
    algorithm = algorithm or build()
    seen = []
    for progress in Run(algorithm, TASKS, EPISODES, plan, output).train(resume=resume):
        seen.append(progress)
        if stop_after is not None and progress.step == stop_after:
            break
    return algorithm, seen


@pytest.mark.parametrize(
    "name", usual([n for n, cls in sorted(REGISTRY.items()) if cls.learns], lambda name: name in ("maml", "protonet"))
)
def test_every_algorithm_trains_and_its_checkpoint_predicts_as_it_does(name, tiny, tmp_path):
    algorithm, seen = run(tmp_path / "run", build(name, backbone=tiny), replace(PLAN, steps=2, valid_episodes=2))
    assert [p.step for p in seen] == [0, 1, 2]
    assert any(p.valid for p in seen) and all(p.loss is None or p.loss >= 0 for p in seen)
    loaded = checkpoint.load(tmp_path / "run", algorithm.backbone)
    for key, value in algorithm.lasting.items():
        assert torch.equal(value, loaded.state_dict()[key])


@pytest.mark.parametrize(
    "name", usual([n for n, cls in sorted(REGISTRY.items()) if cls.learns], lambda name: name in ("maml", "mann"))
)
def test_a_body_that_is_held_stays_to_the_bit_and_the_rest_is_learned(name, tiny, tmp_path):
    """Where there is nothing else it is refused."""
    algorithm, plan = build(name, backbone=tiny), replace(PLAN, steps=2, valid_episodes=2, body="hold")
    before = {key: w.detach().clone() for key, w in algorithm.named_parameters()}
    body = {id(w) for w in algorithm.body.values()}
    held = {key for key, p in algorithm.named_parameters() if id(p) in body}
    if held == before.keys():
        with pytest.raises(UserError, match=name):
            run(tmp_path, algorithm, plan)
        return
    run(tmp_path, algorithm, replace(plan, keep="last"))
    after = dict(algorithm.named_parameters())
    assert all(torch.equal(before[key], after[key]) for key in held)
    assert any(not torch.equal(before[key], after[key]) for key in before.keys() - held)


@pytest.mark.many
def test_training_lowers_the_loss(tmp_path):
    """On a handful of texts, which can be learned by heart."""
    few = replace(TRAIN_ON[0], classes={label: texts[:4] for label, texts in list(TRAIN_ON[0].classes.items())[:3]})
    algorithm, plan = build(scope="all"), replace(PLAN, steps=40, valid_every=40)
    progress = Run(algorithm, Sampler([few], Fixed(3, 1, 2), seed=0), EPISODES, plan, tmp_path).train()
    losses = [p.loss for p in progress if p.loss is not None]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_a_short_run_computes_what_it_draws_and_a_long_one_the_corpus_once(tmp_path, monkeypatch):
    """Chunks of a corpus pay where most of each is drawn some day."""

    def read(steps: int) -> int:
        algorithm, rows = build(), []
        original = algorithm.backbone._replay.run
        monkeypatch.setattr(
            algorithm.backbone._replay, "run", lambda x, *rest: rows.append(len(x["input_ids"])) or original(x, *rest)
        )
        run = Run(algorithm, TASKS, EPISODES, replace(PLAN, steps=steps, meta_batch=1, body="hold"), tmp_path)
        for step in range(steps):
            run.step = step
            with torch.enable_grad():
                run._meta_batch()
        return sum(rows)

    drawn = len(TASKS.draw(0).support) + len(TASKS.draw(0).query)
    assert read(2) <= 2 * drawn
    assert read(60) <= len(TASKS.corpus) < 60 * drawn


@pytest.mark.slow
@pytest.mark.parametrize(("name", "plan"), [("protonet", replace(PLAN, ema=0.5)), ("maml", PLAN), ("reptile", PLAN)])
def test_a_resumed_run_ends_at_the_same_bits(name, plan, tmp_path):
    run(tmp_path / "whole", build(name), plan)
    run(tmp_path / "cut", build(name), plan, stop_after=5)  # one step beyond the last save, which is lost
    run(tmp_path / "cut", build(name), plan, resume=True)
    whole, cut = (load_file(tmp_path / part / STATE) for part in ("whole", "cut"))
    assert whole.keys() == cut.keys() and all(torch.equal(whole[k], cut[k]) for k in whole)
    cards = [json.loads((tmp_path / part / "card.json").read_text()) for part in ("whole", "cut")]
    assert cards[0]["weights_sha256"] == cards[1]["weights_sha256"] and cards[0]["validation"] == cards[1]["validation"]


needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch 2.8 has no Muon")


@needs_muon
def test_muon_takes_the_matrices_and_resumes_to_the_same_bits(tmp_path):
    plan = replace(PLAN, muon=True)
    run(tmp_path / "whole", build(scope="all"), plan)
    run(tmp_path / "cut", build(scope="all"), plan, stop_after=5)
    run(tmp_path / "cut", build(scope="all"), plan, resume=True)
    whole, cut = (load_file(tmp_path / part / STATE) for part in ("whole", "cut"))
    assert whole.keys() == cut.keys() and all(torch.equal(whole[k], cut[k]) for k in whole)
    slots = {name.rpartition(".")[2] for name in whole if name.startswith("optimizer.")}
    assert slots == {"step", "exp_avg", "exp_avg_sq", "momentum_buffer"}


def test_muon_is_refused_with_the_remedy_where_torch_has_none(tmp_path, monkeypatch, capsys):
    """Before the model is loaded, and before anything is written."""
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    monkeypatch.setattr("meta_demo.backbones.loading.load_backbone", lambda *_, **__: pytest.fail("too late"))
    assert main(command(tmp_path / "new", "--muon")) == 2
    assert "torch 2.9 or newer" in capsys.readouterr().err and not (tmp_path / "new").exists()
    with pytest.raises(UserError, match=re.escape(f"this is torch {torch.__version__}")):
        run(tmp_path / "new", plan=replace(PLAN, muon=True))


class WithHeads(REGISTRY["protonet"]):
    """Learns a number of its own for every source, which only training needs; `asked` counts how often it saw them."""

    transient = ("heads",)
    asked = 0

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.heads_beside = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))

    def prepare(self, sources):
        self.asked += 1
        start = {source.name: torch.nn.Parameter(torch.zeros(3, dtype=torch.float64)) for source in sources}
        self.heads = torch.nn.ParameterDict(start)

    def meta_losses(self, tasks):
        pull = sum((w - 1).square().sum() for w in (*self.heads.values(), self.heads_beside + 1))
        yield from (loss + pull for loss in super().meta_losses(tasks))


def test_an_algorithm_sees_its_sources_and_leaves_what_they_need_out_of_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setitem(REGISTRY, "protonet", WithHeads)
    algorithm, _ = run(tmp_path, build(), replace(PLAN, keep="last"), stop_after=4)
    head = f"heads.{TRAIN_ON[0].name}"
    state, kept = load_file(tmp_path / STATE), load_file(tmp_path / "weights.safetensors")
    assert algorithm.asked == 1 and state[f"now.{head}"].ne(0).all() and "optimizer.0.0.step" in state
    assert set(algorithm.state_dict()) - set(kept) == {head} and "heads_beside" in kept
    assert checkpoint.load(tmp_path, algorithm.backbone).asked == 0
    resumed, seen = run(tmp_path, build(), replace(PLAN, keep="last"), stop_after=2, resume=True)
    assert seen[0].step == 2 and torch.equal(resumed.state_dict()[head], state[f"now.{head}"])


def test_the_better_start_is_kept_and_the_earlier_of_equals():
    assert Classes.better(0.6, 0.5) and not Classes.better(0.5, 0.5) and not Classes.better(0.4, 0.5)
    assert Classes.better(0.0, None)


def test_the_running_mean_is_what_is_kept(tmp_path):
    """mean <- d mean + (1 - d) weights after every step, from the start on."""
    weights = [run(tmp_path / str(n), plan=replace(PLAN, steps=2), stop_after=n)[0].state_dict() for n in range(3)]
    run(tmp_path / "mean", plan=replace(PLAN, steps=2, ema=0.75))
    kept = load_file(tmp_path / "mean" / STATE)
    for name, start in weights[0].items():
        mean = 0.75 * (0.75 * start + 0.25 * weights[1][name]) + 0.25 * weights[2][name]
        torch.testing.assert_close(kept[f"mean.{name}"], mean)


def test_the_last_start_is_kept_on_request_and_a_finished_run_may_change_its_mind(tmp_path):
    plan = replace(PLAN, steps=2, valid_every=1, ema=0.5)
    run(tmp_path, plan=plan)
    algorithm, seen = run(tmp_path, plan=replace(plan, keep="last"), resume=True)
    assert [p.step for p in seen] == [2]
    state = load_file(tmp_path / STATE)
    loaded = checkpoint.load(tmp_path, algorithm.backbone).state_dict()
    assert loaded and all(torch.equal(state[f"mean.{name}"], w) for name, w in loaded.items())
    assert json.loads((tmp_path / "card.json").read_text())["steps"] == 2


@pytest.mark.many
def test_bfloat16_follows_the_same_path(tmp_path):
    """The meta-gradient differs by the rounding of bfloat16, and the weights stay in their own precision."""
    losses = []
    for bf16 in (False, True):
        algorithm = build(dtype=torch.float32)
        losses.append([p.loss for p in run(tmp_path / str(bf16), algorithm, replace(PLAN, bf16=bf16))[1] if p.loss])
        assert all(w.dtype == torch.float32 for w in algorithm.parameters())
    assert losses[0] == pytest.approx(losses[1], rel=0.02) and losses[0] != losses[1]


def test_a_run_goes_on_only_as_it_began(tmp_path):
    run(tmp_path, stop_after=4)
    with pytest.raises(UserError, match=r"--lr 0\.\S+, not 0\.001"):
        run(tmp_path, plan=replace(PLAN, lr=1e-3), resume=True)
    with pytest.raises(UserError, match=r"--\w+\.lora-rank \d, not 3"):
        run(tmp_path, build(lora_rank=3), resume=True)
    with pytest.raises(UserError, match="not empty"):
        run(tmp_path)
    with pytest.raises(UserError, match="no run to go on with"):
        run(tmp_path / "nothing", resume=True)


def test_a_checkpoint_cut_off_between_its_files_is_mended_by_resuming(tmp_path):
    run(tmp_path, stop_after=4)
    (tmp_path / "weights.safetensors").write_bytes(b"half")
    with pytest.raises(UserError, match="damaged"):
        checkpoint.load(tmp_path, tiny_backbone())
    run(tmp_path, resume=True, stop_after=5)
    checkpoint.load(tmp_path, tiny_backbone())


def test_the_best_start_is_kept_not_the_last(tmp_path):
    """A learning rate that wrecks the start: what is saved and returned is the start itself."""
    algorithm, seen = run(tmp_path, plan=replace(PLAN, lr=30.0, warmup=0.0))
    accuracies = {p.step: p.valid[0] for p in seen if p.valid}
    assert seen[-1].best == max(accuracies.values()) and accuracies[seen[-1].best_step] == seen[-1].best
    assert min(step for step, a in accuracies.items() if a == seen[-1].best) == seen[-1].best_step
    kept = load_file(tmp_path / "weights.safetensors")
    assert all(torch.equal(kept[name], w) for name, w in algorithm.state_dict().items())


def test_numbers_that_are_no_longer_finite_stop_the_run(tmp_path, monkeypatch):
    algorithm = build()
    real, calls = type(algorithm).meta_losses, []

    def breaks(self, tasks):
        calls.append(1)
        yield from (loss * (float("nan") if len(calls) > 3 else 1) for loss in real(self, tasks))

    monkeypatch.setattr(type(algorithm), "meta_losses", breaks)
    with pytest.raises(UserError, match="outer step 4"):
        run(tmp_path, algorithm)
    monkeypatch.undo()
    checkpoint.load(tmp_path, tiny_backbone())


@pytest.mark.slow
def test_a_time_budget_ends_the_run_whole(tmp_path):
    _, seen = run(tmp_path, plan=replace(PLAN, steps=100000, minutes=0.02))
    assert 0 < seen[-1].step < 100000 and seen[-1].valid
    checkpoint.load(tmp_path, tiny_backbone())


def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(tmp_path, monkeypatch):
    run(tmp_path, stop_after=4)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        run(tmp_path, resume=True)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def command(output: Path, *more: str) -> list[str]:
    size = "--steps 8 --save-every 2 --valid-every 4 --valid-episodes 4 --n-way 3 --n-query 2 --meta-batch 2 --lr 0.01"
    knobs = "--protonet.scope lora --protonet.last-n 1 --protonet.lora-rank 2"
    words = f"train --source builtin:school --algorithm protonet --output {output} {size} {knobs}"
    return [*words.split(), *more]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What the command makes where nothing comes between."""
    folder = tmp_path_factory.mktemp("whole")
    assert main(command(folder / "run")) == 0
    return load_file(folder / "run" / STATE)


def test_kill_9_loses_at_most_one_interval(whole, tmp_path):
    """The command as a process, killed in the middle, goes on to the bits of an uninterrupted one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "meta_demo", *command(tmp_path / "cut")],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    state = tmp_path / "cut" / STATE
    while process.poll() is None and (not state.exists() or not (tmp_path / "cut" / "card.json").exists()):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    load_file(state)
    assert main(command(tmp_path / "cut", "--resume")) == 0
    cut = load_file(tmp_path / "cut" / STATE)
    assert all(torch.equal(whole[k], cut[k]) for k in whole)


def test_two_processes_train_as_one_does(whole, tmp_path):
    """`torchrun` deals the meta-batch out; the weights after a few steps differ by rounding alone."""
    logs = tmp_path / "logs"
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--log-dir", str(logs)]
    launch += ["--redirects", "3", "-m", "meta_demo", *command(tmp_path / "two")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "META_DEMO_DEVICE": "cpu"}
    done = subprocess.run(launch, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    ranks = sorted(path.parent.name for path in logs.rglob("stdout.log"))
    assert ranks == ["0", "1"]  # a launcher may start fewer than it is told
    two = load_file(tmp_path / "two" / STATE)
    for name in whole:
        torch.testing.assert_close(two[name], whole[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--n-way", "9"], "8 classes, fewer than 9"),
        (["--k-shot", "13"], "13 to learn from and 2 to ask about"),
        (["--classes", "nothing.json:train"], "check the path"),
        (["--steps", "0"], "--steps is 0: give a number of at least 1."),
        (["--lr", "nan"], "--lr is nan: give a number of at least 0.0."),
        (["--ema", "1"], "The knob “--ema” is 1.0: give a number from 0 to 0.9999."),
        (["--within", "-1"], "The knob “--within” is -1.0: give a number from 0 to 1."),
        (["--minutes", "-1"], "--minutes is -1.0: give a number of at least 0."),
        (["--keep", "middle"], "--keep"),
        (["--seed", "-1"], "The seed is -1"),
        (["--start", "/no/such/folder"], "card.json"),
        (["--algorithm", "magic"], "magic"),
        (
            ["--source", "builtin:school", "--valid", "builtin:school"],
            "keep the classes to be measured out of training",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(more, words, tmp_path, capsys):
    assert main(command(tmp_path / "new", *more)) == 2
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said
    assert not (tmp_path / "new").exists()


def test_an_output_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(command(tmp_path / "file" / "below")) == 2
    assert "choose a folder you may write to" in capsys.readouterr().err
