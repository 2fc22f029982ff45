"""Reads a whole tape and says what is sound: ``python -m bus.verify [--json] [PATH]``.

Exit code 0: clean; 1: damaged, with the first damaged seq and what is still sound; 2: cannot run.
It only reads, page by page, in a process of its own, also while the deck runs; nothing is mended or
deleted.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bus.codec import Record, checksum
from bus.reading import COLUMNS, PAGE_BYTES_MAX
from bus.seal import Chain, first_seal
from bus.tape import Mark
from bus.tapefile import FORMAT, TABLES, UNREADABLE, connect_to_read
from bus.witness import Statement, boot_id, read_witness, witness_of

CLEAN, DAMAGED, CANNOT_RUN = 0, 1, 2
PAGE_ROWS = 2_000
FINDINGS_MAX = 20
GAPS_MAX = 1_000
"""Beyond so many damaged places the chains between events are not followed any more."""
UNREADABLE_MAX = 10_000
"""After so many rows in a row that cannot be read nobody looks further."""
KINDS = (int, str, int, int, str, int, int, bytes)
"""Of a row's columns; SQLite stores whatever a damaged page says."""

_ROWS = f"""
SELECT {COLUMNS}, crc, seal FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?
"""  # noqa: S608


class CannotRun(Exception):
    """There is nothing here that could be verified."""


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it was written; ``seq`` is 0 where it is no single event's."""

    seq: int
    what: str


class Report(msgspec.Struct, frozen=True):
    """What was read, and what was found.

    ``sound`` events are whole by themselves, all those up to ``sound_to`` and what links them.
    ``found`` counts all findings, ``findings`` holds the first twenty.
    """

    path: str
    tape_id: str
    head: int
    records: int
    sound: int
    sound_to: int
    found: int
    findings: tuple[Finding, ...]


class Tables(NamedTuple):
    """What the tape says beside its events, all of one moment."""

    meta: dict[Any, Any]
    head: int
    heads: dict[Any, Any]
    marks: dict[Any, Mark]
    witnessed: int = 0
    """The seq that the witness beside the tape demands."""


class Inspection:
    """Looks at rows one after the other; knows of the tape only what it was shown."""

    def __init__(self, tape_id: str = "") -> None:
        self._chain = Chain(first_seal(tape_id) if tape_id else None)
        self.findings: list[Finding] = []
        self.found = 0
        self.records = 0
        self.sound = 0
        self.sound_to = 0
        self._heads: dict[str, int] = {}
        self._marks: dict[str, Mark] = {}
        self._gaps: list[tuple[int, int]] = []
        self._seq = 0
        self._last: Record | None = None
        self._sealed = True

    def look(self, columns: Sequence[object], crc: object, seal: object) -> None:
        """One more row, in the order of the file."""
        self.records += 1
        seq = columns[0] if isinstance(columns[0], int) else self._seq + 1
        if seq > self._seq + 1:
            self._gap(self._seq + 1, seq - 1)
            self._find(seq, f"follows seq {self._seq}: the events between are missing")
        self._seq = seq
        if tuple(map(type, columns)) != KINDS:
            self._gap(seq, seq)
            self._find(seq, "holds a value of another kind than it was written with")
        elif checksum(record := Record._make(columns)) != crc:
            self._gap(seq, seq)
            self._find(seq, "does not match its checksum")
        else:
            self._sound(record, crc, seal)

    def skip(self, seq: int, error: Exception) -> None:
        """A row that cannot be read."""
        self._gap(seq, seq)
        self._seq = seq
        self._find(seq, f"cannot be read ({error})")

    def compare(self, tables: Tables) -> None:
        """The tables beside the events, after the last row."""
        if tables.head > self._seq:
            self._gap(self._seq + 1, tables.head)
            self._find(self._seq + 1, f"is missing, and all after it up to seq {tables.head}")
        elif tables.witnessed > tables.head:
            self._find(tables.head + 1, f"is missing: all up to seq {tables.witnessed} was kept")
        elif self._last and self._last.seq == tables.head and not self._sealed:
            self._find(tables.head, "ends the tape without a seal: the rest of its commit is lost")
        if tables.meta.get("format") != str(FORMAT) or not tables.meta.get("tape_id"):
            self._find(0, f"what it says of itself is not what was written ({tables.meta})")
        for subject, seq in _differences(tables.heads, self._heads):
            if not self._is_gap(seq):
                self._find(0, f"the head of {subject} is not its last event")
        for producer, mark in _differences(_spoken(tables.marks), self._marks):
            if not (isinstance(mark, Mark) and (self._is_gap(mark.first, mark.last))):
                self._find(0, f"the mark of {producer} is not its last turn")

    def report(self, path: Path, tables: Tables) -> Report:
        """What came of it."""
        return Report(
            path=str(path),
            tape_id=str(tables.meta.get("tape_id", "")),
            head=tables.head,
            records=self.records,
            sound=self.sound,
            sound_to=self.sound_to,
            found=self.found,
            findings=tuple(self.findings),
        )

    def _find(self, seq: int, what: str) -> None:
        self.found += 1
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(seq, what))

    def _sound(self, record: Record, crc: int, seal: object) -> None:
        self.sound += 1
        for fault in (*self._faults(record), *self._broken_seals(crc, seal)):
            self._find(record.seq, fault)
        if not self.found:
            self.sound_to = record.seq
        first = record.seq if self._begins_turn(record) else self._marks[record.producer].first
        self._marks[record.producer] = Mark(0, record.heard, first, record.seq, record.at_us)
        self._heads[record.subject] = record.seq
        self._last = record

    def _faults(self, record: Record) -> Iterator[str]:
        if self._last and record.at_us < self._last.at_us:
            yield "was recorded before the event in front of it"
        known = self._heads.get(record.subject, 0)
        if record.prev != known and not self._is_gap(record.prev):
            yield f"names {record.prev} as the last of its subject, which is {known}"
        mark = self._marks.get(record.producer, Mark())
        if self._begins_turn(record) and record.heard <= mark.mark and not self._gaps:
            yield f"is of a turn that {record.producer} had said before"

    def _broken_seals(self, crc: int, seal: object) -> Iterator[str]:
        self._sealed = seal is not None
        if not (seal is None or isinstance(seal, bytes)) or not self._chain.holds(crc, seal):
            yield "ends a commit whose seal is false: some event before it is not the one committed"
            self._chain.lose()

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


