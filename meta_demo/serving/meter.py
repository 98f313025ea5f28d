"""What is counted and timed while strangers are served, for Prometheus: numbers, and names of our own. Never what a visitor wrote."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from meta_demo.core.errors import UserError

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # resident memory among others, where the system tells of it

_SECONDS = (0.01, 0.03, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
RUN = Histogram("meta_demo_run_seconds", "Seconds that work took", ["kind"], buckets=_SECONDS, registry=REGISTRY)
WAIT = Histogram("meta_demo_wait_seconds", "Seconds until work began", ["kind"], buckets=_SECONDS, registry=REGISTRY)
QUEUE = Gauge("meta_demo_queue_length", "Pieces of work that wait or are under way", ["kind"], registry=REGISTRY)
ERRORS = Counter("meta_demo_errors", "What visitors were told, by its name", ["kind"], registry=REGISTRY)
CACHE = Gauge("meta_demo_cache_bytes", "Bytes that the cache keeps alive", registry=REGISTRY)


def count(error: Exception) -> None:
    """One more of that kind: the name of a sentence of ours, or the class of what nobody expected."""
    ERRORS.labels(error.name if isinstance(error, UserError) else type(error).__name__).inc()


@contextmanager
def timed(kind: str) -> Iterator[None]:
    """Times a piece of work, however it ends."""
    started = time.perf_counter()
    try:
        yield
    finally:
        RUN.labels(kind).observe(time.perf_counter() - started)
