"""The tape: an append-only, durable event log; one SQLite file, one writer, any number of readers.

Each turn is all or nothing, and comes with its producer's mark, so that a turn sent twice is kept
once. The file has no index but seq; the table of heads (last seq of each subject) is what a restart
needs. Exactly one connection ever writes and checkpoints: SQLite 3.7.0 to 3.51.2 can corrupt a WAL
that two connections reset at once (sqlite.org/wal.html#walresetbug). Each row carries a CRC-32,
since SQLite itself does not notice a flipped bit.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from bus.codec import (
    BODY_BYTES_MAX,
    Append,
    Appended,
    AppendRefused,
    Draft,
    Record,
    check_turn,
    checksum,
)
from bus.errors import BusError, Conflict, Fenced, LogRegressed, StorageFailed, TapeDamaged
from bus.subject import parse

FORMAT = 1
PAGE_BYTES_MAX = 4 << 20
TAIL_CHECKED = 1_000

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE event (
    seq INTEGER PRIMARY KEY, subject TEXT NOT NULL, at_us INTEGER NOT NULL, prev INTEGER NOT NULL,
    producer TEXT NOT NULL, heard INTEGER NOT NULL, version INTEGER NOT NULL,
    body BLOB NOT NULL, crc INTEGER NOT NULL
);
CREATE TABLE head (subject TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE mark (
    producer TEXT PRIMARY KEY, epoch INTEGER NOT NULL, mark INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, at_us INTEGER NOT NULL
) WITHOUT ROWID;
"""
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged file raises: a name with a flipped bit may be no text any more."""
TABLES = {"meta", "event", "head", "mark"}
_COLUMNS = "seq, subject, at_us, prev, producer, heard, version, body"
_INSERT = f"INSERT INTO event ({_COLUMNS}, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_MARKS = "SELECT producer, epoch, mark, first, last, at_us FROM mark"
_FALSE_HEAD = """
SELECT head.subject FROM head LEFT JOIN event USING (seq) WHERE event.subject IS NOT head.subject
"""
_FALSE_MARK = """
SELECT mark.producer FROM mark
LEFT JOIN event AS f ON f.seq = mark.first LEFT JOIN event AS l ON l.seq = mark.last
WHERE mark.mark <> -1 AND (
    f.producer IS NOT mark.producer OR f.heard IS NOT mark.mark OR f.at_us IS NOT mark.at_us OR
    l.producer IS NOT mark.producer OR l.heard IS NOT mark.mark OR l.at_us IS NOT mark.at_us)
