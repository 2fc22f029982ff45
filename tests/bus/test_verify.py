"""What `python -m bus.verify` finds on a tape, and what it says of a sound one."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.codec import BODY_BYTES_MAX, Append, Draft, Record, checksum
from bus.reading import PAGE_BYTES_MAX, TapeReader
from bus.tape import TapeWriter
from bus.verify import (
    CANNOT_RUN,
    CLEAN,
    DAMAGED,
    FINDINGS_MAX,
    CannotRun,
    Finding,
    Inspection,
    Report,
    _look_at_all,
    _page,
    _tables,
    inspect,
    main,
)
from config.settings import PROJECT_ROOT

SUBJECTS = ("market.quote.A", "market.quote.B")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A tape of ten events on two subjects, in turns of two, and a producer that never spoke."""
    with closing(TapeWriter(tmp_path / "tape.db")) as tape:
        write(tape, 5)
        tape.enlist("silent", 0)
    return tmp_path / "tape.db"


def write(tape: TapeWriter, turns: int, body: bytes = b"\x80") -> None:
    epoch = tape.enlist("fetcher", 0).epoch
    after = tape.marks["fetcher"].mark
    for mark in range(after + 1, after + 1 + turns):
        drafts = tuple(Draft(subject, 1, msgspec.Raw(body)) for subject in SUBJECTS)
        tape.append([Append("fetcher", epoch, mark - 1, mark, "logged", drafts)], 1_000 + mark)


def hurt(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for sql in statements:
            db.execute(sql)


def forge(path: Path, seq: int, **changes: Any) -> None:
    """Change a row and its checksum: what no bit flip does, but a wrong program might."""
    with closing(TapeReader(path)) as reader:
        [record] = reader.get([seq])
    forged = record._replace(**changes)
    values = ", ".join(f"{name} = ?" for name in (*changes, "crc"))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        sql = f"UPDATE event SET {values} WHERE seq = {seq}"  # noqa: S608
        db.execute(sql, (*changes.values(), checksum(forged)))


def test_a_sound_tape_is_clean(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(path)]) == CLEAN
    assert capsys.readouterr().out == f"{path}: 10 events, all sound\n"
    report = inspect(path)
    assert (report.head, report.records, report.sound, report.sound_to) == (10, 10, 10, 10)
    assert (report.found, report.findings, len(report.tape_id)) == (0, (), 16)


def test_a_tape_on_which_nothing_was_said_is_clean(tmp_path: Path) -> None:
    TapeWriter(tmp_path / "tape.db").close()

    assert inspect(tmp_path / "tape.db").found == 0


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        ("UPDATE event SET body = x'81' WHERE seq = 4", Finding(4, "does not match its checksum")),
        ("UPDATE event SET at_us = 2000 WHERE seq = 4", Finding(4, "does not match its checksum")),
        ("UPDATE event SET crc = crc + 1 WHERE seq = 4", Finding(4, "does not match its checksum")),
        (
            "UPDATE event SET body = CAST(body AS TEXT) WHERE seq = 10",
            Finding(10, "cannot be read (Could not decode to UTF-8 column 'body' with text"),
        ),
        (
            "UPDATE event SET at_us = 'noon' WHERE seq = 4",
            Finding(4, "holds a value of another kind than it was written with"),
        ),
        (
            "DELETE FROM event WHERE seq BETWEEN 4 AND 6",
            Finding(7, "follows seq 3: the events between are missing"),
        ),
        (
            "DELETE FROM event WHERE seq = 1",
            Finding(2, "follows seq 0: the events between are missing"),
        ),
        (
            "DELETE FROM event WHERE seq > 8",
            Finding(9, "is missing, and all after it up to seq 10"),
        ),
        (
            "UPDATE head SET seq = 9 WHERE subject = 'market.quote.B'",
            Finding(0, "the head of market.quote.B is not its last event"),
        ),
        (
            "DELETE FROM head WHERE subject = 'market.quote.A'",
            Finding(0, "the head of market.quote.A is not its last event"),
        ),
        (
            "INSERT INTO head VALUES ('market.quote.C', 3)",
            Finding(0, "the head of market.quote.C is not its last event"),
        ),
        (
            "UPDATE mark SET mark = 9 WHERE mark = 4",
            Finding(0, "the mark of fetcher is not its last turn"),
        ),
        (
            "UPDATE mark SET first = 8 WHERE mark = 4",
            Finding(0, "the mark of fetcher is not its last turn"),
        ),
        (
            "UPDATE mark SET last = 99 WHERE mark = 4",
            Finding(0, "the mark of fetcher is not its last turn"),
        ),
        (
            "DELETE FROM mark WHERE producer = 'fetcher'",
            Finding(0, "the mark of fetcher is not its last turn"),
        ),
        (
            "DELETE FROM meta WHERE name = 'tape_id'",
            Finding(0, "what it says of itself is not what was written ({'format': '2'})"),
        ),
    ],
)
def test_one_damage_is_one_finding_and_it_is_named(path: Path, sql: str, finding: Finding) -> None:
    hurt(path, sql)
    found = inspect(path).findings

    assert main([str(path)]) == DAMAGED
    assert [(f.seq, f.what[: len(finding.what)]) for f in found] == [(finding.seq, finding.what)]


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"prev": 5}, Finding(8, "names 5 as the last of its subject, which is 6")),
        ({"at_us": 5}, Finding(8, "was recorded before the event in front of it")),
        ({"heard": 1}, Finding(8, "is of a turn that fetcher had said before")),
    ],
)
def test_a_row_that_is_whole_but_does_not_follow_the_others_is_found(
    path: Path, changes: dict[str, int], finding: Finding
) -> None:
    forge(path, 8, **changes)

    assert inspect(path).findings[0] == finding


