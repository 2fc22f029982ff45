"""The ports of the bus: what a clock, a link, a hub, a tape's reader and a saver must do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from bus.codec import Record

S = TypeVar("S")


class Clock(Protocol):
    """Time, as the shell knows it; the pure parts get it as an argument."""

    def now_us(self) -> int:
        """Microseconds UTC; may step, in either direction."""

    def elapsed_seconds(self) -> float:
        """A count that only grows, for deadlines within one process."""


class Link(Protocol):
    """A client's end: frames to and from the broker, and live frames that may be lost."""

    def send(self, frame: bytes) -> bool:
        """Hand a frame to the broker; False when the queue is full (nothing was taken).

        Raises `MessageTooLarge` beyond `bus.codec.FRAME_BYTES_MAX`.
        """

    def receive(self, timeout_seconds: float) -> list[bytes]:
        """Frames from the broker.

        Waits until one comes, a live frame comes, `wake` is called, or time is up.
        """

    def live(self, limit: int) -> list[bytes]:
        """Live frames that have arrived, oldest first, at most ``limit``; never waits."""

    def wake(self) -> None:
        """End a waiting `receive` now; safe from any thread and from a signal handler.

        The next `receive` does not wait if none waits now; nothing happens after `close`.
        """

    def close(self) -> None:
        """Let go of everything; frames not yet sent are given a moment, then dropped."""


class Hub(Protocol):
    """The broker's end: frames from every client, frames to one, live frames to all."""

    def receive(self, timeout_seconds: float) -> list[tuple[bytes, bytes]]:
        """Frames that have arrived as (identity, frame), at most a batch; waits for the first."""

    def send(self, identity: bytes, frame: bytes) -> bool:
        """Hand a frame to one client; False when it is gone or does not read."""

    def publish(self, frame: bytes) -> None:
        """Hand a live frame to whoever listens; dropped for those that do not keep up."""

    def wake(self) -> None:
        """See `Link.wake`."""

    def close(self) -> None:
        """Let go of everything; frames not yet sent are given a moment, then dropped."""


class TapeReading(Protocol):
    """The tape as its readers see it: pages by position, the same call on every transport.

    What was archived and is not attached raises `Truncated`, but for the last words from before.
    """

    def read(self, after: int, limit: int) -> list[Record]:
        """The records that follow ``after``, oldest first.

        At most ``limit`` and a bounded number of bytes.
        """

    def get(self, seqs: Sequence[int]) -> list[Record]:
        """The records of these seqs, in order of seq; those not on the tape are left out."""

    def seq_at(self, at_us: int) -> int:
        """The last seq recorded at or before the instant; 0 where there is none."""

    def head(self) -> int:
        """The last seq."""

    def first(self) -> int:
        """The first seq from which on everything can be read; 1 for an empty tape."""

    def last(self, subject: str) -> int:
        """The last seq of the subject, 0 where there is none; each record's ``prev`` leads on."""


class Saver(Protocol[S]):
    """Where an actor's state outlives its process; the tape can always rebuild it."""

    def restore(self, tape_id: str) -> tuple[S, int]:
        """The saved state and its position, or the initial one and 0.

        Of another tape nothing is taken.
        """

    def save(self, state: S, position: int) -> S:
        """Called after each turn; writes when it thinks fit, and gives the state to go on with."""

    def finish(self, state: S, position: int) -> None:
        """Called once at the end; writes what is not written yet."""
