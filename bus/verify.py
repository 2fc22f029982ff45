"""Reads a whole tape and says what is sound: ``python -m bus.verify [--json] [PATH]``.

Exit code 0: clean; 1: damaged, with the first damaged seq and what is still sound; 2: cannot run.
It only reads, in pages, in a process of its own; nothing is mended or deleted.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from bus.codec import Record, checksum

CLEAN, DAMAGED, CANNOT_RUN = 0, 1, 2
PAGE_ROWS = 2_000
FINDINGS_MAX = 20
KINDS = (int, str, int, int, str, int, int, bytes)
"""Of a row's columns; SQLite stores whatever a damaged page says."""

_ROWS = """
SELECT seq, subject, at_us, prev, producer, heard, version, body, crc FROM event
WHERE seq > ? ORDER BY seq LIMIT ?
"""


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it was written; ``seq`` is 0 where it is no single event's."""

    seq: int
    what: str


class Report(msgspec.Struct, frozen=True):
    """What was read, up to where everything is sound, and what was found (20 findings at most)."""

    path: str
    records: int
    sound_to: int
    findings: tuple[Finding, ...]


class Inspection:
    """Looks at rows one after the other; knows of the tape only what it was shown."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.records = 0
        self.sound_to = 0
        self.heads: dict[str, int] = {}
        self._last: Record | None = None

    def look(self, columns: Sequence[object], crc: object) -> None:
        """One more row, in the order of the file."""
        self.records += 1
        if tuple(map(type, columns)) != KINDS:
            self._found(self.records, ["holds a value of another kind than it was written with"])
            return
        record = Record._make(columns)
        faults = list(self._faults(record, crc))
        self._found(record.seq, faults)
        if not self.findings:
            self.sound_to = record.seq
        self.heads[record.subject] = record.seq
        self._last = record

    def compare(self, heads: dict[str, object], marks: dict[str, object]) -> None:
        """The tables beside the events, after the last row."""
        wrong = {subject for subject, seq in heads.items() if self.heads.get(subject) != seq}
        wrong |= set(self.heads) - set(heads)
        self._found(
            0,
            [f"the head of {subject} is not its last event" for subject in sorted(map(str, wrong))],
        )
        end = self._last.seq if self._last else 0
        beyond = sorted(str(n) for n, last in marks.items() if type(last) is not int or last > end)
        self._found(0, [f"the last turn of {name} is not on the tape" for name in beyond])

    def broke_off(self, error: Exception) -> None:
        """The file could not be read on."""
        after = self._last.seq if self._last else 0
        self._found(after + 1, [f"cannot be read ({error})"])

    def report(self, path: Path) -> Report:
        """What came of it."""
        found = tuple(self.findings[:FINDINGS_MAX])
        return Report(str(path), self.records, self.sound_to, found)

    def _found(self, seq: int, faults: Iterable[str]) -> None:
        self.findings.extend(Finding(seq, fault) for fault in faults)

    def _faults(self, record: Record, crc: object) -> Iterator[str]:
        if checksum(record) != crc:
            yield "does not match its checksum"
        if self._last and record.seq != self._last.seq + 1:
            yield f"follows seq {self._last.seq}: the events between are missing"
        if self._last and record.at_us < self._last.at_us:
            yield "was recorded before the event in front of it"
        known = self.heads.get(record.subject)
        if known is not None and record.prev != known:
            yield f"names {record.prev} as the last of its subject, which is {known}"


def inspect(path: Path) -> Report:
    """Read the whole tape; raises `sqlite3.Error` or `OSError` when it cannot be opened at all."""
    inspection = Inspection()
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        try:
            db.execute("SELECT 1 FROM event LIMIT 1")
            for *columns, crc in _rows(db):
                inspection.look(columns, crc)
            heads = dict(db.execute("SELECT subject, seq FROM head"))
            marks = dict(db.execute("SELECT producer, last FROM mark"))
            inspection.compare(heads, marks)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and not inspection.records:
                raise
            inspection.broke_off(error)
    return inspection.report(path)


def main(arguments: list[str] | None = None) -> int:
    """Verify the tape that is named, or that of the settings; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bus.verify", description=__doc__)
    parser.add_argument("path", nargs="?", type=Path, help="the tape; default: that of the home")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    chosen = parser.parse_args(arguments)
    path = chosen.path or _configured()
    try:
        report = inspect(path)
    except (sqlite3.Error, OSError) as error:
        sys.stderr.write(f"{path} cannot be read ({error}): name a tape, or set TAPEDECK_HOME\n")
        return CANNOT_RUN
    text = msgspec.json.encode(report).decode() if chosen.json else _in_words(report)
    sys.stdout.write(text + "\n")
    return DAMAGED if report.findings else CLEAN


def _rows(db: sqlite3.Connection) -> Iterator[tuple[object, ...]]:
    after = -1
    while page := db.execute(_ROWS, (after, PAGE_ROWS)).fetchall():
        yield from page
        after = page[-1][0]


def _in_words(report: Report) -> str:
    if not report.findings:
        return f"{report.path}: {report.records} events, all sound"
    lines = [
        f"{report.path}: DAMAGED; sound up to seq {report.sound_to} of {report.records} events"
    ]
    lines += [f"  seq {f.seq or '-'}: {f.what}" for f in report.findings]
    return "\n".join([*lines, "Keep a copy of the file as it is; nothing was changed."])


def _configured() -> Path:
    from config.settings import read_settings

    return read_settings(os.environ).tape_path


if __name__ == "__main__":
    sys.exit(main())