def test_a_turn_that_is_there_twice_is_found(path: Path) -> None:
    with closing(TapeReader(path)) as reader:
        again = [
            record._replace(seq=record.seq + 2, prev=record.seq) for record in reader.get([9, 10])
        ]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for record in (again[0]._replace(producer="other"), again[1]):
            row = (*record, checksum(record), None)
            db.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    found = [finding.what for finding in inspect(path).findings]

    assert "is of a turn that fetcher had said before" in found


def test_what_lies_before_the_damage_and_what_is_whole_by_itself_is_told(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hurt(path, "UPDATE event SET producer = 'twin' WHERE seq = 7")
    assert main(["--json", str(path)]) == DAMAGED
    report = msgspec.json.decode(capsys.readouterr().out, type=Report)
    assert (report.records, report.sound, report.sound_to, report.found) == (10, 9, 6, 1)
    assert main([str(path)]) == DAMAGED
    assert capsys.readouterr().out == (
        f"{path}: DAMAGED; everything is sound up to seq 6,"
        " and 9 of 10 events are whole by themselves\n"
        "  seq 7: does not match its checksum\n"
        "Keep a copy of the file as it is; nothing was changed.\n"
    )


def test_of_many_findings_the_first_are_told_and_the_others_counted(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(TapeWriter(path)) as tape:
        write(tape, 50)
    hurt(path, "UPDATE event SET crc = 0")
    assert main([str(path)]) == DAMAGED
    report = inspect(path)

    assert (report.sound, report.found, len(report.findings)) == (0, 110, FINDINGS_MAX)
    assert f"and {110 - FINDINGS_MAX} more" in capsys.readouterr().out


def test_a_tape_that_grows_meanwhile_is_clean(path: Path) -> None:
    with closing(TapeWriter(path)) as tape:
        write(tape, 3)
        inspections = 0
        while inspections < 5:
            assert inspect(path).found == 0
            write(tape, 3)
            inspections += 1
        assert inspect(path).records == tape.head == 46


def test_what_is_said_while_it_reads_is_left_to_the_next_time(path: Path) -> None:
    with (
        closing(TapeWriter(path)) as tape,
        closing(sqlite3.connect(path, isolation_level=None)) as db,
    ):
        tables, inspection = _tables(db, path), Inspection(tape.tape_id)
        write(tape, 3)
        _look_at_all(db, tables.head, inspection)
        inspection.compare(tables)

    assert (inspection.records, inspection.findings) == (10, [])


def test_a_large_tape_is_read_in_pages_of_some_megabytes(path: Path) -> None:
    with closing(TapeWriter(path)) as tape:
        write(tape, 8, msgspec.msgpack.encode(bytes(1_000_000)))
    with closing(sqlite3.connect(path)) as db:
        page = list(_page(db, 0, 26))

    assert sum(len(columns[-1]) for columns, *_ in page) <= PAGE_BYTES_MAX + BODY_BYTES_MAX
    assert inspect(path).records == 26


@given(place=st.integers(min_value=0))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_is_found_or_changes_nothing(path: Path, place: int) -> None:
    whole = path.read_bytes()
    truth = everything(path)
    flipped = bytearray(whole)
    flipped[place // 8 % len(whole)] ^= 1 << place % 8
    try:
        path.write_bytes(flipped)
        try:
            report = inspect(path)
        except CannotRun:
            return
        assert report.found or everything(path) == truth
    finally:
        path.write_bytes(whole)


def everything(path: Path) -> list[list[object]]:
    """All that an event can be held against: no epoch, no name of the tape, no silent producer."""
    with closing(sqlite3.connect(path)) as db:
        queries = (
            "SELECT * FROM event",
            "SELECT * FROM head",
            "SELECT producer, mark, first, last, at_us FROM mark WHERE mark <> -1",
        )
        return [sorted(db.execute(query)) for query in queries]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", CANNOT_RUN), (b"no database at all" * 300, DAMAGED)],
    ids=["nothing", "a text"],
)
def test_what_is_no_tape_is_not_clean(tmp_path: Path, content: bytes, code: int) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(content)

    assert main([str(path)]) == code
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE TABLE recipe (name TEXT)", "a database of another program"),
        ("DROP TABLE event", ""),
    ],
)
def test_a_database_of_another_program_cannot_be_verified(
    tmp_path: Path, sql: str, reason: str
) -> None:
    path = tmp_path / "other.db"
    if not reason:
        TapeWriter(path).close()
    hurt(path, sql)

    if reason:
        with pytest.raises(CannotRun, match=reason):
            inspect(path)
    else:
        assert "no such table: event" in inspect(path).findings[0].what


