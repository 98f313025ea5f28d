"""`algorithms`, `models`, `checkpoints`, `settings`: what there is, one per line."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import Any

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import BROKEN, REGISTRY
from meta_demo.backbones.loading import BUNDLED, SUGGESTED
from meta_demo.cli.flags import Json, write_json
from meta_demo.core.settings import Told, told
from meta_demo.learning import checkpoint
from meta_demo.words import text


@dataclass
class Algorithms:
    json: Json = None

    def run(self) -> int:
        rows = [_describe(name, cls) for name, cls in sorted(REGISTRY.items())]
        write_json(self.json, {"algorithms": rows, "broken": BROKEN})
        for row in rows:
            print(f"{row['name']:<12} {row['title']} ({row['paper']})")
        for module, reason in BROKEN.items():
            print(text("cli.broken", module=module, reason=reason), file=sys.stderr)
        return 0


@dataclass
class Models:
    json: Json = None

    def run(self) -> int:
        rows = [asdict(m) for m in SUGGESTED]
        write_json(self.json, {"models": rows})
        for row in rows:
            where = text("cli.bundled" if row["bundled"] else "cli.hub")
            facts = f"{row['megabytes']:>4} MB  {row['licence']:<10}  {row['languages']['en']:<13}  {row['good']['en']}"
            print(f"{row['name']:<60} {row['parameters']:>7}  {where:<26}  {facts}".rstrip())
        return 0


@dataclass
class Checkpoints:
    json: Json = None

    def run(self) -> int:
        rows = [_card(model, name) for model, name in checkpoint.all_shipped()]
        write_json(self.json, {"checkpoints": rows})
        for row in rows:
            print(f"{row['model']:<12} {row['algorithm']:<12} {row['megabytes']:6.1f} MB  {row['folder']}")
        if not rows:
            print(text("cli.no_checkpoints"))
        return 0


@dataclass
class Settings:
    json: Json = None

    def run(self) -> int:
        rows = [_told(setting) for setting in told()]
        write_json(self.json, {"settings": rows})
        for row in rows:
            source = row["source"] or text("cli.settings.default")
            print(f"{', '.join(row['names'])} = {row['value']}  ({source})\n    {row['meaning']}")
        return 0


def _told(setting: Told) -> dict[str, Any]:
    """What is printed of a setting; yes and no as the variable has them."""
    value = setting.value
    if isinstance(value, bool):
        value = int(value)
    value = value if value is None or isinstance(value, int) else str(value)
    return {
        "names": list(setting.names),
        "value": text("cli.settings.unset") if value is None else value,
        "source": setting.source,
        "range": setting.range,
        "meaning": text(f"cli.settings.{setting.key}"),
    }


def _card(model: str, name: str) -> dict[str, Any]:
    folder = checkpoint.SHIPPED / model / name
    size = (folder / checkpoint.WEIGHTS).stat().st_size
    card = checkpoint.read_card(folder).model_dump()
    return {"model": model, "algorithm": name, "folder": str(folder), "megabytes": round(size / 1e6, 1), "card": card}


def _describe(name: str, cls: type[Algorithm]) -> dict[str, Any]:
    folder = checkpoint.shipped(BUNDLED, name)
    knobs = {
        k.name: {"default": k.default, "lo": k.lo, "hi": k.hi, "choices": list(k.choices)} for k in cls.Config.knobs()
    }
    return {
        "name": name,
        "title": cls.said("en"),
        "paper": cls.paper,
        "about": cls.about.get("en", ""),
        "checkpoint": str(folder) if folder else "not meta-trained",
        "knobs": knobs,
    }
