"""The one way to receive: a cursor, fed by live frames where they fit, and by the tape.

A frame that follows the cursor is taken as it is. Anything else (a gap, an overflow, a first start,
a head ahead of the cursor) means: read the tape from the cursor. So a live frame is only ever a
hint, and losing it costs time alone.
"""

from __future__ import annotations

from collections import deque

from bus.codec import Header, Heartbeat, Record, decode_live
from bus.errors import BadMessage, LogRegressed
from bus.ports import TapeReading

HELD_RECORDS_MAX = 2_048
HELD_BYTES_MAX = 16 << 20
PAGE_RECORDS_MAX = 2_048


class Follower:
    """One integer, the last seq folded, and what is known to lie behind it."""

    def __init__(self, cursor: int = 0) -> None:
        self.cursor = cursor
        self.head = cursor
        self.tape_id = ""
        self.bad_frames = 0
        self.gaps = 0
        """How often live frames were missing, and the tape was read instead."""
        self._held: deque[Record] = deque()
        self._held_bytes = 0
        self.suspicious = False
        """Whether somebody told of a head before the cursor: the tape itself must be asked."""

    @property
    def behind(self) -> bool:
        """Whether the tape is known to go on beyond the cursor."""
        return self.head > self.cursor

    def told(self, tape_id: str, head: int) -> None:
        """Somebody who knows says where the tape stands; raises `LogRegressed` for another tape.

        A smaller head than mine may only be older news (two sockets, no order): the tape itself is
        asked.
        """
        if self.tape_id and tape_id != self.tape_id:
            raise LogRegressed(
                f"tape {tape_id} lies where tape {self.tape_id} was",
                "put the former tape back, or restart the deck to go on with this one",
            )
        self.suspicious = self.suspicious or head < self.cursor
        self.tape_id = tape_id
        self.head = max(self.head, head)

    def offer(self, frames: list[bytes]) -> None:
        """Live frames as they came, in order.

        What does not fit is dropped and read from the tape later.
        """
        for data in frames:
            try:
                self._hold(decode_live(data))
            except BadMessage:
                self.bad_frames += 1

    def take(self, tape: TapeReading, limit: int) -> list[Record]:
        """The records that follow the cursor, at most ``limit``; the cursor goes on behind them."""
        if self.suspicious:
            self._check(tape.head(), self.cursor)
        records = self._from_held(limit)
        if not records and self.behind:
            self._drop_held()
            records = tape.read(self.cursor, min(limit, PAGE_RECORDS_MAX))
            if not records:
                self._check(tape.head(), self.head)
        if records:
            self.cursor = records[-1].seq
            self.head = max(self.head, self.cursor)
        return records

    def _check(self, head: int, known: int) -> None:
        """What was told or folded was committed before; a tape without it is another one."""
        if head < known:
            raise LogRegressed(
                f"the tape ends at seq {head}, this reader already knows of {known}",
                "an older copy lies in its place: put the newer one back",
            )
        self.suspicious = False

    def _hold(self, frame: Record | Header | Heartbeat) -> None:
        if isinstance(frame, Record):
            self._keep(frame)
        elif isinstance(frame, Heartbeat):
            self._notice_gap(frame.head)
            self.told(frame.tape, frame.head)
        else:
            self._notice_gap(frame.seq - 1)
            self.head = max(self.head, frame.seq)

    def _keep(self, record: Record) -> None:
        seq, held = record.seq, self._held
        if seq <= self.cursor:
            return
        full = len(held) >= HELD_RECORDS_MAX or self._held_bytes >= HELD_BYTES_MAX
        if not full and seq == (held[-1].seq if held else self.cursor) + 1:
            held.append(record)
            self._held_bytes += len(record.body)
        else:
            self._notice_gap(seq)
        self.head = max(self.head, seq)

    def _notice_gap(self, said_to: int) -> None:
        """All frames up to ``said_to`` should be here; a gap counts once, when it is first seen.

        Who reads the past from the tape, as at a first start, misses no frame.
        """
        self.gaps += bool(self.tape_id) and said_to > self._held_to() == self.head

    def _held_to(self) -> int:
        return self._held[-1].seq if self._held else self.cursor

    def _from_held(self, limit: int) -> list[Record]:
        """What is held follows one another, so that its first alone is compared."""
        if not self._held or self._held[0].seq != self.cursor + 1:
            return []
        records = [self._held.popleft() for _ in range(min(limit, len(self._held)))]
        self._held_bytes -= sum(len(record.body) for record in records)
        return records

    def _drop_held(self) -> None:
        self._held.clear()
        self._held_bytes = 0