def test_a_tape_of_a_later_version_cannot_be_verified(path: Path) -> None:
    hurt(path, "UPDATE meta SET value = '3' WHERE name = 'format'")

    with pytest.raises(CannotRun, match="which a newer Tapedeck wrote"):
        inspect(path)


def test_a_tape_that_is_not_there_cannot_be_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none.db")]) == CANNOT_RUN
    assert "name one, or set TAPEDECK_HOME" in capsys.readouterr().err


@pytest.fixture
def deck_like(tmp_path: Path) -> Iterator[Path]:
    """A tape in a home, written and kept open as a running bus keeps it."""
    with closing(TapeWriter(tmp_path / "tape.db")) as tape:
        write(tape, 5)
        yield tmp_path


@pytest.mark.parametrize(
    ("environment", "code", "told"),
    [
        ({}, CLEAN, "10 events, all sound"),
        ({"TAPEDECK_HOME": "/nowhere"}, CANNOT_RUN, "name one, or set TAPEDECK_HOME"),
        ({"TAPEDECK_LOG__LEVEL": "LOUD"}, CANNOT_RUN, "TAPEDECK_LOG__LEVEL"),
    ],
    ids=["the home's tape", "no tape there", "a wrong setting"],
)
def test_the_command_verifies_the_tape_of_the_settings(
    deck_like: Path, environment: dict[str, str], code: int, told: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bus.verify"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "TAPEDECK_HOME": str(deck_like), **environment},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, told in done.stdout + done.stderr) == (code, True)


@given(
    st.lists(st.tuples(st.sampled_from("pq"), st.integers(1, 3)), max_size=8),
    st.integers(0, 20),
    st.booleans(),
)
def test_rows_as_a_writer_would_write_them_are_sound_and_without_one_they_are_not(
    turns: list[tuple[str, int]], place: int, damage: bool
) -> None:
    records: list[Record] = []
    heads: dict[str, int] = {}
    for mark, (producer, size) in enumerate(turns):
        for number in range(size):
            seq, subject = len(records) + 1, f"test.said.K{number}"
            prev = heads.get(subject, 0)
            records.append(Record(seq, subject, mark, prev, producer, mark, 1, b"\x80"))
            heads[subject] = seq
    inspection = Inspection()
    left_out = place % len(records) if damage and records else None
    for number, record in enumerate(records):
        if number != left_out:
            inspection.look(record, checksum(record), None)

    told = left_out is not None and left_out < len(records) - 1
    assert (inspection.found > 0) == told
    if told and left_out is not None:
        assert inspection.sound_to == left_out
