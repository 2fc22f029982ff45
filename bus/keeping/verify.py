"""Reads a whole tape and says what is sound, page by page, also while the deck runs.

It only reads: nothing is mended or deleted (see `bus.keeping.quarantine`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from bus.beginning import Beginning, beginning
from bus.errors import BusError, TapeDamaged
from bus.keeping.inspection import FINDINGS_MAX, Finding, Inspection, Tables
from bus.keeping.watching import Progress, unwatched
from bus.reading import COLUMNS, PAGE_BYTES_MAX
from bus.tables import TABLES, misshapen
from bus.tape import Mark
from bus.tapefile import FORMAT, UNREADABLE, connect_to_read
from bus.witness import Statement, boot_id, read_witness, witness_of

PAGE_ROWS = 2_000
UNREADABLE_MAX = 10_000
"""After so many rows in a row that cannot be read nobody looks further."""

_ROWS = f"""
SELECT {COLUMNS}, crc, seal FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?
"""  # noqa: S608
_KEPT = f"SELECT {COLUMNS}, crc FROM kept ORDER BY seq"  # noqa: S608
_FIRST = "SELECT MIN(seq) FROM event"
_LAST = "SELECT '', MAX(seq) FROM event"
_MARKS = "SELECT producer, epoch, mark, first, last, at_us FROM mark"


class CannotRun(BusError):
    """There is nothing here that could be verified."""

    code = "cannot_run"


class Checked(msgspec.Struct, frozen=True):
    """An archive, or what is unpacked of one, that was read whole."""

    path: str
    first: int
    last: int
    found: int
    findings: tuple[Finding, ...]


class Report(msgspec.Struct, frozen=True):
    """What was read, and what was found.

    The tape's events are those from ``first`` to ``head``; what came before lies in archives, those
    up to ``missing_to`` in archives that are not here. ``sound`` events are whole by themselves;
    all up to ``sound_to`` are, with their order and the seals over them. ``kept_to`` is how far
    events were acknowledged. ``found`` counts all findings, ``findings`` holds the first twenty.
    """

    path: str
    tape_id: str
    first: int
    head: int
    kept_to: int
    records: int
    sound: int
    sound_to: int
    found: int
    findings: tuple[Finding, ...]
    archives: tuple[Checked, ...] = ()
    missing_to: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing was found, on the tape or in its archives."""
        return not self.found and not any(archive.found for archive in self.archives)


def inspect(path: Path, progress: Progress = unwatched) -> Report:
    """Read the whole tape; raises `CannotRun`."""
    return report_of(path, *examine(path, progress))


def report_of(path: Path, tables: Tables, inspection: Inspection) -> Report:
    """What came of an examination."""
    return Report(
        path=str(path),
        tape_id=str(tables.meta.get("tape_id", "")),
        first=tables.begins.after + 1,
        head=tables.head,
        kept_to=max(tables.head, tables.witnessed),
        records=inspection.records,
        sound=inspection.sound,
        sound_to=inspection.sound_to,
        found=inspection.found,
        findings=tuple(inspection.findings),
    )


def examine(path: Path, progress: Progress = unwatched) -> tuple[Tables, Inspection]:
    """What the tape says of itself, and what its rows say; raises `CannotRun`."""
    if not path.is_file() or not path.stat().st_size:
        raise CannotRun(f"{path} is no tape", "name one, or set TAPEDECK_HOME")
    faults: list[Finding] = []
    tables, inspection = Tables({}, 0, {}, {}), Inspection()
    try:
        with closing(connect_to_read(path)) as db:
            tables = read_tables(db, path, faults)
            inspection = Inspection(tables.begins, tables.acknowledged)
            look_at_all(db, tables, inspection, progress)
            if not faults:
                inspection.compare(tables)
            if not (faults or inspection.found):
                faults.extend(_loose_parts(db, tables))
    except UNREADABLE as error:
        if isinstance(error, sqlite3.OperationalError) and "unable to open" in str(error):
            text = f"{path} cannot be opened ({error})"
            raise CannotRun(text, "check who may read it") from error
        faults.append(Finding(0, f"the file cannot be read ({error})"))
    for fault in faults:
        inspection.find(fault.seq, fault.what)
    return tables, inspection


def _loose_parts(db: sqlite3.Connection, tables: Tables) -> Iterator[Finding]:
    """What holds the file together may be damaged though every row can still be read.

    A row is then missed by whoever asks for it alone, or is overwritten by the next ones.
    """
    for producer, mark in tables.marks.items():
        epoch: object = mark.epoch  # SQLite stores whatever a damaged page says
        if not isinstance(epoch, int):
            yield Finding(0, f"the epoch of {producer} is no number")
    for (said,) in db.execute(f"PRAGMA quick_check({FINDINGS_MAX})"):
        if said != "ok":
            yield Finding(0, f"the file does not hold together ({' '.join(said.split())[:200]})")
    for table in misshapen(db):
        yield Finding(0, f"the table {table} has other columns than it was made with")


