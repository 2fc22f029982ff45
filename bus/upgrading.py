"""Brings a tape of an older format up to the present one, whole or not at all."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from bus.codec import Record, checksum
from bus.errors import TapeDamaged
from bus.seal import first_seal, next_seal
from bus.tables import misshapen

PAGE_ROWS = 2_000
_REMEDY = "keep a copy of the file, and put a sound one in its place"


def check_format_1(db: sqlite3.Connection, path: Path) -> None:
    """Read the whole tape before anything of it is touched; raises `TapeDamaged`.

    Format 1 had no witness: an end that was lost together with its heads is not missed.
    """
    heads: dict[str, int] = {}
    marks: dict[str, tuple[int, ...]] = {}
    for seq, record in enumerate(_rows(db, path), 1):
        if record.seq != seq:
            raise TapeDamaged(f"seq {seq} is not on the tape {path}", _REMEDY)
        known = marks.get(record.producer)
        first = known[1] if known and known[0] == record.heard else seq
        heads[record.subject] = seq
        marks[record.producer] = (record.heard, first, seq, record.at_us)
    told = db.execute("SELECT producer, mark, first, last, at_us FROM mark WHERE mark <> -1")
    [(fault,)] = db.execute("PRAGMA integrity_check(1)")
    for what, holds in (
        ("the id", db.execute("SELECT value FROM meta WHERE name = 'tape_id'").fetchone()),
        ("a head", dict(db.execute("SELECT subject, seq FROM head")) == heads),
        ("a mark", {row[0]: row[1:] for row in told} == marks),
        ("a table", not list(misshapen(db, lacking="seal"))),
        (f"something ({fault})", fault == "ok"),
    ):
        if not holds:
            raise TapeDamaged(f"{what} of {path} is not what was written", _REMEDY)


def upgrade_format_1(db: sqlite3.Connection, path: Path) -> None:
    """Give each row the present checksum and each turn a seal, in one transaction.

    Format 1 had neither seals nor the short checksum. Raises `TapeDamaged` for a row that does not
    match its old one; then the tape is as it was. 100,000 events take some seconds.
    """
    db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute("ALTER TABLE event ADD COLUMN seal BLOB")
        [(tape_id,)] = db.execute("SELECT value FROM meta WHERE name = 'tape_id'")
        before = first_seal(tape_id)
        for _, turn in groupby(_rows(db, path), lambda record: (record.producer, record.heard)):
            before = _sealed(db, list(turn), before)
        db.execute("UPDATE meta SET value = '2' WHERE name = 'format'")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk may have ended it
            db.execute("ROLLBACK")
        raise


def _rows(db: sqlite3.Connection, path: Path) -> Iterator[Record]:
    after = 0
    while rows := db.execute(
        "SELECT seq, subject, at_us, prev, producer, heard, version, body, crc FROM event "
        "WHERE seq > ? ORDER BY seq LIMIT ?",
        (after, PAGE_ROWS),
    ).fetchall():
        for *columns, crc in rows:
            yield _whole(columns, crc, path)
        after = rows[-1][0]


def _whole(columns: Sequence[Any], crc: object, path: Path) -> Record:
    record = Record._make(columns)
    head = "|".join(map(str, record[:-1]))
    body: object = record.body  # SQLite stores whatever a damaged page says
    whole = isinstance(body, bytes) and crc == zlib.crc32(body, zlib.crc32(head.encode()))
    if not whole:
        raise TapeDamaged(f"seq {record.seq} of {path} does not match its checksum", _REMEDY)
    return record


def _sealed(db: sqlite3.Connection, turn: list[Record], before: bytes) -> bytes:
    crcs = [checksum(record) for record in turn]
    seal = next_seal(before, crcs)
    rows = [(crc, record.seq) for crc, record in zip(crcs, turn, strict=True)]
    db.executemany("UPDATE event SET crc = ? WHERE seq = ?", rows)
    db.execute("UPDATE event SET seal = ? WHERE seq = ?", (seal, turn[-1].seq))
    return seal
