"""What a run is, and how another one differs from it: by the flag that says so, its old value and its new one.

Data are compared by what they hold, so that a file may have moved in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from meta_demo.core.errors import UserError

FLAGS = {"max_way": "n_way", "max_support": "sampler"}  # what a shape of tasks is made of, and the flag that says so
DATA = {"sources": "--source", "validated_on": "--valid"}


def refuse_other(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises UserError where `now` is not the run `before` that `folder` holds."""
    for flag, old, new in _values(before, now):
        if old != new and flag == "--steps":
            raise UserError("resume_steps", folder=folder, before=old, now=new)
        if old != new:
            raise UserError("resume_differs", folder=folder, flag=flag, before=old, now=new)
    for part, flag in DATA.items():
        old_data, new_data = (run.get(part, []) for run in (before, now))
        if _contents(old_data) != _contents(new_data):
            drawn = any(source["name"].endswith("unlabelled") for source in (*old_data, *new_data))
            said = {"before": _named(old_data), "now": _named(new_data)}
            raise UserError("resume_data", folder=folder, flag=f"{flag} / --unlabelled" if drawn else flag, **said)


def _values(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Every flag with its old and its new value; `--steps`, of which most is to be said, comes last."""
    found = [("--algorithm", before.get("algorithm"), now.get("algorithm"))]
    if before.get("backbone_hash") != now.get("backbone_hash"):
        found.append(("--model", _model(before), _model(now)))
    for part, prefix in (("config", f"{now.get('algorithm')}."), ("tasks", ""), ("plan", "")):
        old, new = before.get(part, {}), now.get(part, {})
        for name in dict.fromkeys((*old, *new)):
            flag = f"--{prefix}{FLAGS.get(name, name)}".replace("_", "-")
            found.append((flag, old.get(name), new.get(name)))
    if before.get("start_sha256") != now.get("start_sha256") or not now.get("start_sha256"):
        found.append(("--start", before.get("start"), now.get("start")))
    return sorted(found, key=lambda said: said[0] == "--steps")


def _model(run: Mapping[str, Any]) -> str:
    return f"{run.get('backbone')} ({run['backbone_hash'][:8]})"


def _contents(sources: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [source.get("sha256") or source.get("program") for source in sources]


def _named(sources: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{source['name']} ({source['texts']})" for source in sources) or "-"