def inspect(path: Path) -> Report:
    """Read the whole tape; raises `CannotRun`."""
    if not path.is_file() or not path.stat().st_size:
        raise CannotRun(f"{path} is no tape: name one, or set TAPEDECK_HOME")
    inspection, tables = Inspection(), Tables({}, 0, {}, {})
    told = read_witness(witness_of(path)) or Statement()  # before the tape, which may grow
    try:
        with closing(connect_to_read(path)) as db:
            tables = _tables(db, path)._replace(witnessed=told.demands(boot_id()))
            inspection = Inspection(str(tables.meta.get("tape_id", "")))
            _look_at_all(db, tables.head, inspection)
            inspection.compare(tables)
    except UNREADABLE as error:
        if isinstance(error, sqlite3.OperationalError) and "unable to open" in str(error):
            raise CannotRun(f"{path} cannot be opened ({error}): check who may read it") from error
        inspection.skip(inspection.records + 1, error)
    return inspection.report(path, tables)


def main(arguments: list[str] | None = None) -> int:
    """Verify the tape that is named, or that of the settings; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bus.verify", description=__doc__)
    parser.add_argument("path", nargs="?", type=Path, help="the tape; default: that of the home")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    chosen = parser.parse_args(arguments)
    try:
        report = inspect(chosen.path or _configured())
    except CannotRun as error:
        sys.stderr.write(f"tapedeck: {error}\n")
        return CANNOT_RUN
    text = msgspec.json.encode(report).decode() if chosen.json else _in_words(report)
    sys.stdout.write(text + "\n")
    return DAMAGED if report.found else CLEAN


def _tables(db: sqlite3.Connection, path: Path) -> Tables:
    """One short transaction: a deck may be writing."""
    db.execute("BEGIN")
    names = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not names & TABLES:
        raise CannotRun(f"{path} is no tape: it is a database of another program")
    meta = dict(db.execute("SELECT name, value FROM meta"))
    if (found := str(meta.get("format"))).isdecimal() and int(found) != FORMAT:
        why = "which a newer Tapedeck wrote and can verify"
        older = f"and is brought up to {FORMAT}, row by row, when the deck next starts"
        raise CannotRun(f"{path} has format {found}, {why if int(found) > FORMAT else older}")
    heads = dict(db.execute("SELECT subject, seq FROM head"))
    rows = db.execute("SELECT producer, epoch, mark, first, last, at_us FROM mark")
    marks = {row[0]: Mark(*row[1:]) for row in rows}
    [(last,)] = db.execute("SELECT MAX(seq) FROM event")
    db.execute("COMMIT")
    told = [seq for seq in (last, *heads.values()) if isinstance(seq, int)]
    return Tables(meta, max(told, default=0), heads, marks)


def _look_at_all(db: sqlite3.Connection, head: int, inspection: Inspection) -> None:
    after, unreadable = 0, 0
    while after < head and unreadable < UNREADABLE_MAX:
        before = after
        try:
            for columns, crc, seal in _page(db, after, head):
                inspection.look(columns, crc, seal)
                after = columns[0]
        except UNREADABLE as error:
            after += 1
            unreadable += 1
            inspection.skip(after, error)
        else:
            unreadable = 0
            if after == before:
                return


def _page(db: sqlite3.Connection, after: int, head: int) -> Iterator[tuple[Any, object, object]]:
    """Rows of some megabytes at most; while a cursor is open the writer's log can only grow."""
    with closing(db.execute(_ROWS, (after, head, PAGE_ROWS))) as rows:
        size = 0
        for *columns, crc, seal in rows:
            yield columns, crc, seal
            size += len(columns[-1]) if isinstance(columns[-1], bytes) else 0
            if size > PAGE_BYTES_MAX:
                return


def _differences(told: dict[Any, Any], seen: dict[Any, Any]) -> Iterable[tuple[Any, Any]]:
    keys = sorted({*told, *seen}, key=str)
    same = {key for key in told if key in seen and told[key] == seen[key]}
    return [(key, told.get(key, seen.get(key))) for key in keys if key not in same]


def _spoken(marks: dict[Any, Mark]) -> dict[Any, Mark]:
    """Of those who ever said something; an epoch is nobody's event."""
    return {name: mark._replace(epoch=0) for name, mark in marks.items() if mark.mark != -1}


def _in_words(report: Report) -> str:
    if not report.found:
        return f"{report.path}: {report.records} events, all sound"
    lines = [
        f"{report.path}: DAMAGED; everything is sound up to seq {report.sound_to},"
        f" and {report.sound} of {report.head} events are whole by themselves"
    ]
    lines += [f"  seq {finding.seq or '-'}: {finding.what}" for finding in report.findings]
    if report.found > len(report.findings):
        lines.append(f"  and {report.found - len(report.findings)} more")
    return "\n".join([*lines, "Keep a copy of the file as it is; nothing was changed."])


def _configured() -> Path:
    from config.settings import SettingsError, read_settings

    try:
        return read_settings(os.environ).tape_path
    except SettingsError as error:
        raise CannotRun(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
