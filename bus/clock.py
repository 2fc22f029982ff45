"""The machine's clock, for the composition roots."""

from __future__ import annotations

import time


class SystemClock:
    """Wall time in microseconds UTC and a monotonic count of seconds."""

    def now_us(self) -> int:
        """Microseconds UTC."""
        return time.time_ns() // 1_000

    def elapsed_seconds(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        return time.monotonic()
