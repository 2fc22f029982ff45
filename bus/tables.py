"""The tables of a tape, as they are made and as they must be found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

TABLES = {"meta", "event", "head", "mark"}

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE event (
    seq INTEGER PRIMARY KEY, subject TEXT NOT NULL, at_us INTEGER NOT NULL, prev INTEGER NOT NULL,
    producer TEXT NOT NULL, heard INTEGER NOT NULL, version INTEGER NOT NULL,
    body BLOB NOT NULL, crc INTEGER NOT NULL, seal BLOB
);
CREATE TABLE head (subject TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE mark (
    producer TEXT PRIMARY KEY, epoch INTEGER NOT NULL, mark INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, at_us INTEGER NOT NULL
) WITHOUT ROWID;
"""


def create_tables(db: sqlite3.Connection) -> None:
    """The tables of a tape, empty."""
    for statement in _SCHEMA.split(";")[:-1]:
        db.execute(statement)


def misshapen(db: sqlite3.Connection, lacking: str = "") -> Iterator[str]:
    """The tables whose columns are others than they were made with.

    A flipped bit in what a column is declared to hold changes what SQLite makes of its values.
    `lacking` names a column that an older format did not have.
    """
    with closing(sqlite3.connect(":memory:")) as made:
        create_tables(made)
        for table in sorted(TABLES):
            expected = [column for column in _columns(made, table) if column[1] != lacking]
            if _columns(db, table) != expected:
                yield table


def _columns(db: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return db.execute("SELECT * FROM pragma_table_info(?)", (table,)).fetchall()
