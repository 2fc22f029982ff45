"""The bus with a stopwatch at its ports: hub, tape and database connection, each call timed."""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from bus.codec import Append
from bus.tape import Committed, TapeWriter
from bus.transport.zeromq import Address, ZeroMQHub

P = ParamSpec("P")
R = TypeVar("R")

_TRIALS = 100_000


class Timer:
    """CPU seconds of this thread by stage, less what the timing itself costs."""

    def __init__(self) -> None:
        self.clear()
        self._own_seconds = 0.0
        started = time.thread_time()
        for _ in range(_TRIALS):
            self.timed("nothing", int)
        self._whole_seconds = (time.thread_time() - started) / _TRIALS
        self._own_seconds = self.seconds["nothing"] / _TRIALS
        self.clear()

    @property
    def overhead_seconds(self) -> float:
        """What all the timing has cost besides what it was charged to the stages."""
        return self._calls * self._whole_seconds

    def clear(self) -> None:
        """Begin anew."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._calls = 0

    def timed(self, stage: str, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do the work and count its time for the stage."""
        self._calls += 1
        started = time.thread_time()
        try:
            return work(*args, **kwargs)
        finally:
            self.seconds[stage] += time.thread_time() - started - self._own_seconds


class TimedHub(ZeroMQHub):
    """The sockets: receiving, publishing, answering."""

    def __init__(self, where: Address, timer: Timer) -> None:
        super().__init__(where)
        self._timer = timer

    def receive(self, timeout_seconds: float) -> list[tuple[bytes, bytes]]:
        """See `bus.ports.Hub`."""
        return self._timer.timed("receive", super().receive, timeout_seconds)

    def send(self, identity: bytes, frame: bytes) -> bool:
        """See `bus.ports.Hub`."""
        return self._timer.timed("answer", super().send, identity, frame)

    def publish(self, frame: bytes) -> None:
        """See `bus.ports.Hub`."""
        self._timer.timed("publish", super().publish, frame)


class TimedTape(TapeWriter):
    """The tape: an append as a whole, and of it what the database takes."""

    def __init__(self, path: Path, timer: Timer) -> None:
        def connected(place: Path) -> sqlite3.Connection:
            db = sqlite3.connect(
                place, isolation_level=None, check_same_thread=False, factory=_TimedConnection
            )
            db.timer = timer
            return db

        super().__init__(path, connected)
        self._timer = timer

    def append(self, turns: Sequence[Append], now_us: int) -> Committed:
        """See `bus.tape.TapeWriter`."""
        return self._timer.timed("append", super().append, turns, now_us)


class _TimedConnection(sqlite3.Connection):
    timer: Timer

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        stage = "commit" if sql == "COMMIT" else "rows"
        return self.timer.timed(stage, super().execute, sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        return self.timer.timed("rows", super().executemany, sql, parameters)
