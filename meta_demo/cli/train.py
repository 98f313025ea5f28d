"""`train`: learn a start from many tasks, and keep the best as a checkpoint."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import UseAppendAction, arg

from meta_demo.backbones.loading import DEFAULT
from meta_demo.cli.checks import (
    LabelColumn,
    TextColumn,
    check_algorithms,
    check_export,
    check_json,
    check_starts,
    columns_of,
    tell,
)
from meta_demo.cli.flags import Json, Model, changed_knobs, check_seed, quiet, spelt, with_flags, write_json
from meta_demo.core.errors import Note, UserError
from meta_demo.learning.plan import Plan, TaskPlan
from meta_demo.learning.saved_run import STATE
from meta_demo.words import text


@with_flags(TaskPlan, Plan)
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
    algorithm: Annotated[str, arg(help=text("cli.train.algorithm"))] = "maml"
    model: Model = None
    from_scratch: Annotated[bool, arg(help=text("cli.train.from_scratch"))] = False
    start: Annotated[str, arg(help=text("cli.train.start"))] = "none"
    resume: Annotated[bool, arg(help=text("cli.train.resume"))] = False
    export: Annotated[Path | None, arg(help=text("cli.train.export"))] = None
    track: Annotated[bool, arg(help=text("cli.train.track"))] = False
    text_column: TextColumn = ""
    label_column: LabelColumn = ""
    json: Json = None

    def run(self) -> int:
        from meta_demo.learning import checkpoint
        from meta_demo.learning.processes import Processes

        task, plan = self._checked()
        processes = Processes()
        run = self._prepare(task, plan, processes)
        notes = tell(self._notes(run)) if processes.is_main else []
        track = _tracker(self.output.name, run.record) if self.track and processes.is_main else None
        history = []
        for progress in _with_bar(run, self.resume, shown=processes.is_main):
            history.append(progress)
            if track:
                values = {"loss": progress.loss, "valid": progress.valid and progress.valid[0]}
                track.log({k: v for k, v in values.items() if v is not None}, step=progress.step)
        if track:
            track.finish()
        if processes.is_main:
            notes += tell(list(history[-1].notes))
            if self.export:
                checkpoint.export(run.algorithm, self.export)
            last = history[-1]
            figures = {"best": last.best, "best_step": last.best_step, "steps": last.step, "seconds": last.seconds}
            valid_rows = [[p.step, *p.valid] for p in history if p.valid]
            made = {"output": str(self.output), "algorithm": self.algorithm, "notes": notes}
            write_json(self.json, {**made, **figures, "valid": valid_rows})
            told = {**figures, "best": run.objective.told(last.best), "measure": run.objective.figure_title}
            print(text("cli.train.done", folder=self.output, **told, episodes=plan.valid_episodes))
        return 0

    def _checked(self) -> tuple[TaskPlan, Plan]:
        """What the flags say of the tasks and of the outer loop."""
        check_seed(vars(self)["seed"])
        check_json(self.json)
        task, plan = spelt(TaskPlan, self), spelt(Plan, self)
        check_algorithms(self, [self.algorithm])
        check_starts([self.start])
        if self.export:
            check_export(self.algorithm, changed_knobs(self, self.algorithm))
        if task.mix != "temperature" and task.temperature != TaskPlan.knob("temperature").default:
            raise UserError("flag_needs", flag="--temperature", needs="--mix temperature")
        if self.track and find_spec("trackio") is None:
            raise UserError("no_trackio")
        self._check_output()
        if not self.source and not self.unlabelled:
            raise UserError("no_source")
        if not self.source and not self.valid:
            raise UserError("unlabelled_alone")
        return task, plan

    def _check_output(self) -> None:
        """Refuse a folder that is taken, and one without a run to go on with."""
        if self.output.is_file():
            raise UserError("output_file", folder=self.output)
        if self.resume and not (self.output / STATE).is_file():
            raise UserError("resume_missing", folder=self.output)
        if not self.resume and self.output.exists() and any(self.output.iterdir()):
            raise UserError("output_exists", folder=self.output)

    def _notes(self, run: Any) -> list[Note]:
        """How the data were read, and what of them the model does not read."""
        return [*self._read, *run.notes()]

    def _prepare(self, task: TaskPlan, plan: Plan, processes: Any) -> Any:
        """The run that the flags spell."""
        from meta_demo.backbones.loading import load_backbone
        from meta_demo.core.cache import LEARNING, Cache
        from meta_demo.core.device import choose_device
        from meta_demo.data.sources import load_unlabelled
        from meta_demo.learning.recipe import Recipe, prepare, split

        train_on, valid_on = self._sources()
        unlabelled, said = load_unlabelled(self.unlabelled, columns_of(self))
        self._read = [*(note for source in (*train_on, *valid_on) for note in source.notes), *said]
        model = self.model or DEFAULT[(train_on or valid_on)[0].modality]

        def backbone() -> Any:
            scratch = plan.seed if self.from_scratch else None
            with quiet(bars=model not in DEFAULT.values() and sys.stderr.isatty()):
                return load_backbone(
                    model, processes.device or choose_device(), Cache.as_set(LEARNING), scratch=scratch
                )

        recipe = Recipe(
            *split(train_on, valid_on, plan.seed),
            plan,
            self.algorithm,
            knobs=changed_knobs(self, self.algorithm),
            task=task,
            start=self.start,
            from_scratch=self.from_scratch,
            unlabelled=unlabelled,
        )
        return prepare(recipe, backbone, self.output, about=_about(), group=processes)

    def _sources(self) -> tuple[list[Any], list[Any]]:
        """Sources to train on and to validate on, as far as the latter are named."""
        from meta_demo.data.sources import load_sources

        train_on = load_sources(self.source, self.classes, columns_of(self))
        if not (self.valid or self.valid_classes):
            return train_on, []
        return train_on, load_sources(
            self.valid or self.source[: len(self.valid_classes)], self.valid_classes, columns_of(self)
        )


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


def _with_bar(run: Any, resume: bool, *, shown: bool) -> Any:
    """The run, with a bar on stderr: rate, remaining time, loss and the best validation so far."""
    from tqdm import tqdm

    with tqdm(total=run.plan.steps, disable=not shown, unit="step", dynamic_ncols=True) as bar:
        for progress in run.train(resume=resume):
            bar.update(progress.step - bar.n)
            loss = "" if progress.loss is None else f"loss {progress.loss:.3f}, "
            best = f"{run.objective.figure} {run.objective.told(progress.best)}"
            bar.set_postfix_str(f"{loss}best {best} at step {progress.best_step}")
            yield progress


def _tracker(name: str, record: dict[str, Any]) -> Any:
    """A trackio run; raises UserError when trackio is not installed."""
    try:
        import trackio
    except ImportError as error:
        raise UserError("no_trackio") from error
    return trackio.init(project="meta-demo", name=name, config=record)
