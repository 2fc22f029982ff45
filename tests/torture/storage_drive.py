"""A drive that notes each operation of SQLite on it, may refuse one, and may lose its power.

SQLite runs over a VFS written in Python (apsw brings an SQLite of its own along). Every operation
also reaches a real file, so that the product's readers see what the drive holds. Two SQLite
libraries in one process do not respect each other's locks (sqlite.org/howtocorrupt.html). Here one
thread does everything, so there is nobody to lock out; but the first connection of the other
library rebuilds the index of the log from the log, so it must come before any refusal.

A write may be lost in part, sector by sector, but harms nothing beside it: SQLite counts on that
(sqlite.org/psow.html), and so does this drive.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count, islice, pairwise
from pathlib import Path
from random import Random
from typing import Any, Literal, NamedTuple, cast

import apsw

from tests.torture.storage_disk import INDEX, JOURNAL, LOG, MAIN, Files

SECTOR_BYTES = 512
CHECKPOINT_PAGES = 1_000
"""SQLite's own default."""

Kind = Literal["found", "create", "write", "truncate", "sync", "delete"]
Loss = Literal["only what was synced", "all kept", "a prefix", "some writes", "some sectors"]
LOSSES: tuple[Loss, ...] = (
    "only what was synced",
    "all kept",
    "a prefix",
    "some writes",
    "some sectors",
)


class Operation(NamedTuple):
    """One operation on one file; ``at`` is an offset, or the length of a file that is cut.

    A file that was there before is ``found``, with all its data.
    """

    kind: Kind
    suffix: str
    file: int
    at: int = 0
    data: bytes = b""