def read_tables(db: sqlite3.Connection, path: Path, faults: list[Finding]) -> Tables:
    """The tables beside the events, in one short transaction: a deck may be writing.

    What cannot be read is added to the faults. Raises `CannotRun`.
    """
    told = read_witness(witness_of(path)) or Statement()  # before the tape, which may grow
    db.execute("BEGIN")
    _check_kind(db, path)
    meta = _read(db, "SELECT name, value FROM meta", "what the tape says of itself", faults)
    _check_format(dict(meta), path)
    begins = _begins(db, dict(meta), faults)
    heads = _read(db, "SELECT subject, seq FROM head", "the heads of the subjects", faults)
    marks = _read(db, _MARKS, "the marks of the producers", faults)
    last = _read(db, _LAST, "the last event", faults)
    db.execute("COMMIT")
    demanded = told.demands(boot_id())
    return Tables(
        meta=dict(meta),
        head=max((seq for _, seq in (*last, *heads) if isinstance(seq, int)), default=0),
        heads=dict(heads),
        marks={name: Mark(*numbers) for name, *numbers in marks},
        begins=begins,
        witnessed=demanded,
        acknowledged=(told.head if demanded >= told.head else 0, told.seal),
    )


def _read(db: sqlite3.Connection, sql: str, what: str, faults: list[Finding]) -> list[Any]:
    try:
        return db.execute(sql).fetchall()
    except UNREADABLE as error:
        faults.append(Finding(0, f"{what} cannot be read ({error})"))
        return []


def _check_kind(db: sqlite3.Connection, path: Path) -> None:
    names = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not names & TABLES:
        remedy = "name a tape, or set TAPEDECK_HOME"
        raise CannotRun(f"{path} is no tape: it is a database of another program", remedy)


def _check_format(meta: dict[Any, Any], path: Path) -> None:
    found = str(meta.get("format"))
    if found.isdecimal() and int(found) > FORMAT:
        text = f"{path} has format {found}, this Tapedeck knows {FORMAT}"
        raise CannotRun(text, "verify it with the newer Tapedeck that wrote it")
    if found.isdecimal() and int(found) < FORMAT:
        text = f"{path} has the older format {found}"
        raise CannotRun(text, "start the deck once with `make run`: it brings the tape up")


def _begins(db: sqlite3.Connection, meta: dict[Any, Any], faults: list[Finding]) -> Beginning:
    """Where the tape begins; where that is damaged, in front of the first event there is."""
    tape_id = str(meta.get("tape_id") or "")
    cut = _read(db, "SELECT 1 FROM sqlite_master WHERE name = 'kept'", "what is there", faults)
    try:
        begins = beginning(db, tape_id)
        if begins.after or not cut:
            return begins if tape_id else begins._replace(seal=b"")
        faults.append(Finding(0, "it does not say where it begins, and its first events are gone"))
    except TapeDamaged as error:
        faults.append(Finding(0, error.message))
    except UNREADABLE as error:
        faults.append(Finding(0, f"where it begins cannot be read ({error})"))
    first = _read(db, _FIRST, "the first event", faults)
    return Beginning((first[0][0] or 1) - 1 if first else 0, b"", 0)


def look_at_all(
    db: sqlite3.Connection, tables: Tables, inspection: Inspection, progress: Progress = unwatched
) -> None:
    """Show the inspection what is kept of an archived prefix, and every event up to the head."""
    start = tables.begins.after
    if start:
        _look_at_kept(db, inspection)
    after, unreadable = start, 0
    while after < tables.head and unreadable < UNREADABLE_MAX:
        before = after
        try:
            for columns, crc, seal in page_after(db, after, tables.head):
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
        progress(after - start, tables.head - start)


def _look_at_kept(db: sqlite3.Connection, inspection: Inspection) -> None:
    try:
        for *columns, crc in db.execute(_KEPT).fetchall():
            inspection.keep(columns, crc)
    except UNREADABLE as error:
        inspection.find(0, f"what is kept of the archived events cannot be read ({error})")


def page_after(db: sqlite3.Connection, after: int, to: int) -> Iterator[tuple[Any, Any, object]]:
    """Rows of some megabytes at most; while a cursor is open the writer's log can only grow."""
    with closing(db.execute(_ROWS, (after, to, PAGE_ROWS))) as rows:
        size = 0
        for *columns, crc, seal in rows:
            if not (isinstance(columns[0], int) and columns[0] > after):  # or round in circles
                raise sqlite3.DatabaseError(f"it comes after seq {after}, and says {columns[0]}")
            after = columns[0]
            yield columns, crc, seal
            size += len(columns[-1]) if isinstance(columns[-1], bytes) else 0
            if size > PAGE_BYTES_MAX:
                return
