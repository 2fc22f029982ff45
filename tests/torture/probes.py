"""Probes that end their own process by SIGKILL at a named step, the n-th time it is reached.

The tests' composition roots put them around a hub, a tape, a link or a saver. What lies within a
transaction or a saved file tell SQLite and Python themselves: each statement before it runs, each
file before it is opened or renamed.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from bus.codec import decode_frames
from bus.ports import Link, Saver
from tests.bus.rig import Probe, ProbedHub

S = TypeVar("S")


class Doom(NamedTuple):
    """Where a process is to die, and at which passage; without a point it lives."""

    point: str = ""
    passage: int = 1


LIFE = Doom()


class Killer(Probe):
    """A probe that kills."""

    def __init__(self, doom: Doom) -> None:
        super().__init__()
        self.doom = doom
        self._passages = 0

    def reach(self, point: str) -> None:
        """Pass the point, or die at it."""
        if point == self.doom.point:
            self._passages += 1
            if self._passages >= self.doom.passage:
                os.kill(os.getpid(), signal.SIGKILL)


def armed(doom: Doom) -> Killer:
    """A killer for this process that also sees which files it writes."""
    killer = Killer(doom)
    if doom.point:
        sys.addaudithook(_listener(killer))
    return killer


def _listener(killer: Killer) -> Callable[[str, tuple[Any, ...]], None]:
    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        match event:
            case "open" if str(arguments[0]).endswith(".new"):
                killer.reach("before a file is written")
            case "os.rename":
                killer.reach("before a file is renamed")

    return hear


def traced(db: sqlite3.Connection, killer: Killer) -> sqlite3.Connection:
    """The connection, each of whose statements passes the killer before it runs."""
    if killer.doom.point:  # SQLite writes each statement out for this, with its values
        db.set_trace_callback(lambda sql: killer.reach(before(sql)))
    return db


def before(sql: str) -> str:
    """The name of the point before a statement: its words up to the table's name."""
    words = sql.split(maxsplit=5)
    last = words.index("INTO") + 2 if "INTO" in words else 1
    return "before " + " ".join(words[:last])


class DyingHub(ProbedHub):
    """A hub whose process may also die with frames that it has taken and not yet handed on."""

    def receive(self, timeout_seconds: float) -> list[tuple[bytes, bytes]]:
        """See `bus.ports.Hub`."""
        frames = self.hub.receive(timeout_seconds)
        if frames:
            self.probe.reach("after frames came")
        return frames


def _name(message: bytes) -> str:
    """What is in a message, by its first frame: turns and their answers never travel together."""
    return type(decode_frames(message)[0]).__name__


class DyingLink:
    """A link whose process may die before and after each frame, by the frame's name."""

    def __init__(self, link: Link, probe: Probe) -> None:
        self._link = link
        self._probe = probe
        self.wake = link.wake
        self.close = link.close

    def send(self, frame: bytes) -> bool:
        """See `bus.ports.Link`."""
        name = _name(frame)
        self._probe.reach(f"before {name}")
        sent = self._link.send(frame)
        self._probe.reach(f"after {name}")
        return sent

    def receive(self, timeout_seconds: float) -> list[bytes]:
        """See `bus.ports.Link`."""
        frames = self._link.receive(timeout_seconds)
        for frame in frames:
            self._probe.reach(f"after {_name(frame)}")
        return frames

    def live(self, limit: int) -> list[bytes]:
        """See `bus.ports.Link`."""
        frames = self._link.live(limit)
        if frames:
            self._probe.reach("after live frames came")
        return frames


class DyingSaver(Generic[S]):
    """A saver whose process may die before and after a save."""

    def __init__(self, saver: Saver[S], probe: Probe) -> None:
        self._saver = saver
        self._probe = probe
        self.finish = saver.finish

    def restore(self, tape_id: str) -> tuple[S, int]:
        """See `bus.ports.Saver`."""
        restored = self._saver.restore(tape_id)
        self._probe.reach("after the restore")
        return restored

    def save(self, state: S, position: int) -> S:
        """See `bus.ports.Saver`."""
        self._probe.reach("before the save")
        saved = self._saver.save(state, position)
        self._probe.reach("after the save")
        return saved
