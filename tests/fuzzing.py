"""How long the tests that try at random go on: seconds among the others, as long as `make fuzz` says where they are asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from hypothesis import HealthCheck, settings

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))  # for each of them; 0: a few tries
TRIES = 30


def tries(few: int = TRIES) -> settings:
    """Settings of hypothesis for a few examples, or for about as many as there is time for."""
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much]
    return settings(max_examples=int(max(few, SECONDS * 20)), suppress_health_check=checks)


def while_there_is_time(few: int) -> Iterator[int]:
    """Numbers from 0 on: a few of them, or as many as there is time for."""
    end, number = time.monotonic() + SECONDS, 0
    while number < few or time.monotonic() < end:
        yield number
        number += 1
