"""An open loop: one event each millisecond, whether or not the one before has been answered."""

from __future__ import annotations

import time
from collections.abc import Iterator

PERIOD_SECONDS = 0.001
RATE = round(1 / PERIOD_SECONDS)


def ticks(count: int) -> Iterator[float]:
    """Numbered by time: the seconds to wait before each tick, 0 for one that is late."""
    start = time.perf_counter()
    for number in range(count):
        yield max(0.0, start + number * PERIOD_SECONDS - time.perf_counter())
