"""The cache's tables in SQLite: the index by subject, every version of every bar, headlines.

Rows and position are written in one transaction, so the tables always stand at exactly one seq. The
file is a projection: it is thrown away and built again from the tape when anything about it is odd.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog

from services.cache.core.rows import BarRow, Entry, HeadlineRow
from services.cache.store import headlines

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE entry (
    subject TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (subject, seq)
) WITHOUT ROWID;
CREATE TABLE moment (at_us INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE bar (
    key TEXT NOT NULL, timeframe TEXT NOT NULL, start_us INTEGER NOT NULL, seq INTEGER NOT NULL,
    open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL,
    volume REAL NOT NULL, forming INTEGER NOT NULL, split REAL NOT NULL,
    PRIMARY KEY (key, timeframe, start_us)
) WITHOUT ROWID;
CREATE TABLE bar_before (
    key TEXT NOT NULL, timeframe TEXT NOT NULL, start_us INTEGER NOT NULL, seq INTEGER NOT NULL,
    open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL,
    volume REAL NOT NULL, forming INTEGER NOT NULL, split REAL NOT NULL,
    PRIMARY KEY (key, timeframe, start_us, seq)
) WITHOUT ROWID;
"""
_KEEP_BEFORE = """
INSERT OR IGNORE INTO bar_before SELECT * FROM bar
WHERE key = ?1 AND timeframe = ?2 AND start_us = ?3
AND (open, high, low, close, volume, forming, split) IS NOT (?5, ?6, ?7, ?8, ?9, ?10, ?11)
"""
_PUT_BAR = """
INSERT INTO bar VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT DO UPDATE SET
    seq = ?4, open = ?5, high = ?6, low = ?7, close = ?8, volume = ?9, forming = ?10, split = ?11
WHERE (open, high, low, close, volume, forming, split) IS NOT (?5, ?6, ?7, ?8, ?9, ?10, ?11)
"""
_BARS_AT = """
SELECT key, timeframe, start_us, MAX(seq), open, high, low, close, volume, forming, split FROM (
    SELECT * FROM bar WHERE key = ?1 AND timeframe = ?2 AND seq <= ?3
    UNION ALL
    SELECT * FROM bar_before WHERE key = ?1 AND timeframe = ?2 AND seq <= ?3
) GROUP BY start_us ORDER BY start_us DESC LIMIT ?4
"""
_FIND = """
SELECT seq FROM entry WHERE subject >= ? AND subject < ? AND seq BETWEEN ? AND ?
ORDER BY seq LIMIT ?
"""
_FIND_NEWEST = _FIND.replace("ORDER BY seq", "ORDER BY seq DESC")
_LAST_WORDS = """
SELECT MAX(seq) AS last FROM entry WHERE subject >= ? AND subject < ? AND seq < ?
GROUP BY subject ORDER BY last DESC LIMIT ?
"""
_BARS_NOW = "SELECT * FROM bar WHERE key = ? AND timeframe = ? ORDER BY start_us DESC LIMIT ?"

log = structlog.get_logger()


