"""How often somebody may ask: each has a bucket of calls, which fills again at a steady rate. Not here: what is asked, and who that is."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from meta_demo.core.errors import UserError

REMEMBERED = 10_000  # of those who ask; whoever is forgotten has a full bucket again


class Pace:
    """`at_once` calls of each who asks, and `a_minute` more in every minute. Thread-safe."""

    def __init__(self, at_once: int, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.at_once, self.a_minute, self._clock = at_once, a_minute, clock
        self._left: OrderedDict[object, tuple[float, float]] = OrderedDict()  # calls that were left, and when
        self._lock = Lock()

    def spend(self, who: object) -> None:
        """One call of somebody; None is the house, which asks as often as it likes. Raises UserError with the seconds to wait."""
        if who is None:
            return
        with self._lock:
            now = self._clock()
            left, then = self._left.pop(who, (float(self.at_once), now))
            left = min(self.at_once, left + (now - then) * self.a_minute / 60)
            taken = left >= 1
            self._left[who] = (left - taken, now)
            if len(self._left) > REMEMBERED:
                self._left.popitem(last=False)
        if not taken:
            seconds = max(1, math.ceil((1 - left) * 60 / self.a_minute))
            raise UserError("too_often", limit=self.a_minute, seconds=seconds)
