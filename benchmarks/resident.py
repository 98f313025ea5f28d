"""What lies in memory of a process: now, and at the most so far."""

from __future__ import annotations

import resource
from pathlib import Path

KB, MB = 1 << 10, 1 << 20
STATUS = Path("/proc/self/status")


def now() -> float:
    """MB of this process that lie in memory now, where the system tells."""
    return _read("VmRSS")


def peak() -> float:
    """The largest resident set this process has had, in MB.

    The C library's own figure, `ru_maxrss`, outlives `exec`: a child begins with the peak of whoever started it, and one that a large
    process starts seems to take nothing. So Linux is asked for the mark of this address space alone.
    """
    return _read("VmHWM") if STATUS.exists() else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB


def _read(field: str) -> float:
    """One line of the kernel's account of this process, in MB."""
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(lines[field].split()[0]) * KB / MB
