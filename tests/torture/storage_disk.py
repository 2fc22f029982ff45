"""What lies on a disk for a tape, spoilt at will, and whether anything read from it is untrue.

The product may refuse whatever it likes; it may not say anything that differs from the story.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bus.codec import Append, Appended, Draft, Record
from bus.errors import BusError, StorageFailed, TapeDamaged
from bus.keeping.verify import CannotRun, inspect
from bus.reading import TapeReader
from bus.tape import Mark, TapeWriter
from bus.tapefile import connect, connect_to_read
from tests.torture.storage_story import NOON_US, Story

MAIN, LOG, INDEX, JOURNAL, WITNESS = SUFFIXES = ("", "-wal", "-shm", "-journal", "-witness")
PAGE_BYTES = 4_096
LOG_HEADER_BYTES = 32
FRAME_BYTES = PAGE_BYTES + 24
INDEX_LEAF = 10
"""A page of rows that are kept by another key than their number."""
PAGE_RECORDS = 50

Files = dict[str, bytes]
"""The files of a tape by their suffix; one that is not there has no entry."""

_READABLE = (
    "SELECT * FROM event ORDER BY seq",
    "SELECT * FROM head ORDER BY subject",
    # An epoch is nobody's event: one that is wrong fences its producer, or is found regressed.
    "SELECT producer, mark, first, last, at_us FROM mark WHERE mark <> -1 ORDER BY producer",
    "SELECT * FROM meta ORDER BY name",
)


class Verdict(NamedTuple):
    """What came of one spoilt disk.

    ``changed``: something readable is not as it was; ``refused``: the writer did not open it;
    ``wrong``: what was told and is not true, or was not told and should have been.
    """

    changed: bool
    refused: bool
    wrong: list[str]


def taken(path: Path) -> Files:
    """The files that say something: not the index, nor the empty log that a look at one makes."""
    places = {suffix: path.with_name(path.name + suffix) for suffix in SUFFIXES if suffix != INDEX}
    return _said({suffix: file.read_bytes() for suffix, file in places.items() if file.exists()})


def lay(path: Path, files: Files) -> None:
    """Let these files lie there and no others; who has one open keeps the one that lay there."""
    for suffix in SUFFIXES:
        file = path.with_name(path.name + suffix)
        file.unlink(missing_ok=True)
        if suffix in files:
            file.write_bytes(files[suffix])


def crashed(path: Path, story: Story, commits: int) -> tuple[Files, Files]:
    """The files of a tape that was closed in the middle of the story, and as a crash left it.

    Of the second half some lies in the main file, some in the log, and the log has been used over.
    What was said once, at the beginning, lies before what a writer looks at when it opens the tape.
    """
    with closing(TapeWriter(path, often_checkpointed)) as tape:
        story.say_once(tape, "zoe", "test.said.once")
        story.begin(tape)
        story.go_on(tape, commits // 2)
    with closing(TapeWriter(path)) as tape:
        story.go_on(tape, commits // 3)
        tape._db.execute("PRAGMA wal_checkpoint(RESTART)")
        story.go_on(tape, commits - commits // 2 - commits // 3)
        left = taken(path)
    return taken(path), left


def often_checkpointed(path: Path) -> sqlite3.Connection:
    """A connection whose log is written back after some pages instead of a thousand."""
    db = connect(path)
    db.execute("PRAGMA wal_autocheckpoint = 12")
    return db


def flipped(files: Files, suffix: str, bit: int) -> Files:
    """The files with one bit of one of them turned over."""
    data = bytearray(files[suffix])
    data[bit // 8] ^= 1 << bit % 8
    return {**files, suffix: bytes(data)}


def cut(files: Files, suffix: str, length: int) -> Files:
    """The files with one of them ending earlier."""
    return {**files, suffix: files[suffix][:length]}


def structure(main: bytes) -> list[int]:
    """The places of the bytes that hold the file together: what they say is in no row.

    The file's header, and of each page the header, and where its cells lie; in inner pages also
    which pages come below (sqlite.org/fileformat.html#b_tree_pages). And the rows that carry no
    checksum: those of the heads, the marks and the tape's name.
    """
    places = list(range(100))
    for page in range(0, len(main), PAGE_BYTES):
        start = page + (100 if page == 0 else 0)
        inner = main[start] in (2, 5)
        cells = int.from_bytes(main[start + 3 : start + 5])
        places += range(start, start + (12 if inner else 8) + 2 * cells)
        if inner or main[start] == INDEX_LEAF:
            first = int.from_bytes(main[start + 5 : start + 7])
            places += range(page + first, page + PAGE_BYTES)
    return places


def live_bytes(log: bytes) -> int:
    """How long the part of a log is that counts: behind it lie frames of its former use.

    See sqlite.org/fileformat.html#the_write_ahead_log: a frame of the present use has its salt.
    """
    salt = log[16:24]
    frames = range(LOG_HEADER_BYTES, len(log), FRAME_BYTES)
    return next((at for at in frames if log[at + 8 : at + 16] != salt), len(log))


class Judge:
    """Lays one spoilt disk after the other at a place, and holds against the story all that is
    said of it."""

    def __init__(self, path: Path, story: Story, sound: Files) -> None:
        self._path = path
        self._story = story
        self._questions = list(_questions(story))
        self._found = False
        lay(path, sound)
        self._readable = _readable(path)

    def judge(self, files: Files) -> Verdict:
        """Ask everybody."""
        wrong: list[str] = []
        lay(self._path, files)
        readable = _readable(self._path)
        wrong += self._of_inspection(readable)
        wrong += self._of_reader()
        refused = True
        try:
            with closing(TapeWriter(self._path)) as tape:
                refused = False
                wrong += self._of_writer(tape)
        except (TapeDamaged, StorageFailed) as error:
            if refused and not error.remedy:
                wrong.append(f"the writer refuses without a remedy: {error}")
            if refused and not self._found:
                wrong.append(f"the writer refuses ({error}), and verify finds nothing")
            if refused and taken(self._path) != _said(files):
                wrong.append(f"the writer refuses ({error}), and has changed the files")
        return Verdict(readable != self._readable, refused, wrong)

    def _of_inspection(self, readable: list[Any]) -> Iterator[str]:
        self._found = True
        try:
            report = inspect(self._path)
        except CannotRun:
            return  # exit code 2: nobody was told that it is clean
        self._found = report.found > 0
        if readable != self._readable and not report.found:
            yield f"verify finds nothing, and there is {_difference(self._readable, readable)}"
        first = _first_difference(self._readable[0], readable[0])
        if first is not None and report.sound_to >= first:
            yield f"verify says that all is sound up to {report.sound_to}, seq {first} is not"

    def _of_reader(self) -> Iterator[str]:
        try:
            reader = TapeReader(self._path)
        except BusError:
            return
        with closing(reader):
            yield from self._of_pages(reader)
            for name, ask, truth in self._questions:
                answer = _answered(partial(ask, reader))
                if answer not in (truth, "refused"):
                    yield f"{name} is {answer}, not {truth}"

    def _of_pages(self, reader: TapeReader) -> Iterator[str]:
        records: list[Record] = []
        try:
            while page := reader.read(len(records), PAGE_RECORDS):
                records += page
        except BusError:
            pass
        if records != self._story.records[: len(records)]:
            yield f"the reader reads what was never said, up to seq {len(records)}"

    def _of_writer(self, tape: TapeWriter) -> Iterator[str]:
        story = self._story
        if (tape.head, tape.heads) != (len(story.records), story.heads):
            yield f"the writer opens at seq {tape.head}, with heads {tape.heads}"
        if without_epochs(tape.marks) != without_epochs(story.marks):
            yield f"the writer opens with the marks {tape.marks}"
        yield from self._of_appending(tape)

    def _of_appending(self, tape: TapeWriter) -> Iterator[str]:
        """What is said next must be kept too, or be refused."""
        producer, known = next(iter(sorted(tape.marks.items())))
        draft = Draft("test.said.next", 1, msgspec.Raw(b"\x80"))
        turn = Append(producer, known.epoch, known.mark, known.mark + 1, "logged", (draft,))
        at_us = NOON_US + len(self._story.commits)
        [answer] = tape.append([turn], at_us).answers
        seq = len(self._story.records) + 1
        if answer != Appended(known.mark + 1, seq, seq, at_us, "logged"):
            yield f"the next append is answered by {answer}"
        said = Record(seq, "test.said.next", at_us, 0, producer, known.mark + 1, 1, b"\x80")
        with closing(TapeReader(self._path)) as reader:
            if _answered(partial(reader.read, seq - 1, 1)) not in ([said], "refused"):
                yield "the next append is not what is read back"


def _said(files: Files) -> Files:
    """Without an empty log, which is none."""
    return {suffix: data for suffix, data in files.items() if data or suffix != LOG}


Question = tuple[str, Callable[[TapeReader], Any], Any]


def _questions(story: Story) -> Iterator[Question]:
    """What a reader can be asked beside pages, with the true answers."""
    records = story.records
    yield "the head", methodcaller("head"), len(records)
    yield "the first seq", methodcaller("first"), 1
    some = range(3, len(records), len(records) // 7)
    yield "some records", methodcaller("get", some), [records[n - 1] for n in some]
    for subject in (*list(story.heads)[:2], "test.said.nothing"):
        known = story.heads.get(subject, 0)
        yield f"the last of {subject}", methodcaller("last", subject), known
    for at_us in (NOON_US + len(story.commits) // 3, NOON_US + 10 * len(story.commits)):
        known = sum(record.at_us <= at_us for record in records)
        yield f"the seq at {at_us}", methodcaller("seq_at", at_us), known


def _answered(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except BusError:
        return "refused"


def _readable(path: Path) -> list[Any]:
    """Everything that SQLite gives, each table as rows, or as the error that reading it ends in."""
    try:
        with closing(connect_to_read(path)) as db:
            return [_rows(db, sql) for sql in _READABLE]
    except sqlite3.Error as error:
        return [str(error)] * len(_READABLE)


def _rows(db: sqlite3.Connection, sql: str) -> list[Any]:
    rows: list[Any] = []
    try:
        rows.extend(db.execute(sql))
    except (sqlite3.Error, UnicodeDecodeError) as error:
        rows.append(str(error))
    return rows


def _difference(truth: list[Any], readable: list[Any]) -> str:
    pairs = zip(truth, readable, strict=True)
    return "; ".join(
        str([row for row in found if row not in was][:2] or "less") for was, found in pairs
    )


def _first_difference(truth: list[Any], rows: list[Any]) -> int | None:
    """The seq of the first event that is read and is not as it was, None where there is none.

    Rows before an error may be sound and yet not come: a cursor looks one row ahead.
    """
    if rows and isinstance(rows[-1], str):
        rows = rows[:-1]
    elif len(rows) < len(truth):
        rows = [*rows, "nothing"]
    same = zip(truth, rows, strict=False)
    return next((n for n, (was, found) in enumerate(same, 1) if was != found), None)


def without_epochs(marks: dict[str, Mark]) -> dict[str, Mark]:
    """The marks of who ever spoke, as far as events tell of them."""
    return {name: mark._replace(epoch=0) for name, mark in marks.items() if mark.mark != -1}
