"""A tape of format 1 is brought up whole or not at all, whenever the process or the disk fails.

What is damaged in it is found before anything is written, and it stays as it is.
"""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

from bus.codec import Record
from bus.errors import StorageFailed, TapeDamaged
from bus.keeping.verify import inspect
from bus.reading import TapeReader
from bus.tape import TapeWriter
from bus.tapefile import connect_to_read
from tests.torture.forms import forms
from tests.torture.report import record
from tests.torture.storage_disk import MAIN, Files, flipped, lay, taken, without_epochs
from tests.torture.storage_drive import LOSSES, Drive, Operation, after_power_loss
from tests.torture.storage_story import Story

SEED = 4
COMMITS = 40
CHECKPOINT_PAGES = 24


@pytest.fixture
def story() -> Story:
    return Story(SEED, sizes=(9, 30, 250))


@pytest.fixture
def old(tmp_path: Path, story: Story) -> Files:
    """The file of a tape as format 1 had it: without seals, and with its own checksum."""
    path = tmp_path / "old.db"
    with closing(TapeWriter(path)) as tape:
        story.begin(tape)
        story.go_on(tape, COMMITS)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("ALTER TABLE event DROP COLUMN seal")
        rows = [(old_checksum(record), record.seq) for record in story.records]
        db.executemany("UPDATE event SET crc = ? WHERE seq = ?", rows)
        db.execute("UPDATE meta SET value = '1' WHERE name = 'format'")
        db.execute("COMMIT")
    return {MAIN: taken(path)[MAIN]}


@pytest.fixture
def crashed(tmp_path: Path, old: Files) -> Files:
    """The same, as it was left by a process that was killed: its last rows are in the log."""
    path = tmp_path / "crashed.db"
    lay(path, old)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE mark SET epoch = epoch + 1")
        return taken(path)


def old_checksum(record: Record) -> int:
    head = "|".join(map(str, record[:-1]))
    return zlib.crc32(record.body, zlib.crc32(head.encode()))


def wrong_with(path: Path, story: Story) -> list[str]:
    """What is wrong with a tape that a writer opens now, and brings up if need be."""
    with closing(TapeWriter(path)) as tape:
        known = (tape.head, tape.heads, without_epochs(tape.marks))
    wrong = []
    if known != (len(story.records), story.heads, without_epochs(story.marks)):
        wrong.append(f"it opens with {known}"[:200])
    with closing(TapeReader(path)) as reader:
        if reader.read(0, 10_000) != story.records:
            wrong.append("it does not hold what was said")
    return wrong + [str(finding) for finding in inspect(path).findings]


def lies_whole(path: Path) -> Any:
    """The format of the tape and its rows, as they can be read before anybody brings it up."""
    with closing(connect_to_read(path)) as db:
        [(found,)] = db.execute("SELECT value FROM meta WHERE name = 'format'")
        return found, db.execute("SELECT * FROM event ORDER BY seq").fetchall()


def brought_up(path: Path, files: Files) -> list[Operation]:
    """All that is done to the disk to bring the tape up."""
    lay(path, files)
    drive = Drive(CHECKPOINT_PAGES)
    TapeWriter(path, drive.connected).close()
    return drive.operations


@pytest.mark.guarantee("crash-points")
@forms("step", short=9, long=1)
@pytest.mark.parametrize("left", ["old", "crashed"])
def test_a_process_that_dies_while_it_brings_a_tape_up_leaves_the_old_one_or_the_new_one(
    tmp_path: Path, story: Story, left: str, step: int, request: pytest.FixtureRequest
) -> None:
    path, files = tmp_path / "tape.db", request.getfixturevalue(left)
    operations = brought_up(path, files)
    whole = {"2": lies_whole(path)[1]}
    lay(path, files)
    whole["1"] = lies_whole(path)[1]
    wrong: list[str] = []
    seen: set[str] = set()
    chance, found = Random(SEED), sum(operation.kind == "found" for operation in operations)
    for at in range(found, len(operations) + 1, step):
        for loss in LOSSES:
            lay(path, after_power_loss(operations[:at], loss, chance))
            form, rows = lies_whole(path)
            seen.add(form)
            problems = [] if rows == whole[form] else [f"it is no whole tape of format {form}"]
            problems += wrong_with(path, story)
            wrong += [f"operation {at}, {loss}: {problem}" for problem in problems]
    count = len(range(found, len(operations) + 1, step)) * len(LOSSES)
    record("a tape that is brought up dies", faults=count, silently_wrong=len(wrong))

    assert (wrong, seen) == ([], {"1", "2"})


@pytest.mark.guarantee("disk-full")
@forms("step", short=9, long=1)
@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError], ids=["full", "failing"])
def test_a_drive_that_refuses_while_a_tape_is_brought_up_leaves_the_old_one_or_the_new_one(
    tmp_path: Path, story: Story, old: Files, error: type[apsw.Error], step: int
) -> None:
    path = tmp_path / "tape.db"
    operations, wrong, refused = brought_up(path, old), [], 0
    new = lies_whole(path)
    lay(path, old)
    whole = (lies_whole(path), new)
    for number in range(1, len(operations), step):
        lay(path, old)
        drive = Drive(CHECKPOINT_PAGES)

        def refuse(operation: Operation, drive: Drive = drive, number: int = number) -> None:
            if len(drive.operations) >= number and operation.kind != "found":
                raise error("the drive refuses")

        drive.fault = refuse
        try:
            TapeWriter(path, drive.connected).close()
        except StorageFailed:
            refused += 1
            if lies_whole(path) not in whole:
                wrong.append(f"operation {number}: it is neither the old tape nor the new one")
        wrong += [f"operation {number}: {problem}" for problem in wrong_with(path, story)]
    record("a tape that is brought up is refused", faults=refused, silently_wrong=len(wrong))

    assert wrong == []
    assert refused > 0


@pytest.mark.guarantee("bit-rot")
def test_a_tape_of_format_1_whose_columns_are_declared_otherwise_is_refused_and_stays_as_it_is(
    tmp_path: Path, old: Files
) -> None:
    path = tmp_path / "tape.db"
    lay(path, old)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = replace(sql, 'at_us INTEGER', 'at_us INTEGES')")
    spoilt = taken(path)
    with pytest.raises(TapeDamaged, match="a table of"):
        TapeWriter(path)

    assert taken(path) == spoilt


@pytest.mark.guarantee("bit-rot")
@forms("flips", short=60, long=1_500)
@pytest.mark.parametrize("left", ["old", "crashed"])
def test_a_damaged_tape_of_format_1_is_refused_and_stays_as_it_is(
    tmp_path: Path, story: Story, left: str, flips: int, request: pytest.FixtureRequest
) -> None:
    path, files = tmp_path / "tape.db", request.getfixturevalue(left)
    chance, wrong, refused = Random(SEED), [], 0
    for _ in range(flips):
        spoilt = flipped(files, MAIN, chance.randrange(8 * len(files[MAIN])))
        lay(path, spoilt)
        try:
            problems = wrong_with(path, story)
        except (TapeDamaged, StorageFailed):
            refused += 1
            problems = [] if taken(path) == spoilt else ["it is refused, and not as it was"]
        wrong += problems
    record("bits of a tape of format 1 flipped", faults=flips, silently_wrong=len(wrong))

    assert wrong == []
    assert refused > flips // 5
