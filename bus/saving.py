"""A pure state outlives its process as a snapshot with its position.

The tape alone can always rebuild it.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
import structlog

from bus.ports import Clock

S = TypeVar("S")

FACTS_BETWEEN = 5_000
SECONDS_BETWEEN = 600.0
"""A snapshot only shortens the fold at a start; the indicators' one has 0.3 MB a ticker."""

_UNREADABLE = (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)

log = structlog.get_logger()


class Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """A state's bytes, and where on which tape they stand for which code."""

    tape_id: str
    code: str
    position: int
    crc: int
    state: bytes


def read_snapshot(path: Path) -> Snapshot | None:
    """The snapshot in a file; None where there is none, or none that is what was written."""
    try:
        snapshot = msgspec.msgpack.decode(path.read_bytes(), type=Snapshot)
    except FileNotFoundError:
        return None
    except _UNREADABLE as error:
        log.warning("snapshot.unreadable", path=str(path), error=str(error))
        return None
    return snapshot if _checksum(snapshot.state, snapshot.position) == snapshot.crc else None


class SnapshotSaver(Generic[S]):
    """Writes the state now and then (by facts and by time) and at the end, as one atomic file.

    ``code`` names the version of the code that folds: another version refolds from the tape.
    """

    def __init__(
        self, path: Path, kind: type[S], initial: Callable[[], S], code: str, clock: Clock
    ) -> None:
        self._path = path
        self._kind = kind
        self._initial = initial
        self._code = code
        self._clock = clock
        self._tape_id = ""
        self._saved_at = 0
        self._saved_seconds = clock.elapsed_seconds()

    def restore(self, tape_id: str) -> tuple[S, int]:
        """See `bus.ports.Saver`.

        A snapshot that does not fit is left aside, and the tape is folded.
        """
        self._tape_id = tape_id
        snapshot = read_snapshot(self._path)
        if snapshot is not None and self._fits(snapshot):
            try:
                state = msgspec.msgpack.decode(snapshot.state, type=self._kind)
            except _UNREADABLE as error:
                log.warning("snapshot.unreadable", path=str(self._path), error=str(error))
            else:
                self._saved_at = snapshot.position
                return state, snapshot.position
        return self._initial(), 0

    def save(self, state: S, position: int) -> S:
        """See `bus.ports.Saver`."""
        now = self._clock.elapsed_seconds()
        enough = position - self._saved_at >= FACTS_BETWEEN
        old = position > self._saved_at and now - self._saved_seconds >= SECONDS_BETWEEN
        if enough or old:
            self._write(state, position)
        return state

    def finish(self, state: S, position: int) -> None:
        """See `bus.ports.Saver`."""
        if position > self._saved_at:
            self._write(state, position)

    def _fits(self, snapshot: Snapshot) -> bool:
        return (snapshot.tape_id, snapshot.code) == (self._tape_id, self._code)

    def _write(self, state: S, position: int) -> None:
        data = msgspec.msgpack.encode(state)
        crc = _checksum(data, position)
        snapshot = Snapshot(self._tape_id, self._code, position, crc, data)
        self._saved_at, self._saved_seconds = position, self._clock.elapsed_seconds()
        try:
            replace_file(self._path, msgspec.msgpack.encode(snapshot))
        except OSError as error:
            log.warning("snapshot.unwritten", path=str(self._path), error=str(error))


def _checksum(state: bytes, position: int) -> int:
    """Over the position too: a state that is taken for an older one hears facts twice."""
    return zlib.crc32(b"%d" % position, zlib.crc32(state))


class NoSaver(Generic[S]):
    """Keeps nothing: the state is folded from the tape at each start."""

    def __init__(self, initial: Callable[[], S]) -> None:
        self._initial = initial

    def restore(self, tape_id: str) -> tuple[S, int]:
        """See `bus.ports.Saver`."""
        del tape_id
        return self._initial(), 0

    def save(self, state: S, position: int) -> S:
        """See `bus.ports.Saver`."""
        del position
        return state

    def finish(self, state: S, position: int) -> None:
        """See `bus.ports.Saver`."""


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: to a neighbour, flushed, then renamed over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    neighbour = path.with_suffix(path.suffix + ".new")
    with neighbour.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    neighbour.replace(path)
