"""Measured tables on disk, as the page's Benchmark tab shows them: what was measured, by which command, where and when."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"

Said = dict[str, str]  # language -> words


def write(
    name: str, command: str, title: Said, columns: Sequence[Said], rows: Sequence[Any], notes: Said, **more: Any
) -> None:
    """Write `results/<name>.json`; `more` is what else belongs to the table, as the points of a figure."""
    content = {
        "title": title,
        "command": command,
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "columns": list(columns),
        "rows": list(rows),
        "notes": notes,
        **more,
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")


def machine() -> str:
    """Processor, cores and threads, and the version of torch."""
    return f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _processor() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def percent(mean: float, half: float) -> str:
    """A fraction with half its interval, as `91.2 ± 0.6 %`."""
    return f"{mean * 100:.1f} ± {half * 100:.1f} %"


def points(mean: float, half: float) -> str:
    """A difference of fractions with half its interval, in points."""
    return f"{mean * 100:+.1f} ± {half * 100:.1f}"
