"""The cache's table of headlines: the newest of a ticker or of all, as they were known at a seq."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from services.cache.core.rows import HeadlineRow

SCHEMA = """
CREATE TABLE headline (
    key TEXT NOT NULL, published_us INTEGER NOT NULL, seq INTEGER NOT NULL, place INTEGER NOT NULL,
    headline TEXT NOT NULL, publisher TEXT NOT NULL, url TEXT NOT NULL, source TEXT NOT NULL,
    PRIMARY KEY (key, published_us, seq, place)
) WITHOUT ROWID;
CREATE INDEX headline_by_time ON headline (published_us);
"""
_PUT = "INSERT OR REPLACE INTO headline VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_OF_ONE = """
SELECT * FROM headline WHERE key = ? AND seq <= ?
ORDER BY published_us DESC, seq DESC, place LIMIT ?
"""
_OF_ALL = """
SELECT * FROM headline WHERE seq <= ?
ORDER BY published_us DESC, seq DESC, place LIMIT ?
"""


def put(db: sqlite3.Connection, rows: Iterable[HeadlineRow]) -> None:
    """Write rows, within the transaction under way."""
    db.executemany(_PUT, rows)


def newest(db: sqlite3.Connection, key: str, seq: int, limit: int) -> list[HeadlineRow]:
    """The newest headlines that were known at a seq, newest first; an empty key means all."""
    rows = db.execute(_OF_ONE, (key, seq, limit)) if key else db.execute(_OF_ALL, (seq, limit))
    return [HeadlineRow._make(row) for row in rows]