class Tables:
    """One connection to the cache's file; ``position`` is the seq the tables stand at.

    ``code`` names the code that folds: what other code could not decode is not in its tables.
    """

    def __init__(self, path: Path, code: str) -> None:
        self.path = path
        self._code = code
        self._db = self._open()
        self.position = 0

    def begin(self, tape_id: str) -> int:
        """The position to go on from.

        0 after throwing away the tables of another tape or of other code.
        """
        known = self._meta()
        if (known.get("tape"), known.get("code")) != (tape_id, self._code):
            self._start_over(tape_id)
            known = {}
        self.position = int(known.get("position", 0))
        return self.position

    def write(
        self,
        entries: Sequence[Entry],
        bars: Iterable[BarRow],
        position: int,
        news: Iterable[HeadlineRow] = (),
    ) -> None:
        """All rows of a turn and the position, in one transaction."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            "INSERT OR IGNORE INTO entry VALUES (?, ?)", [(e.subject, e.seq) for e in entries]
        )
        db.executemany(
            "INSERT OR REPLACE INTO moment VALUES (?, ?)", [(e.at_us, e.seq) for e in entries]
        )
        for bar in bars:
            db.execute(_KEEP_BEFORE, bar)
            db.execute(_PUT_BAR, bar)
        headlines.put(db, news)
        db.execute("INSERT OR REPLACE INTO meta VALUES ('position', ?)", (position,))
        db.execute("COMMIT")
        self.position = position

    def seq_at(self, at_us: int) -> int:
        """The last seq recorded at or before the instant, 0 where there is none."""
        row = self._db.execute(
            "SELECT seq FROM moment WHERE at_us <= ? ORDER BY at_us DESC LIMIT 1", (at_us,)
        ).fetchone()
        return int(row[0]) if row else 0

    def at(self, seq: int) -> int:
        """When the last event up to a seq was recorded (microseconds UTC).

        0 where there is none.
        """
        row = self._db.execute(
            "SELECT at_us FROM moment WHERE seq <= ? ORDER BY at_us DESC LIMIT 1", (seq,)
        ).fetchone()
        return int(row[0]) if row else 0

    def last(self, subjects: Sequence[str], seq: int) -> dict[str, int]:
        """The last seq up to ``seq`` of each subject; subjects without one are left out."""
        found = {
            subject: self._db.execute(
                "SELECT MAX(seq) FROM entry WHERE subject = ? AND seq <= ?", (subject, seq)
            ).fetchone()[0]
            for subject in subjects
        }
        return {subject: at for subject, at in found.items() if at is not None}

    def find(self, prefix: str, first: int, last: int, limit: int, *, newest: bool) -> list[int]:
        """The seqs of the subjects that begin with the text, ascending.

        With ``newest`` the last ones.
        """
        sql = _FIND_NEWEST if newest else _FIND
        rows = self._db.execute(sql, (prefix, prefix + "\U0010ffff", first, last, limit)).fetchall()
        return sorted(row[0] for row in rows)

    def last_words(self, prefix: str, before: int, limit: int) -> list[int]:
        """The last seq before a seq of each subject that begins with the text, the newest ones."""
        rows = self._db.execute(_LAST_WORDS, (prefix, prefix + "\U0010ffff", before, limit))
        return sorted(row[0] for row in rows)

    def bars(self, key: str, timeframe: str, limit: int, seq: int | None) -> list[BarRow]:
        """The last bars of a series, oldest first: now, or as they were known at a seq."""
        if seq is None or seq >= self.position:
            rows = self._db.execute(_BARS_NOW, (key, timeframe, limit)).fetchall()
        else:
            rows = self._db.execute(_BARS_AT, (key, timeframe, seq, limit)).fetchall()
        return [BarRow._make((*row[:9], bool(row[9]), row[10])) for row in reversed(rows)]

    def news(self, key: str, limit: int, seq: int) -> list[HeadlineRow]:
        """The newest headlines of a key (empty: of all) as they were known at a seq."""
        return headlines.newest(self._db, key, seq, limit)

    def series(self) -> dict[tuple[str, str], int]:
        """How many bars each (key, timeframe) holds."""
        rows = self._db.execute("SELECT key, timeframe, COUNT(*) FROM bar GROUP BY key, timeframe")
        return {(key, timeframe): count for key, timeframe, count in rows}

    def keys(self, stream: str) -> list[str]:
        """The keys that have an event in the stream, in order."""
        rows = self._db.execute(
            "SELECT DISTINCT subject FROM entry WHERE subject >= ? AND subject < ?",
            (f"{stream}.", f"{stream}/"),
        )
        return sorted(subject.removeprefix(f"{stream}.") for (subject,) in rows)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _meta(self) -> dict[str, str]:
        try:
            made = self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
            return dict(self._db.execute("SELECT name, value FROM meta")) if made else {}
        except sqlite3.DatabaseError as error:
            log.warning("cache.rebuilt", path=str(self.path), error=str(error))
            return {}

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.DatabaseError as error:
            log.warning("cache.rebuilt", path=str(self.path), error=str(error))
            db.close()
            self._remove()
            return self._open()
        return db

    def _start_over(self, tape_id: str) -> None:
        self._db.close()
        self._remove()
        self._db = self._open()
        self._db.executescript(_SCHEMA + headlines.SCHEMA)
        names = [("tape", tape_id), ("code", self._code)]
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", names)

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
