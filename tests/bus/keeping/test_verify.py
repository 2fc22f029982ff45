"""What is found on a damaged tape, and what is said of a sound one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.codec import BODY_BYTES_MAX, Append, Draft, Record, checksum
from bus.keeping.inspection import FINDINGS_MAX, WHOLE, Finding, Inspection
from bus.keeping.verify import CannotRun, inspect, look_at_all, page_after, read_tables
from bus.reading import PAGE_BYTES_MAX, TapeReader
from bus.seal import first_seal, next_seal
from bus.tape import TapeWriter
from bus.witness import Witness, boot_id, witness_of

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


def test_a_sound_tape_is_clean(path: Path) -> None:
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
@pytest.mark.guarantee("bit-rot")
def test_one_damage_is_one_finding_and_it_is_named(path: Path, sql: str, finding: Finding) -> None:
    hurt(path, sql)
    found = inspect(path).findings

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


@pytest.mark.parametrize(
    ("sql", "sound", "sound_to"),
    [
        ("UPDATE event SET producer = 'twin' WHERE seq = 7", 9, 6),
        ("UPDATE event SET producer = 'twin' WHERE seq = 8", 9, 6),
        ("UPDATE event SET seal = x'00' WHERE seq = 6", 10, 4),
        ("UPDATE head SET seq = 9 WHERE subject = 'market.quote.B'", 10, 10),
    ],
    ids=["the first of a commit", "the last of a commit", "a seal", "a table"],
)
@pytest.mark.guarantee("bit-rot")
def test_the_commits_before_the_damage_are_trusted_and_what_is_whole_by_itself_is_counted(
    path: Path, sql: str, sound: int, sound_to: int
) -> None:
    hurt(path, sql)
    report = inspect(path)

    assert (report.records, report.sound, report.sound_to, report.found) == (10, sound, sound_to, 1)


def test_of_many_findings_the_first_are_told_and_the_others_counted(path: Path) -> None:
    with closing(TapeWriter(path)) as tape:
        write(tape, 50)
    hurt(path, "UPDATE event SET crc = 0")
    report = inspect(path)

    assert (report.sound, report.found, len(report.findings)) == (0, 110, FINDINGS_MAX)


@pytest.mark.guarantee("torn-writes")
def test_a_tape_that_ends_before_what_was_acknowledged_is_damaged(path: Path) -> None:
    with closing(Witness(witness_of(path), 0, boot_id())) as witness:
        for _ in range(2):
            witness.tell(12, b"?" * 16, synced=False)
    report = inspect(path)

    assert (report.head, report.kept_to, report.sound_to) == (10, 12, 10)
    assert report.findings == (Finding(11, "is missing: all up to seq 12 was kept"),)


@pytest.mark.guarantee("regress")
def test_a_tape_with_another_history_than_was_acknowledged_is_damaged(path: Path) -> None:
    with closing(Witness(witness_of(path), 0, boot_id())) as witness:
        for _ in range(2):
            witness.tell(8, b"?" * 16, synced=False)
    [finding] = inspect(path).findings

    assert (finding.seq, "not the one that was acknowledged" in finding.what) == (8, True)


def test_what_can_be_read_is_judged_where_a_table_cannot(path: Path) -> None:
    hurt(path, "DROP TABLE mark")
    report = inspect(path)

    assert (report.sound_to, len(report.findings)) == (10, 1)
    assert "the marks of the producers cannot be read" in report.findings[0].what


def test_how_far_it_has_come_is_told(path: Path) -> None:
    told: list[tuple[int, int]] = []
    inspect(path, lambda done, of: told.append((done, of)))

    assert told == [(10, 10)]


@pytest.mark.guarantee("bit-rot")
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
        tables = read_tables(db, path, [])
        inspection = Inspection(tables.begins)
        write(tape, 3)
        look_at_all(db, tables, inspection)
        inspection.compare(tables)

    assert (inspection.records, inspection.findings) == (10, [])


def test_a_large_tape_is_read_in_pages_of_some_megabytes(path: Path) -> None:
    with closing(TapeWriter(path)) as tape:
        write(tape, 8, msgspec.msgpack.encode(bytes(1_000_000)))
    with closing(sqlite3.connect(path)) as db:
        page = list(page_after(db, 0, 26))

    assert sum(len(columns[-1]) for columns, *_ in page) <= PAGE_BYTES_MAX + BODY_BYTES_MAX
    assert inspect(path).records == 26


def page_of(path: Path, table: str) -> int:
    """Where the only page of a table begins in the file."""
    with closing(sqlite3.connect(path)) as db:
        [(page,)] = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,))
    return (int(page) - 1) * 4_096


@pytest.mark.guarantee("bit-rot")
@pytest.mark.parametrize("spoilt", ["in another order", "as number 0"])
def test_rows_that_do_not_follow_one_another_are_found_and_not_read_in_circles(
    path: Path, spoilt: str
) -> None:
    data, page = bytearray(path.read_bytes()), page_of(path, "event")
    cells = page + 8  # sqlite.org/fileformat.html#b_tree_pages: two bytes for the place of each
    if spoilt == "in another order":
        data[cells + 8 : cells + 12] = data[cells + 10 : cells + 12] + data[cells + 8 : cells + 10]
    else:
        fifth = page + int.from_bytes(data[cells + 8 : cells + 10])
        data[fifth + 1] = 0  # behind the length of the row
    path.write_bytes(data)
    report = inspect(path)

    assert report.found > 0
    assert report.sound_to <= 4
    assert report.records <= 2 * report.head


@pytest.mark.guarantee("bit-rot")
@pytest.mark.parametrize("table", ["event", "head", "mark", "meta"])
def test_what_holds_the_file_together_is_looked_at_where_all_rows_are_sound(
    path: Path, table: str
) -> None:
    data, page = bytearray(path.read_bytes()), page_of(path, table)
    data[page + 1 : page + 3] = b"\x0f\x00"  # where the free space of the page begins
    path.write_bytes(data)
    report = inspect(path)

    assert (report.sound, report.found) == (report.head, 1)
    assert "the file does not hold together" in report.findings[0].what


@pytest.mark.guarantee("bit-rot")
def test_an_epoch_that_is_no_number_is_found(path: Path) -> None:
    hurt(path, "UPDATE mark SET epoch = 'many' WHERE producer = 'silent'")

    assert inspect(path).findings == (Finding(0, "the epoch of silent is no number"),)


@pytest.mark.guarantee("bit-rot")
def test_a_table_with_other_columns_is_found(path: Path) -> None:
    hurt(path, "ALTER TABLE head ADD COLUMN mood TEXT")

    found = "the table head has other columns than it was made with"
    assert inspect(path).findings == (Finding(0, found),)


@given(place=st.integers(min_value=0))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.guarantee("bit-rot")
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


def test_a_text_is_damaged_and_an_empty_file_is_no_tape(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(text := b"no database at all" * 300)

    assert inspect(path).found == 1
    assert path.read_bytes() == text
    path.write_bytes(b"")
    with pytest.raises(CannotRun, match="name one, or set TAPEDECK_HOME"):
        inspect(path)


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

    with pytest.raises(CannotRun, match="verify it with the newer Tapedeck"):
        inspect(path)


def test_a_tape_that_is_not_there_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="name one, or set TAPEDECK_HOME"):
        inspect(tmp_path / "none.db")


@given(
    st.lists(st.tuples(st.sampled_from("pq"), st.integers(1, 3)), max_size=8),
    st.integers(0, 20),
    st.booleans(),
)
def test_rows_as_a_writer_would_write_them_are_sound_and_without_one_they_are_not(
    turns: list[tuple[str, int]], place: int, damage: bool
) -> None:
    rows: list[tuple[Record, bytes | None]] = []
    heads: dict[str, int] = {}
    sealed = first_seal("t")
    for mark, (producer, size) in enumerate(turns):
        turn: list[Record] = []
        for number in range(size):
            seq, subject = len(rows) + number + 1, f"test.said.K{number}"
            prev = heads.get(subject, 0)
            turn.append(Record(seq, subject, mark, prev, producer, mark, 1, b"\x80"))
            heads[subject] = seq
        sealed = next_seal(sealed, [checksum(record) for record in turn])
        rows += [*((record, None) for record in turn[:-1]), (turn[-1], sealed)]
    inspection = Inspection(WHOLE._replace(seal=first_seal("t")))
    left_out = place % len(rows) if damage and rows else len(rows)
    for number, (record, seal) in enumerate(rows):
        if number != left_out:
            inspection.look(record, checksum(record), seal)

    assert (inspection.found > 0) == (left_out < len(rows) - 1)
    seals = [0, *(record.seq for record, seal in rows if seal)]
    assert inspection.sound_to == max(seq for seq in seals if seq <= left_out)
