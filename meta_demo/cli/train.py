"""`train`: learn a start from many tasks, and keep the best as a checkpoint."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import UseAppendAction, arg

from meta_demo.backbones.loading import DEFAULT
from meta_demo.cli.flags import Json, Model, Seed, changed_knobs, check_number, check_seed, quiet, write_json
from meta_demo.core.errors import UserError
from meta_demo.words import text


@dataclass
class Train:
    output: Annotated[Path, arg(help=text("cli.train.output"))]
    source: Annotated[UseAppendAction[list[str]], arg(help=text("cli.train.source"))] = field(default_factory=list)
    classes: Annotated[UseAppendAction[list[str]], arg(help=text("cli.train.classes"))] = field(default_factory=list)
    valid: Annotated[UseAppendAction[list[str]], arg(help=text("cli.train.valid"))] = field(default_factory=list)
    valid_classes: Annotated[UseAppendAction[list[str]], arg(help=text("cli.train.valid_classes"))] = field(
        default_factory=list
    )
    unlabelled: Annotated[UseAppendAction[list[str]], arg(help=text("cli.train.unlabelled"))] = field(
        default_factory=list
    )
    mix: Annotated[Literal["uniform", "size", "temperature"], arg(help=text("cli.train.mix"))] = "uniform"
    temperature: Annotated[float, arg(help=text("cli.train.temperature"))] = 2.0
    algorithm: Annotated[str, arg(help=text("cli.train.algorithm"))] = "maml"
    model: Model = None
    from_scratch: Annotated[bool, arg(help=text("cli.train.from_scratch"))] = False
    start: Annotated[str, arg(help=text("cli.train.start"))] = "none"
    sampler: Annotated[Literal["fixed", "variable"], arg(help=text("cli.train.sampler"))] = "fixed"
    n_way: Annotated[int, arg(help=text("cli.train.n_way"))] = 5
    k_shot: Annotated[int, arg(help=text("cli.train.k_shot"))] = 1
    n_query: Annotated[int, arg(help=text("cli.train.n_query"))] = 5
    within: Annotated[float, arg(help=text("cli.train.within"))] = 0.0
    steps: Annotated[int, arg(help=text("cli.train.steps"))] = 500
    minutes: Annotated[float | None, arg(help=text("cli.train.minutes"))] = None
    seed: Seed = 0
    meta_batch: Annotated[int, arg(help=text("cli.train.meta_batch"))] = 4
    lr: Annotated[float, arg(help=text("cli.train.lr"))] = 3e-4
    weight_decay: Annotated[float, arg(help=text("cli.train.weight_decay"))] = 0.01
    warmup: Annotated[float, arg(help=text("cli.train.warmup"))] = 0.05
    clip: Annotated[float, arg(help=text("cli.train.clip"))] = 1.0
    muon: Annotated[bool, arg(help=text("cli.train.muon"))] = False
    distort: Annotated[float, arg(help=text("cli.train.distort"))] = 0.0
    ema: Annotated[float, arg(help=text("cli.train.ema"))] = 0.0
    bf16: Annotated[bool, arg(help=text("cli.train.bf16"))] = False
    save_every: Annotated[int, arg(help=text("cli.train.save_every"))] = 50
    valid_every: Annotated[int, arg(help=text("cli.train.valid_every"))] = 50
    valid_episodes: Annotated[int, arg(help=text("cli.train.valid_episodes"))] = 100
    keep: Annotated[Literal["best", "last"], arg(help=text("cli.train.keep"))] = "best"
    resume: Annotated[bool, arg(help=text("cli.train.resume"))] = False
    export: Annotated[Path | None, arg(help=text("cli.train.export"))] = None
    track: Annotated[bool, arg(help=text("cli.train.track"))] = False
    json: Json = None

    def run(self) -> int:
        from meta_demo.learning import checkpoint
        from meta_demo.learning.processes import Processes

        self._check()
        processes = Processes()
        training = self._prepare(processes)
        track = _tracker(self.output.name, training.record) if self.track and processes.is_main else None
        run = training.run(self.output, resume=self.resume, about=_about(), processes=processes)
        history = []
        for progress in _with_bar(run, self.steps, shown=processes.is_main):
            history.append(progress)
            if track:
                values = {"loss": progress.loss, "valid": progress.valid and progress.valid[0]}
                track.log({k: v for k, v in values.items() if v is not None}, step=progress.step)
        if track:
            track.finish()
        if processes.is_main:
            if self.export:
                checkpoint.export(training.algorithm, self.export)
            last = history[-1]
            figures = {"best": last.best, "best_step": last.best_step, "steps": last.step, "seconds": last.seconds}
            valid_rows = [[p.step, *p.valid] for p in history if p.valid]
            write_json(
                self.json, {"output": str(self.output), "algorithm": self.algorithm, **figures, "valid": valid_rows}
            )
            print(text("cli.train.done", folder=self.output, **figures, episodes=len(training.valid)))
        return 0

    def _check(self) -> None:
        check_seed(self.seed)
        whole = {"--n-way": 2, "--k-shot": 1, "--n-query": 1, "--steps": 1, "--meta-batch": 1}
        whole |= {"--save-every": 1, "--valid-every": 1, "--valid-episodes": 2}
        numbers = {
            "--distort": 0.0,
            "--temperature": 0.1,
            "--lr": 0.0,
            "--weight-decay": 0.0,
            "--warmup": 0.0,
            "--clip": 1e-6,
        }
        for flag, lo in {**whole, **numbers}.items():
            check_number(flag, getattr(self, flag.removeprefix("--").replace("-", "_")), lo)
        for flag, value, hi in (("--ema", self.ema, 0.9999), ("--within", self.within, 1)):
            if not 0 <= value <= hi:
                raise UserError("knob_range", name=flag, value=value, lo=0, hi=hi)
        if self.minutes is not None:
            check_number("--minutes", self.minutes, 0)
        if not self.source and not self.unlabelled:
            raise UserError("no_source")
        if not self.source and not self.valid:
            raise UserError("unlabelled_alone")

    def _prepare(self, processes: Any) -> Any:
        """The training that the flags spell."""
        from meta_demo.backbones.loading import load_backbone
        from meta_demo.core.cache import LEARNING, Cache
        from meta_demo.core.device import choose_device
        from meta_demo.data.sources import load_unlabelled
        from meta_demo.learning.outer import Plan
        from meta_demo.learning.recipe import Recipe, prepare, split

        train_on, valid_on = self._sources()
        model = self.model or DEFAULT[(train_on or valid_on)[0].modality]

        def backbone() -> Any:
            scratch = self.seed if self.from_scratch else None
            with quiet(bars=model not in DEFAULT.values() and sys.stderr.isatty()):
                return load_backbone(
                    model, processes.device or choose_device(), Cache.as_set(LEARNING), scratch=scratch
                )

        about_tasks = ("sampler", "n_way", "k_shot", "n_query", "mix", "temperature", "within")
        shared = ("algorithm", "start", "from_scratch", *about_tasks)
        recipe = Recipe(
            *split(train_on, valid_on, self.seed),
            Plan(**{name: getattr(self, name) for name in Plan.__dataclass_fields__}),
            knobs=changed_knobs(self, self.algorithm),
            unlabelled=load_unlabelled(self.unlabelled),
            **{name: getattr(self, name) for name in shared},
        )
        return prepare(recipe, backbone)

    def _sources(self) -> tuple[list[Any], list[Any]]:
        """Sources to train on and to validate on, as far as the latter are named."""
        from meta_demo.data.sources import load_sources

        train_on = load_sources(self.source, self.classes)
        if not (self.valid or self.valid_classes):
            return train_on, []
        return train_on, load_sources(self.valid or self.source[: len(self.valid_classes)], self.valid_classes)


def _about() -> dict[str, Any]:
    """Where and when a checkpoint was made."""
    commit = None
    with suppress(OSError, subprocess.SubprocessError):
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
            timeout=5,
        )
        commit = found.stdout.strip()
    command = "python -m meta_demo " + " ".join(sys.argv[1:])
    return {"command": command, "commit": commit, "date": datetime.now(UTC).date().isoformat()}


def _with_bar(run: Any, steps: int, *, shown: bool) -> Any:
    """The run, with a bar on stderr: rate, remaining time, loss and the best validation so far."""
    from tqdm import tqdm

    with tqdm(total=steps, disable=not shown, unit="step", dynamic_ncols=True) as bar:
        for progress in run:
            bar.update(progress.step - bar.n)
            loss = "" if progress.loss is None else f"loss {progress.loss:.3f}, "
            bar.set_postfix_str(f"{loss}best {progress.best:.1%} at step {progress.best_step}")
            yield progress


def _tracker(name: str, record: dict[str, Any]) -> Any:
    """A trackio run; raises UserError when trackio is not installed."""
    try:
        import trackio
    except ImportError as error:
        raise UserError("no_trackio") from error
    return trackio.init(project="meta-demo", name=name, config=record)
