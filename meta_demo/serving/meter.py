"""What is counted and timed while strangers are served, for Prometheus: numbers, and names of our own. Never what a visitor wrote."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from meta_demo.core.errors import UserError
from meta_demo.serving import journal
from meta_demo.serving.turns import Gone, Turn

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # resident memory among others, where the system tells of it

_SECONDS = (0.01, 0.03, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
RUN = Histogram("meta_demo_run_seconds", "Seconds that work took", ["kind"], buckets=_SECONDS, registry=REGISTRY)
WAIT = Histogram("meta_demo_wait_seconds", "Seconds until work began", ["kind"], buckets=_SECONDS, registry=REGISTRY)
QUEUE = Gauge("meta_demo_queue_length", "Pieces of work that wait or are under way", ["kind"], registry=REGISTRY)
ERRORS = Counter("meta_demo_errors", "What visitors were told, by its name", ["kind"], registry=REGISTRY)
CACHE = Gauge("meta_demo_cache_bytes", "Bytes that the cache keeps alive", registry=REGISTRY)


def resident() -> float | None:
    """Bytes that this process has in memory, where the system tells of it."""
    return REGISTRY.get_sample_value("process_resident_memory_bytes")


def count(error: BaseException) -> None:
    """One more of that kind, which somebody was told."""
    kind = kind_of(error)
    ERRORS.labels(kind).inc()
    journal.note("told", error=kind)


def kind_of(error: BaseException) -> str:
    """The name of a sentence of ours, or the class of what nobody expected; `left` where a visitor has gone or asks for something else."""
    if isinstance(error, Gone | GeneratorExit):
        return "left"
    return error.name if isinstance(error, UserError) else type(error).__name__


@contextmanager
def timed(kind: str, turn: Turn | None = None) -> Iterator[None]:
    """Times a piece of work, however it ends, and notes it, with the place from which its `turn` came."""
    started, error = time.perf_counter(), None
    try:
        yield
    except BaseException as problem:
        error = kind_of(problem)
        raise
    finally:
        took = time.perf_counter() - started
        RUN.labels(kind).observe(took)
        came = {"place": turn.place, "waited_ms": round(turn.waited * 1000)} if turn else {}
        journal.note(kind, ms=round(took * 1000), **came, error=error)
