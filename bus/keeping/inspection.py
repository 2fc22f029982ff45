"""Looks at the rows of a tape one after the other and says what is not as it was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from bus.beginning import Beginning
from bus.codec import Record, checksum
from bus.seal import Chain
from bus.tape import Mark
from bus.tapefile import FORMAT

FINDINGS_MAX = 20
GAPS_MAX = 1_000
"""Beyond so many damaged places the chains between events are not followed any more."""
KINDS = (int, str, int, int, str, int, int, bytes)
"""Of a row's columns; SQLite stores whatever a damaged page says."""

WHOLE = Beginning(0, b"", 0)
"""From the first event on, upon whatever seal."""


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it was written; ``seq`` is 0 where it is no single event's."""

    seq: int
    what: str


class Tables(NamedTuple):
    """What a tape says beside its events, all of one moment."""

    meta: dict[Any, Any]
    head: int
    heads: dict[Any, Any]
    marks: dict[Any, Mark]
    begins: Beginning = WHOLE
    witnessed: int = 0
    """The seq that the witness beside the tape demands."""
    acknowledged: tuple[int, bytes] = (0, b"")
    """A seq that was acknowledged, and its seal, as the witness has it."""


class Inspection:
    """Knows of the tape only where it begins and what it was shown."""

    def __init__(self, begins: Beginning = WHOLE, acknowledged: tuple[int, bytes] = (0, b"")):
        self._chain = Chain(begins.seal or None)
        self._acknowledged = acknowledged
        self.findings: list[Finding] = []
        self.found = 0
        self.records = 0
        self.sound = 0
        self.sound_to = begins.after
        self.seal = begins.seal
        """That of ``sound_to``."""
        self.heads: dict[str, int] = {}
        self.marks: dict[str, Mark] = {}
        self._begins = begins
        self._broken = False
        self._gaps: list[tuple[int, int]] = []
        self._seq = begins.after
        self.at_us = begins.at_us
        """When the last event was recorded."""
        self._last: Record | None = None
        self._sealed = True

    def keep(self, columns: Sequence[object], crc: object) -> None:
        """One more row of those kept from an archived prefix, in order, before all others."""
        record = whole(columns, crc)
        if record is None or record.seq > self._seq:
            seq = columns[0] if isinstance(columns[0], int) else 0
            self._gaps.append((seq, seq))
            self.find(seq, "is kept from an archived prefix, and not as it was written")
            return
        self.heads[record.subject] = record.seq
        known = self.marks.get(record.producer, Mark())
        if record.heard >= known.mark:
            first = known.first if record.heard == known.mark else record.seq
            self.marks[record.producer] = Mark(0, record.heard, first, record.seq, record.at_us)

    def look(self, columns: Sequence[object], crc: Any, seal: object) -> None:
        """One more row, in the order of the file."""
        self.records += 1
        seq = columns[0] if isinstance(columns[0], int) else self._seq + 1
        if seq > self._seq + 1:
            self._gap(self._seq + 1, seq - 1)
            self._hurt(seq, f"follows seq {self._seq}: the events between are missing")
        self._seq = seq
        if (record := whole(columns, crc)) is not None:
            self._take(record, crc, seal)
            return
        self._gap(seq, seq)
        kinds_hold = tuple(map(type, columns)) == KINDS
        other_kind = "holds a value of another kind than it was written with"
        self._hurt(seq, "does not match its checksum" if kinds_hold else other_kind)

    def skip(self, seq: int, error: Exception) -> None:
        """A row that cannot be read."""
        self._gap(seq, seq)
        self._seq = seq
        self._hurt(seq, f"cannot be read ({error})")

    def compare(self, tables: Tables) -> None:
        """The tables beside the events, after the last row."""
        if tables.head > self._seq:
            self._gap(self._seq + 1, tables.head)
            self.find(self._seq + 1, f"is missing, and all after it up to seq {tables.head}")
        elif tables.witnessed > tables.head:
            self.find(tables.head + 1, f"is missing: all up to seq {tables.witnessed} was kept")
        elif self._last and self._last.seq == tables.head and not self._sealed:
            self.find(tables.head, "ends the tape without a seal: the rest of its commit is lost")
        if tables.meta.get("format") != str(FORMAT) or not tables.meta.get("tape_id"):
            self.find(0, f"what it says of itself is not what was written ({tables.meta})")
        for subject, seq in _differences(tables.heads, self.heads):
            if not self._is_gap(seq):
                self.find(0, f"the head of {subject} is not its last event")
        for producer, mark in _differences(_spoken(tables.marks), self.marks):
            if not (isinstance(mark, Mark) and (self._is_gap(mark.first, mark.last))):
                self.find(0, f"the mark of {producer} is not its last turn")

    def find(self, seq: int, what: str) -> None:
        """Something is wrong."""
        self.found += 1
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(seq, what))

    def _hurt(self, seq: int, what: str) -> None:
        """Something is wrong with the events themselves: what follows rests on nothing."""
        self._broken = True
        self.find(seq, what)

    def _take(self, record: Record, crc: int, seal: Any) -> None:
        self.sound += 1
        for fault in (*self._faults(record), *self._false_seals(record.seq, crc, seal)):
            self._hurt(record.seq, fault)
        if self._sealed and not self._broken:
            self.sound_to = record.seq
            self.seal = seal
        first = record.seq if self._begins_turn(record) else self.marks[record.producer].first
        self.marks[record.producer] = Mark(0, record.heard, first, record.seq, record.at_us)
        self.heads[record.subject] = record.seq
        self.at_us = record.at_us
        self._last = record

    def _faults(self, record: Record) -> Iterator[str]:
        if record.at_us < self.at_us:
            yield "was recorded before the event in front of it"
        known = self.heads.get(record.subject, 0)
        unknown = not known and 0 < record.prev <= self._begins.after
        if record.prev != known and not unknown and not self._is_gap(record.prev):
            yield f"names {record.prev} as the last of its subject, which is {known}"
        mark = self.marks.get(record.producer, Mark())
        if self._begins_turn(record) and record.heard <= mark.mark and not self._gaps:
            yield f"is of a turn that {record.producer} had said before"

    def _false_seals(self, seq: int, crc: int, seal: object) -> Iterator[str]:
        self._sealed = seal is not None
        if not (seal is None or isinstance(seal, bytes)) or not self._chain.holds(crc, seal):
            yield "ends a commit whose seal is false: some event before it is not the one committed"
            self._chain.lose()
        if seq == self._acknowledged[0] and seal != self._acknowledged[1]:
            yield "is not the one that was acknowledged, as the witness beside the tape has it"

    def _begins_turn(self, record: Record) -> bool:
        """The events of one turn follow one another and have the same mark."""
        last = self._last
        return last is None or (record.producer, record.heard) != (last.producer, last.heard)

    def _gap(self, first: int, last: int) -> None:
        self._chain.lose()
        if self._gaps and self._gaps[-1][1] == first - 1:
            self._gaps[-1] = (self._gaps[-1][0], last)
        elif len(self._gaps) < GAPS_MAX:
            self._gaps.append((first, last))

    def _is_gap(self, *seqs: object) -> bool:
        """Whether what lies there is damaged, so that what points to it cannot be judged."""
        many = len(self._gaps) >= GAPS_MAX
        return many or any(
            first <= seq <= last
            for first, last in self._gaps
            for seq in seqs
            if isinstance(seq, int)
        )


def whole(columns: Sequence[object], crc: object) -> Record | None:
    """The record of a row, None where it is not the one that was written."""
    if tuple(map(type, columns)) != KINDS:
        return None
    record = Record._make(columns)
    return record if checksum(record) == crc else None


def _differences(told: dict[Any, Any], seen: dict[Any, Any]) -> Iterable[tuple[Any, Any]]:
    keys = sorted({*told, *seen}, key=str)
    same = {key for key in told if key in seen and told[key] == seen[key]}
    return [(key, told.get(key, seen.get(key))) for key in keys if key not in same]


def _spoken(marks: dict[Any, Mark]) -> dict[Any, Mark]:
    """Of those who ever said something; an epoch is nobody's event."""
    return {name: mark._replace(epoch=0) for name, mark in marks.items() if mark.mark != -1}