class Drive:
    """Gives connections to a tape whose every operation is noted, in order.

    ``fault`` is asked before each operation and may raise an `apsw.Error`; then it does not happen,
    but for the first half of a write for which there is no room.
    """

    _numbers = count()

    def __init__(self, checkpoint_pages: int = CHECKPOINT_PAGES) -> None:
        self.operations: list[Operation] = []
        self.fault: Callable[[Operation], None] = lambda operation: None
        self._checkpoint_pages = checkpoint_pages
        self._files: dict[str, int] = {}
        self._vfs: _Recorder | None = None

    def connected(self, path: Path) -> sqlite3.Connection:
        """See `bus.tapefile.Connect`."""
        for suffix in (MAIN, LOG, JOURNAL):
            if (file := path.with_name(path.name + suffix)).exists():
                self._files[suffix] = next(self._numbers)
                self.note("found", suffix, data=file.read_bytes())
        self._vfs = _Recorder(f"drive-{next(self._numbers)}", path.name, self)
        return cast(sqlite3.Connection, _Connection(path, self._vfs.named, self._checkpoint_pages))

    # -- what the files tell ---------------------------------------------------------------------

    def opens(self, suffix: str) -> None:
        """A file is about to be opened, or made."""
        if suffix not in self._files and suffix != INDEX:
            self._files[suffix] = next(self._numbers)
            self.note("create", suffix)

    def note(self, kind: Kind, suffix: str, at: int = 0, data: bytes = b"") -> None:
        """An operation is about to happen."""
        operation = Operation(kind, suffix, self._files[suffix], at, data)
        self.fault(operation)
        self.operations.append(operation)
        if kind == "delete":
            del self._files[suffix]

    def fill_up(self, suffix: str, at: int, data: bytes) -> bytes:
        """There is no room for a write: gives what of it is still written."""
        half = data[: len(data) // 2]
        self.operations.append(Operation("write", suffix, self._files[suffix], at, half))
        return half


class _Recorder(apsw.VFS):
    def __init__(self, name: str, tape: str, drive: Drive) -> None:
        self.named = name
        self._tape = tape
        self._drive = drive
        super().__init__(name, "unix")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name))
        suffix = path.name.removeprefix(self._tape)
        self._drive.opens(suffix)
        return _File(name, flags, suffix, self._drive)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self._drive.note("delete", Path(filename).name.removeprefix(self._tape))
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    def __init__(
        self, name: str | apsw.URIFilename | None, flags: list[int], suffix: str, drive: Drive
    ) -> None:
        self._suffix = suffix
        self._drive = drive
        super().__init__("unix", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:
        try:
            self._drive.note("write", self._suffix, offset, bytes(data))
        except apsw.FullError:
            super().xWrite(self._drive.fill_up(self._suffix, offset, bytes(data)), offset)
            raise
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._drive.note("truncate", self._suffix, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        """The plate is this test's own: the real file is for whoever reads beside it."""
        self._drive.note("sync", self._suffix)


# -- the connection ------------------------------------------------------------------------------


class _Rows:
    """A cursor whose rows were all fetched: none keeps a statement open."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = iter(rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(self._rows, None)

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        return list(islice(self._rows, size))

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self._rows)


class _Connection:
    """What the tape uses of a `sqlite3.Connection`, with that module's errors."""

    def __init__(self, path: Path, vfs: str, checkpoint_pages: int) -> None:
        self._checkpoint_pages = checkpoint_pages
        with _sqlite3_errors():
            self._db = apsw.Connection(str(path), vfs=vfs)
            self._db.set_wal_hook(self._committed)

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    def execute(self, sql: str, values: Any = ()) -> _Rows:
        with _sqlite3_errors():
            return _Rows(self._db.execute(sql, values).fetchall())

    def executemany(self, sql: str, rows: Iterable[Any]) -> None:
        with _sqlite3_errors():
            self._db.executemany(sql, rows)

    def close(self) -> None:
        with suppress(apsw.Error):  # as sqlite3: the last checkpoint may fail, the log remains
            self._db.close()

    def _committed(self, db: apsw.Connection, name: str, pages: int) -> int:
        """As SQLite does it: a checkpoint that fails does not concern who has committed."""
        if pages >= self._checkpoint_pages:
            with suppress(apsw.Error):
                db.wal_checkpoint(name)
        return apsw.SQLITE_OK


_KINDS: tuple[tuple[type[apsw.Error], type[sqlite3.Error]], ...] = (
    (apsw.CorruptError, sqlite3.DatabaseError),
    (apsw.NotADBError, sqlite3.DatabaseError),
    (apsw.ConstraintError, sqlite3.IntegrityError),
    (apsw.Error, sqlite3.OperationalError),
)


@contextmanager
def _sqlite3_errors() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        kind = next(to for of, to in _KINDS if isinstance(error, of))
        raise kind(str(error)) from error


# -- the loss of power ---------------------------------------------------------------------------


class _Plate:
    """A file as far as it is on the plate for certain, and what is still under way to it."""

    def __init__(self, data: bytes = b"", *, synced: bool = False) -> None:
        self.data = bytearray(data)
        self.under_way: list[tuple[int, Operation]] = []
        self._synced = synced

    def sync(self) -> bool:
        """All of it is on the plate now; tells whether it ever was before."""
        before, self._synced = self._synced, True
        self.apply(operation for _, operation in self.under_way)
        self.under_way = []
        return before

    def apply(self, operations: Iterable[Operation]) -> None:
        """These reach the plate."""
        for operation in operations:
            at, data = operation.at, operation.data
            if operation.kind == "truncate":
                del self.data[at:]
            self.data.extend(bytes(max(0, at - len(self.data))))
            self.data[at : at + len(data)] = data


def after_power_loss(operations: list[Operation], loss: Loss, chance: Random) -> Files:
    """The files that are found when the power comes back after these operations.

    What was synced is there. Of the rest a part is, as the kind of loss says. Names come and go in
    their order; they are on the plate from the first sync of a new log or journal on (SQLite syncs
    the folder with it).
    """
    plates: dict[int, _Plate] = {}
    names: dict[str, int] = {}
    loose: list[Operation] = []
    for number, operation in enumerate(operations):
        match operation.kind:
            case "found":
                plates[operation.file] = _Plate(operation.data, synced=True)
                names[operation.suffix] = operation.file
            case "create":
                plates[operation.file] = _Plate()
                loose.append(operation)
            case "delete":
                loose.append(operation)
            case "sync":
                if not plates[operation.file].sync() and operation.suffix in (LOG, JOURNAL):
                    _rename(names, loose)
                    loose = []
            case _:
                plates[operation.file].under_way.append((number, operation))
    _rename(names, _kept_names(loose, loss, chance))
    kept = _Keeper(len(operations), loss, chance)
    for plate in plates.values():
        plate.apply(part for number, done in plate.under_way for part in kept.of(number, done))
    return {suffix: bytes(plates[number].data) for suffix, number in names.items()}


class _Keeper:
    """Says what of an operation under way reached the plate."""

    def __init__(self, count: int, loss: Loss, chance: Random) -> None:
        self._loss = loss
        self._chance = chance
        self._share = chance.choice((0.2, 0.5, 0.8, 0.95))
        self._end = chance.randrange(count + 1)

    def of(self, number: int, operation: Operation) -> Iterator[Operation]:
        match self._loss:
            case "all kept":
                yield operation
            case "a prefix" if number < self._end:
                yield operation
            case "some writes" if self._chance.random() < self._share:
                yield operation
            case "some sectors" if operation.kind == "write":
                yield from self._sectors(operation)

    def _sectors(self, operation: Operation) -> Iterator[Operation]:
        start, data = operation.at, operation.data
        first = -start % SECTOR_BYTES
        cuts = [0, *range(first or SECTOR_BYTES, len(data), SECTOR_BYTES), len(data)]
        for begin, end in pairwise(cuts):
            if self._chance.random() < self._share:
                yield operation._replace(at=start + begin, data=data[begin:end])


def _kept_names(loose: list[Operation], loss: Loss, chance: Random) -> list[Operation]:
    if loss == "only what was synced":
        return []
    return loose if loss == "all kept" else loose[: chance.randrange(len(loose) + 1)]


def _rename(names: dict[str, int], operations: Iterable[Operation]) -> None:
    for operation in operations:
        if operation.kind == "create":
            names[operation.suffix] = operation.file
        else:
            names.pop(operation.suffix, None)
