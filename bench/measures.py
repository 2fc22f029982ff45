"""How a run is measured: CPU time and memory of processes, and quantiles of delays."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec


class Span(msgspec.Struct, frozen=True):
    """What one process did between two instants, told by itself.

    ``cpu_seconds`` is of all its threads. ``delays_us`` are one-way or round-trip times, one for
    each event where they were asked for. ``notes`` are counts worth a look (gaps, resends).
    """

    events: int
    seconds: float
    cpu_seconds: float
    delays_us: list[float] = []
    notes: dict[str, float] = {}

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds an event."""
        return self.cpu_seconds * 1e6 / self.events


class Stopwatch:
    """Wall and CPU time of this process since it was made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def span(
        self,
        events: int,
        delays_us: Sequence[float] = (),
        notes: dict[str, float] | None = None,
    ) -> Span:
        """What was done until now."""
        seconds = time.perf_counter() - self._wall
        cpu_seconds = time.process_time() - self._cpu
        return Span(events, seconds, cpu_seconds, list(delays_us), notes or {})


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a living process, all its threads, those that ended too.

    The clock of another process, as clock_getcpuclockid(3) makes its number: it counts nanoseconds,
    where /proc/<pid>/stat counts ticks of 10 ms.
    """
    return time.clock_gettime((~pid << 3) | 2)


def resident_mb(pid: int) -> float:
    """Resident memory of a living process in megabytes of 1,000,000 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024 / 1e6
    raise ProcessLookupError(f"process {pid} has no memory any more")


def monotonic_us() -> int:
    """The clock that all processes of this machine share, in microseconds."""
    return time.monotonic_ns() // 1_000


def percentile(values: Sequence[float], percent: int) -> float:
    """The percentile by linear interpolation; a single value is its own."""
    if len(values) < 2:
        return float(values[0])
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
