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

PAGE_ROWS = 2_000


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
    if crc != zlib.crc32(record.body, zlib.crc32(head.encode())):
        raise TapeDamaged(
            f"seq {record.seq} of {path} does not match its checksum",
            "keep a copy of the file, and put a sound one in its place",
        )
    return record


def _sealed(db: sqlite3.Connection, turn: list[Record], before: bytes) -> bytes:
    crcs = [checksum(record) for record in turn]
    seal = next_seal(before, crcs)
    rows = [(crc, record.seq) for crc, record in zip(crcs, turn, strict=True)]
    db.executemany("UPDATE event SET crc = ? WHERE seq = ?", rows)
    db.execute("UPDATE event SET seal = ? WHERE seq = ?", (seal, turn[-1].seq))
    return seal
