"""Makes a tape's file out of the events of another, which may be written meanwhile."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bus.beginning import KEPT_SCHEMA
from bus.errors import StorageFailed
from bus.keeping.inspection import Tables
from bus.keeping.watching import Progress, unwatched
from bus.reading import PAGE_BYTES_MAX
from bus.tables import create_tables
from bus.tapefile import files_of
from bus.witness import witness_of

PAGE_ROWS = 2_000

_SIZES = """
SELECT seq, LENGTH(body) FROM source.event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?
"""
_COPY = "INSERT INTO main.event SELECT * FROM source.event WHERE seq > ? AND seq <= ?"

Row = tuple[Any, ...]


class TapeCopy:
    """A tape in the making, in a file of its own; raises `StorageFailed`.

    Rows are copied by SQLite as they lie there, page by page in short transactions. The writer is
    not held up, and its log stays as short as it is: one long transaction (VACUUM INTO, or the
    online backup API in one step) keeps the log growing until its end, and the backup API in steps
    begins anew with each commit of the writer, so that it never ended beside 200 of them a second.
    An error inside of ``with`` leaves no file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _told(path):
            remove(path)  # what a killed one left
            self._db = sqlite3.connect(path, isolation_level=None, uri=True)
            self._db.execute("PRAGMA journal_mode = OFF")  # until it is finished nobody reads it
            self._db.execute("PRAGMA synchronous = OFF")
            create_tables(self._db)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()
        if error is not None:
            remove(self.path)

    def take_events(
        self, source: Path, after: int, to: int, progress: Progress = unwatched
    ) -> None:
        """The events that follow ``after``, up to ``to``."""
        with self._attached(source):
            start = after
            for last in self._pages(after, to):
                self._db.execute(_COPY, (after, last))
                after = last
                progress(after - start, to - start)

    def take_kept(self, source: Path) -> None:
        """What the source keeps of an archived prefix."""
        with self._attached(source):
            self._db.execute(KEPT_SCHEMA)
            self._db.execute("INSERT INTO main.kept SELECT * FROM source.kept")

    def put_events(self, rows: Iterable[Row]) -> None:
        """Events as rows of the table."""
        with _told(self.path):
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")

    def put_kept(self, rows: Iterable[Row]) -> None:
        """Rows that are kept from an archived prefix."""
        with _told(self.path):
            self._db.execute("BEGIN")
            self._db.execute(KEPT_SCHEMA)
            self._db.executemany("INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")

    def finish(self, tables: Tables) -> None:
        """What the tape says beside its events; then it is on the disk."""
        with _told(self.path):
            marks = [(name, *mark) for name, mark in tables.marks.items()]
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO meta VALUES (?, ?)", tables.meta.items())
            self._db.executemany("INSERT INTO head VALUES (?, ?)", tables.heads.items())
            self._db.executemany("INSERT INTO mark VALUES (?, ?, ?, ?, ?, ?)", marks)
            self._db.execute("COMMIT")
            self._db.close()
            sync(self.path)

    @contextmanager
    def _attached(self, source: Path) -> Iterator[None]:
        with _told(self.path):
            uri = f"{source.absolute().as_uri()}?mode=ro"
            self._db.execute("ATTACH ? AS source", (uri,))
            yield
            self._db.execute("DETACH source")

    def _pages(self, after: int, to: int) -> Iterator[int]:
        """The last seq of each page of some megabytes."""
        last = after
        while sizes := self._db.execute(_SIZES, (last, to, PAGE_ROWS)).fetchall():
            last = _page_end(sizes)
            yield last


def _page_end(sizes: Sequence[tuple[int, int]]) -> int:
    size = 0
    for seq, length in sizes:
        size += length
        if size > PAGE_BYTES_MAX:
            return seq
    return sizes[-1][0]


def remove(path: Path) -> None:
    """Remove a copy with all that lies beside it; raises `OSError`."""
    for file in (*files_of(path), witness_of(path)):
        file.unlink(missing_ok=True)


def stamp(now_seconds: float) -> str:
    """The instant as names of files have it, in UTC: ``20261120T154200Z``."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_seconds))


def sync(path: Path) -> None:
    """Have the file, or the names in the folder, on the disk; raises `OSError`."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StorageFailed(
            f"{path} cannot be written ({error})",
            "see that its folder exists, is yours and has room, then try again",
        ) from error