"""
_REMEDY = (
    "stop the deck, keep a copy of the file, and run `python -m bus.verify` to see what is sound"
)


class Mark(NamedTuple):
    """How far a producer has heard (-1: nothing), its epoch, and where its last turn lies."""

    epoch: int = 0
    mark: int = -1
    first: int = 0
    last: int = 0
    at_us: int = 0


class Committed(NamedTuple):
    """What one transaction did: an answer for each append, in order, and the new records."""

    answers: list[Appended | AppendRefused]
    records: list[Record]


class TapeWriter:
    """The one writer. Opens or creates the file.

    Raises `TapeDamaged` or `StorageFailed` with the remedy.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = _open_for_writing(path)
        self._synchronous = ""
        try:
            self._load()
        except (*UNREADABLE, TypeError, ValueError) as error:  # a column of another type
            self._db.close()
            raise TapeDamaged(f"{path} cannot be read ({error})", _REMEDY) from error
        except TapeDamaged:
            self._db.close()
            raise

    def _load(self) -> None:
        self.tape_id = self._meta("tape_id")
        self.head, self.at_us = self._end()
        self.heads: dict[str, int] = dict(self._db.execute("SELECT subject, seq FROM head"))
        self.marks = {row[0]: Mark(*map(int, row[1:])) for row in self._db.execute(_MARKS)}
        self._check_tail()
        self._check_tables()

    def enlist(self, producer: str, epoch: int) -> Mark:
        """The producer's mark under its epoch; epoch 0 starts a new one.

        Raises `Fenced` for an older epoch, `LogRegressed` for one that the tape does not know yet.
        """
        known = self.marks.get(producer, Mark())
        if epoch != 0:
            _check_epoch(producer, epoch, known.epoch)
            return known
        mark = known._replace(epoch=known.epoch + 1)
        self._write((), {producer: mark}, {}, synced=False)
        self.marks[producer] = mark
        return mark

    def append(self, turns: Sequence[Append], now_us: int) -> Committed:
        """Commit all turns that may be taken as ONE transaction; say why the others were not.

        The transaction is synced when any turn in it asks for it. Raises `StorageFailed` when the
        disk refuses; then nothing was taken.
        """
        staged = _Staged(self, max(now_us, self.at_us))
        answers = [staged.take(turn) for turn in turns]
        synced = any(turn.durability == "synced" for turn in turns)
        if staged.records:
            self._write(staged.records, staged.marks, staged.heads, synced=synced)
            self.head, self.at_us = staged.records[-1].seq, staged.at_us
            self.heads.update(staged.heads)
            self.marks.update(staged.marks)
        return Committed(answers, staged.records)

    def close(self) -> None:
        """Checkpoint and let go of the file."""
        self._db.close()

    def _write(
        self,
        records: Sequence[Record],
        marks: dict[str, Mark],
        heads: dict[str, int],
        *,
        synced: bool,
    ) -> None:
        db = self._db
        try:
            self._sync(synced)
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                _INSERT,
                [(*record, checksum(record)) for record in records],
            )
            db.executemany("INSERT OR REPLACE INTO head VALUES (?, ?)", list(heads.items()))
            db.executemany(
                "INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?, ?, ?)",
                [(producer, *mark) for producer, mark in marks.items()],
            )
            db.execute("COMMIT")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise StorageFailed(
                f"the tape {self.path} refused an append ({error})",
                "free disk space or mend the disk; reading goes on, appending resumes by itself",
            ) from error

    def _sync(self, synced: bool) -> None:
        """FULL survives a loss of power and costs an fsync.

        NORMAL survives the death of any process.
        """
        wanted = "FULL" if synced else "NORMAL"
        if wanted != self._synchronous:
            self._db.execute(f"PRAGMA synchronous = {wanted}")
            self._synchronous = wanted

    def _meta(self, name: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise TapeDamaged(f"{self.path} has no {name}", _REMEDY)
        return str(row[0])

    def _end(self) -> tuple[int, int]:
        row = self._db.execute("SELECT seq, at_us FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def _check_tail(self) -> None:
        """The last rows are read at each start: a crash can only have hurt the end."""
        after = max(0, self.head - TAIL_CHECKED)
        while after < self.head:
            rows = _select(self._db, "seq > ?", (after,), TAIL_CHECKED)
            _check_order(rows, after, self.path)
            after = rows[-1].seq
        last_seen = max(self.heads.values(), default=0)
        if last_seen != self.head:
            raise TapeDamaged(
                f"{self.path} ends at seq {self.head}, its table of heads at {last_seen}", _REMEDY
            )

    def _check_tables(self) -> None:
        """Heads and marks carry no checksum; each must name the row it came from."""
        for table, sql in (("head", _FALSE_HEAD), ("mark", _FALSE_MARK)):
            if false := self._db.execute(sql).fetchone():
                raise TapeDamaged(
                    f"the {table} of {false[0]} in {self.path} is not what its row says", _REMEDY
                )


class _Staged:
    """The appends of one transaction.

    Checked one after the other against the tape and against each other.
    """

    def __init__(self, tape: TapeWriter, at_us: int) -> None:
        self._tape = tape
        self.at_us = at_us
        self.records: list[Record] = []
        self.heads: dict[str, int] = {}
        self.marks: dict[str, Mark] = {}
        self._next = tape.head + 1

    def take(self, turn: Append) -> Appended | AppendRefused:
        try:
            return self._taken(turn)
        except BusError as error:
            return AppendRefused(turn.mark, error.code, error.message, error.remedy, 0)

    def _taken(self, turn: Append) -> Appended | AppendRefused:
        known = self.marks.get(turn.producer) or self._tape.marks.get(turn.producer, Mark())
        _check_epoch(turn.producer, turn.epoch, known.epoch)
        if turn.mark <= known.mark:
            same = turn.mark == known.mark
            first, last = (known.first, known.last) if same else (0, 0)
            return Appended(turn.mark, first, last, known.at_us, turn.durability)
        if turn.after != known.mark:
            text = f"{turn.producer} goes on from {turn.after}, the tape knows {known.mark}"
            return AppendRefused(turn.mark, "gap", text, "send the missing turns again", known.mark)
        return self._kept(turn, known)

    def _kept(self, turn: Append, known: Mark) -> Appended:
        check_turn(turn.producer, turn.drafts)
        for draft in turn.drafts:
            parse(draft.subject)
            self._expect(draft)
        first = self._next
        for draft in turn.drafts:
            self._keep(turn, draft)
        last = self._next - 1
        self.marks[turn.producer] = Mark(known.epoch, turn.mark, first, last, self.at_us)
        return Appended(turn.mark, first, last, self.at_us, turn.durability)

    def _keep(self, turn: Append, draft: Draft) -> None:
        self.records.append(
            Record(
                seq=self._next,
                subject=draft.subject,
                at_us=self.at_us,
                prev=self._last(draft.subject),
                producer=turn.producer,
                heard=turn.mark,
                version=draft.version,
                body=bytes(draft.body),
            )
        )
        self.heads[draft.subject] = self._next
        self._next += 1

    def _last(self, subject: str) -> int:
        return self.heads.get(subject) or self._tape.heads.get(subject, 0)

    def _expect(self, draft: Draft) -> None:
        actual = self._last(draft.subject)
        if draft.expected is not None and draft.expected != actual:
            raise Conflict(
                f"{draft.subject} ends at seq {actual}, not at {draft.expected}",
                "read what is new and decide again",
            )


class TapeReader:
    """A reading connection (``mode=ro``); each call is one short transaction, fetched whole.

    An open read cursor would keep the WAL from being checkpointed. Not to be shared between
    threads.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = _connect_for_reading(path)

    def read(self, after: int, limit: int) -> list[Record]:
        """The records after a seq, oldest first, at most ``limit`` and about 4 MiB.

        Raises `TapeDamaged`.
        """
        records = _select(self._db, "seq > ?", (after,), limit)
        if records:
            _check_order(records, after, self.path)
        return records

    def get(self, seqs: Sequence[int]) -> list[Record]:
        """The records of these seqs (at most 5,000), in order; raises `TapeDamaged`."""
        places = ",".join("?" * len(seqs))
        bytes_max = len(seqs) * BODY_BYTES_MAX
        return _select(self._db, f"seq IN ({places})", tuple(seqs), len(seqs), bytes_max)

    def seq_at(self, at_us: int) -> int:
        """The last seq recorded at or before the instant, by bisection.

        ``at_us`` never goes back.
        """
        low, high = self.first() - 1, self.head()
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._at(middle) <= at_us else (low, middle - 1)
        return low

    def head(self) -> int:
        """The last seq, 0 for an empty tape."""
        return self._number("SELECT COALESCE(MAX(seq), 0) FROM event")

    def first(self) -> int:
        """The first seq on this tape, 1 for an empty one."""
        return self._number("SELECT COALESCE(MIN(seq), 1) FROM event")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _at(self, seq: int) -> int:
        return self._number("SELECT at_us FROM event WHERE seq = ?", seq)

    def _number(self, sql: str, *values: int) -> int:
        try:
            row = self._db.execute(sql, values).fetchone()
        except UNREADABLE as error:
            raise TapeDamaged(f"the tape {self.path} cannot be read ({error})", _REMEDY) from error
        if row is None:
            raise TapeDamaged(f"seq {values[0]} is not on the tape {self.path}", _REMEDY)
        return int(row[0])


def _select(
    db: sqlite3.Connection,
    where: str,
    values: tuple[int, ...],
    limit: int,
    bytes_max: int = PAGE_BYTES_MAX,
) -> list[Record]:
    sql = f"SELECT {_COLUMNS}, crc FROM event WHERE {where} ORDER BY seq LIMIT ?"  # noqa: S608
    try:
        return list(_checked(db.execute(sql, (*values, limit)), bytes_max))
    except UNREADABLE as error:
        raise TapeDamaged(f"the tape cannot be read ({error})", _REMEDY) from error


def _checked(rows: Iterable[tuple[object, ...]], bytes_max: int) -> Iterable[Record]:
    size = 0
    for row in rows:
        record = Record(*row[:-1])  # type: ignore[arg-type]
        # A flipped bit can change a column's type too, which SQLite does not hold to the schema's.
        if not isinstance(row[-2], bytes) or checksum(record) != row[-1]:
            raise TapeDamaged(f"seq {record.seq} does not match its checksum", _REMEDY)
        yield record
        size += len(record.body)
        if size > bytes_max:
            return


def _check_order(records: Sequence[Record], after: int, path: Path) -> None:
    """The rows must be those that follow ``after``, without a hole."""
    if not records or records[-1].seq != after + len(records):
        found = {record.seq for record in records}
        missing = next(seq for seq in count(after + 1) if seq not in found)
        raise TapeDamaged(f"seq {missing} is not on the tape {path}", _REMEDY)


def _check_epoch(producer: str, epoch: int, known: int) -> None:
    if epoch > known:
        raise LogRegressed(
            f"{producer} speaks under epoch {epoch}, the tape knows only {known}",
            "an older copy of the tape lies in its place: put the newer one back",
        )
    if epoch != known or epoch == 0:
        raise Fenced(
            f"{producer} speaks under epoch {epoch}, the tape knows {known}",
            "another process runs under this name: end one of them",
        )


def _open_for_writing(path: Path) -> sqlite3.Connection:
    db: sqlite3.Connection | None = None
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        _prepare(db, path)
    except (*UNREADABLE, BusError) as error:
        if db is not None:
            db.close()
        raise _unopened(path, error) from error
    return db


def _unopened(path: Path, error: Exception) -> BusError:
    if isinstance(error, BusError):
        return error
    if isinstance(error, sqlite3.OperationalError):
        remedy = "check that the folder exists, is writable and has space"
        return StorageFailed(f"the tape {path} cannot be opened ({error})", remedy)
    return TapeDamaged(f"{path} is no tape ({error})", _REMEDY)


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make an empty file a tape; of any other file nothing is touched before it proves to be one.

    A process that dies between the two statements leaves an empty database, which is no damage.
    """
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    tables = {str(row[0]) for row in names}
    if tables and TABLES - tables:
        raise TapeDamaged(
            f"{path} is no tape: it holds other tables ({', '.join(sorted(tables))})",
            "move the file away, or set another TAPEDECK_HOME",
        )
    if tables:
        _check_format(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    if not tables:
        _create(db)


def _create(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA synchronous = FULL")
    db.executescript("BEGIN;" + _SCHEMA)
    meta = {"tape_id": secrets.token_hex(8), "format": str(FORMAT)}
    db.executemany("INSERT INTO meta VALUES (?, ?)", list(meta.items()))
    db.execute("COMMIT")


def _check_format(db: sqlite3.Connection, path: Path) -> None:
    found = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
    if found != (str(FORMAT),):
        raise TapeDamaged(
            f"{path} has format {found and found[0]}, this Tapedeck knows {FORMAT}",
            "run the newer Tapedeck that wrote it",
        )


def _connect_for_reading(path: Path) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        db.execute("PRAGMA query_only = ON")
        db.execute("SELECT 1 FROM meta LIMIT 1").fetchone()
    except (*UNREADABLE, OSError) as error:
        remedy = (
            _REMEDY
            if path.exists()
            else "start the deck once with `make run`, or set TAPEDECK_HOME"
        )
        raise StorageFailed(f"the tape {path} cannot be read ({error})", remedy) from error
    return db
