"""The tape's file: its tables, its format, and how it is opened to write or to read."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bus.errors import BusError, StorageFailed, TapeDamaged
from bus.tables import TABLES, create_tables
from bus.upgrading import check_format_1, upgrade_format_1

FORMAT = 2
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged file raises: a name with a flipped bit may be no text any more."""
REMEDY = (
    "stop the deck and run ./tapedeck verify: it says what is sound, and how to go on with that"
)

LOG_PAGES_MAX = 16_000
"""Of 4 KiB. A commit that finds the log longer writes it back into the file, and all wait for that.

With SQLite's 1,000 one event in 300 did so, for some 10 ms: the delay that 1 of 100 events exceeds
was 5 ms, and is 1 ms so. In the end `bus.tape.TapeWriter.rest` does it while nobody waits.
"""
LOG_BYTES_KEPT = 72 << 20
"""What a reader that stayed made longer than that is given back to the disk once it is written."""

Connect = Callable[[Path], sqlite3.Connection]
"""How the file is opened to be written: tests put failing disks in its place."""


def connect(path: Path) -> sqlite3.Connection:
    """The connection that writes."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES_MAX}")
    return db


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that neither writes nor, when it is closed, checkpoints."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None)


def open_to_write(path: Path, connected: Connect = connect) -> sqlite3.Connection:
    """Open the tape; an empty file becomes one, and one of an older format is brought up.

    Raises `TapeDamaged` for a file that is no tape of this format (nothing of it is touched), and
    `StorageFailed` where the file cannot be opened.
    """
    db: sqlite3.Connection | None = None
    try:
        db = connected(path)
        _prepare(db, path)
    except (*UNREADABLE, BusError) as error:
        if db is not None:
            db.close()
        raise _unopened(path, error) from error
    return db


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open the tape to read; raises `StorageFailed`, and `TapeDamaged` for a newer format."""
    db: sqlite3.Connection | None = None
    try:
        db = connect_to_read(path)
        db.execute("PRAGMA query_only = ON")
        _check_present(db, path)
        return db
    except (*UNREADABLE, OSError, BusError) as error:
        if db is not None:
            db.close()
        if isinstance(error, BusError):
            raise
        start = "start the deck once with `make run`, or set TAPEDECK_HOME"
        remedy = REMEDY if path.exists() else start
        raise StorageFailed(f"the tape {path} cannot be read ({error})", remedy) from error


def _check_present(db: sqlite3.Connection, path: Path) -> None:
    if (found := _format(db, path)) != FORMAT:
        remedy = "start the deck once with `make run`: it brings the tape up"
        raise StorageFailed(f"the tape {path} has the older format {found}", remedy)


def is_of_this_format(path: Path) -> bool:
    """Whether a tape of this very format lies there; False for one yet to be made or brought up.

    Raises as `open_to_write`. Nothing is written: a closing writer would checkpoint a damaged log.
    """
    if plan_of(path).exists():
        text = f"another tape was being put in the place of {path}, and that is not finished"
        raise StorageFailed(text, "finish it: ./tapedeck verify --quarantine")
    if not path.exists() or _is_half_made(path):
        return False
    try:
        with closing(connect_to_read(path)) as db:
            found = _format(db, path) if _tables(db, path) else 0
            if 0 < found < FORMAT:
                check_format_1(db, path)
            return found == FORMAT
    except (*UNREADABLE, OSError) as error:
        raise _unopened(path, error) from error


def _is_half_made(path: Path) -> bool:
    """Only while the file is made there is a journal, which a reading connection cannot play back.

    All that comes later goes through the log.
    """
    journal = path.with_name(f"{path.name}-journal")
    return journal.exists() and journal.stat().st_size > 0


def _unopened(path: Path, error: Exception) -> BusError:
    if isinstance(error, BusError):
        return error
    if isinstance(error, sqlite3.OperationalError | OSError):
        remedy = "check that the folder exists, is writable and has space"
        return StorageFailed(f"the tape {path} cannot be opened ({error})", remedy)
    return TapeDamaged(f"{path} is no tape ({error})", REMEDY)


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make an empty file a tape; of any other file nothing is touched before it proves to be one.

    A process that dies between the two statements leaves an empty database, which is no damage.
    """
    tables = _tables(db, path)
    found = _format(db, path) if tables else FORMAT
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA journal_size_limit = {LOG_BYTES_KEPT}")
    if not tables:
        _create(db)
    elif found < FORMAT:
        upgrade_format_1(db, path)


def _tables(db: sqlite3.Connection, path: Path) -> set[str]:
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    tables = {str(row[0]) for row in names}
    if tables and TABLES - tables:
        raise TapeDamaged(
            f"{path} is no tape: it holds other tables ({', '.join(sorted(tables))})",
            "move the file away, or set another TAPEDECK_HOME",
        )
    return tables


def files_of(path: Path) -> tuple[Path, ...]:
    """The tape's file and what SQLite lays beside it."""
    return (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal")))


def plan_of(path: Path) -> Path:
    """Where it lies written that the tape is being replaced (see `bus.keeping.replacing`)."""
    return path.with_name(f"{path.name}-replacing")


def _create(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN")
    create_tables(db)
    meta = {"tape_id": secrets.token_hex(8), "format": str(FORMAT)}
    db.executemany("INSERT INTO meta VALUES (?, ?)", list(meta.items()))
    db.execute("COMMIT")


def _format(db: sqlite3.Connection, path: Path) -> int:
    row = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
    found = str(row[0]) if row else ""
    if not found.isdecimal() or not 1 <= int(found) <= FORMAT:
        raise TapeDamaged(
            f"{path} has format {found or 'none'}, this Tapedeck knows {FORMAT}",
            "run the newer Tapedeck that wrote it",
        )
    return int(found)
