"""Tapes for tests: filled, read whole, and hurt behind their backs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from bus.codec import Append, Appended, Draft, Record
from bus.message import Durability
from bus.reading import TapeReader
from bus.tape import TapeWriter

SUBJECTS = ("market.quote.A", "market.quote.B")
STEP_US = 1_000
INDEX_BYTES = 32_768
"""Of the index that SQLite lays beside a log: a full disk has room for that, or nobody can read."""


def write(
    tape: TapeWriter,
    turns: int,
    producer: str = "fetcher",
    subjects: tuple[str, ...] = SUBJECTS,
    body: object = "x",
    durability: Durability = "logged",
) -> None:
    """A producer says so many turns, each an event on every subject; one turn a commit.

    The event of seq n in the first turn after it is recorded at n milliseconds.
    """
    known = tape.marks.get(producer)
    epoch = known.epoch if known and known.epoch else tape.enlist(producer, 0).epoch
    raw = msgspec.Raw(msgspec.msgpack.encode(body))
    for _ in range(turns):
        after = tape.marks[producer].mark
        mark = max(after + 1, tape.head)
        drafts = tuple(Draft(subject, 1, raw) for subject in subjects)
        turn = Append(producer, epoch, after, mark, durability, drafts)
        [answer] = tape.append([turn], (tape.head + 1) * STEP_US).answers
        assert isinstance(answer, Appended)


def made(path: Path, turns: int = 5) -> Path:
    """A tape of turns of two events, and a producer that never spoke."""
    path.parent.mkdir(exist_ok=True)
    with closing(TapeWriter(path)) as tape:
        write(tape, turns)
        tape.enlist("silent", 0)
    return path


def everything(path: Path, after: int = 0) -> list[Record]:
    """All records that can be read after a seq."""
    with closing(TapeReader(path)) as reader:
        return read_all(reader, after)


def read_all(reader: TapeReader, after: int = 0) -> list[Record]:
    """All records that the reader reads after a seq."""
    records: list[Record] = []
    while page := reader.read(records[-1].seq if records else after, 3):
        records += page
    return records


def alter(path: Path, *statements: str) -> None:
    """Change the file behind the tape's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def rows(path: Path, table: str) -> list[tuple[object, ...]]:
    """All rows of a table as they lie there."""
    with closing(sqlite3.connect(path)) as db:
        return sorted(db.execute(f"SELECT * FROM {table}"), key=str)  # noqa: S608


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder, but for what SQLite lays beside a tape when it is read."""
    return {
        str(path.relative_to(folder)): data
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.name.endswith("-shm")
        and ((data := path.read_bytes()) or not path.name.endswith("-wal"))
    }
