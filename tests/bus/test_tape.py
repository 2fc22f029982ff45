"""The tape keeps what it acknowledged, in order, once, and says loudly when it cannot."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.codec import (
    BODY_BYTES_MAX,
    TURN_BYTES_MAX,
    TURN_EVENTS_MAX,
    Append,
    Appended,
    AppendRefused,
    Draft,
    Record,
    checksum,
    decode_live,
)
from bus.errors import BusError, Fenced, LogRegressed, Overloaded, StorageFailed, TapeDamaged
from bus.follower import Follower
from bus.message import Durability
from bus.reading import PAGE_BYTES_MAX, TapeReader
from bus.tape import PRODUCERS_MAX, TAIL_CHECKED, Mark, TapeWriter
from bus.tapefile import LOG_BYTES_KEPT, connect_to_read
from bus.witness import Witness, boot_id, read_witness, witness_of

NOON = 1_767_614_400_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tape.db"


@pytest.fixture
def tape(path: Path) -> Iterator[TapeWriter]:
    with closing(TapeWriter(path)) as tape:
        yield tape


@pytest.fixture
def reader(tape: TapeWriter) -> Iterator[TapeReader]:
    with closing(TapeReader(tape.path)) as reader:
        yield reader


def draft(subject: str = "test.said.A", body: object = "x", expected: int | None = None) -> Draft:
    return Draft(subject, 1, msgspec.Raw(msgspec.msgpack.encode(body)), expected)


def turn(
    after: int,
    mark: int,
    *drafts: Draft,
    producer: str = "p",
    epoch: int = 1,
    durability: Durability = "logged",
) -> Append:
    return Append(producer, epoch, after, mark, durability, drafts or (draft(body=mark),))


def say(tape: TapeWriter, *turns: Append, now_us: int = NOON) -> list[Appended | AppendRefused]:
    return tape.append(turns, now_us).answers


def code(answer: Appended | AppendRefused) -> str:
    return answer.code if isinstance(answer, AppendRefused) else "appended"


def fill(tape: TapeWriter, count: int, producer: str = "p") -> None:
    """A producer says so many turns of one event."""
    tape.enlist(producer, 0)
    answers = say(tape, *(turn(n - 1, n, producer=producer) for n in range(count)))
    assert {code(answer) for answer in answers} == {"appended"}


class TestWhatIsKept:
    """Order, heads, marks."""

    @pytest.mark.guarantee("total-order")
    def test_events_get_seqs_without_holes_and_the_seq_before_on_their_subject(
        self, tape: TapeWriter, reader: TapeReader
    ) -> None:
        tape.enlist("p", 0)
        answers = say(
            tape,
            turn(-1, 0, draft("test.said.A", "a1"), draft("test.said.B", "b1")),
            turn(0, 5, draft("test.said.A", "a2")),
        )

        assert answers == [
            Appended(0, 1, 2, NOON, "logged"),
            Appended(5, 3, 3, NOON, "logged"),
        ]
        assert reader.read(0, 10) == [
            Record(1, "test.said.A", NOON, 0, "p", 0, 1, b"\xa2a1"),
            Record(2, "test.said.B", NOON, 0, "p", 0, 1, b"\xa2b1"),
            Record(3, "test.said.A", NOON, 1, "p", 5, 1, b"\xa2a2"),
        ]
        assert tape.heads == {"test.said.A": 3, "test.said.B": 2}

    @pytest.mark.guarantee("total-order")
    def test_a_tape_that_is_opened_again_goes_on_where_it_ended(self, path: Path) -> None:
        with closing(TapeWriter(path)) as first:
            fill(first, 3)
            known = (first.tape_id, first.head, first.at_us, first.heads, first.marks)
        with closing(TapeWriter(path)) as again:
            assert (again.tape_id, again.head, again.at_us, again.heads, again.marks) == known
            assert say(again, turn(2, 3)) == [Appended(3, 4, 4, NOON, "logged")]

    @pytest.mark.guarantee("marks")
    def test_a_turn_that_comes_twice_is_kept_once_and_told_its_seqs_again(
        self, tape: TapeWriter, reader: TapeReader
    ) -> None:
        tape.enlist("p", 0)
        both = draft("test.said.A", 1), draft("test.said.B", 2)
        [first] = say(tape, turn(-1, 0, *both))
        assert say(tape, turn(-1, 0, *both)) == [first]
        assert say(tape, turn(-1, 0, *both), turn(0, 1)) == [
            first,
            Appended(1, 3, 3, NOON, "logged"),
        ]

        assert [record.seq for record in reader.read(0, 10)] == [1, 2, 3]

    @pytest.mark.guarantee("marks")
    def test_a_turn_older_than_the_last_is_told_to_be_kept_without_its_seqs(
        self, tape: TapeWriter
    ) -> None:
        fill(tape, 3)

        assert say(tape, turn(0, 1)) == [Appended(1, 0, 0, NOON, "logged")]
        assert tape.head == 3

    @pytest.mark.guarantee("marks")
    def test_a_turn_that_comes_twice_in_one_transaction_is_kept_once(
        self, tape: TapeWriter, reader: TapeReader
    ) -> None:
        tape.enlist("p", 0)
        same = turn(-1, 0)

        assert say(tape, same, same) == [Appended(0, 1, 1, NOON, "logged")] * 2
        assert len(reader.read(0, 10)) == 1

    @pytest.mark.guarantee("total-order")
    def test_a_turn_after_a_missing_one_is_refused_with_the_mark_that_is_kept(
        self, tape: TapeWriter
    ) -> None:
        fill(tape, 2)
        [refused] = say(tape, turn(7, 8))

        assert isinstance(refused, AppendRefused)
        assert (refused.code, refused.actual, tape.head) == ("gap", 1, 2)

    @pytest.mark.guarantee("acks")
    def test_a_refused_turn_leaves_the_others_of_its_transaction_alone(
        self, tape: TapeWriter
    ) -> None:
        tape.enlist("p", 0)
        tape.enlist("q", 0)
        answers = say(
            tape,
            turn(-1, 0),
            turn(3, 4),
            turn(-1, 0, draft("Not A Subject"), producer="q"),
            turn(0, 1),
        )

        assert [code(answer) for answer in answers] == [
            "appended",
            "gap",
            "bad_subject",
            "appended",
        ]
        assert tape.head == 2

    @pytest.mark.guarantee("crash-points")
    def test_a_turn_is_all_or_nothing(self, tape: TapeWriter) -> None:
        tape.enlist("p", 0)
        whole = [draft("test.said.A"), draft("test.said.B"), draft("test.said.A.b.c")]

        assert [code(a) for a in say(tape, turn(-1, 0, *whole))] == ["bad_subject"]
        assert (tape.head, tape.heads, tape.marks["p"].mark) == (0, {}, -1)

    @pytest.mark.guarantee("acks")
    def test_a_transaction_is_synced_if_any_turn_in_it_asks_for_it(self, tape: TapeWriter) -> None:
        tape.enlist("p", 0)
        levels: list[int] = []
        for number, wanted in enumerate(["logged", "synced", "logged"]):
            both = (
                turn(
                    2 * number - 1,
                    2 * number,
                    durability="synced" if wanted == "synced" else "logged",
                ),
                turn(2 * number, 2 * number + 1),
            )
            say(tape, *both)
            levels += tape._db.execute("PRAGMA synchronous").fetchone()

        normal, full = 1, 2  # sqlite.org/pragma.html#pragma_synchronous
        assert levels == [normal, full, normal]

    @pytest.mark.guarantee("acks")
    def test_durability_is_told_as_it_was_asked_for(self, tape: TapeWriter) -> None:
        tape.enlist("p", 0)
        answers = say(tape, turn(-1, 0), turn(0, 1, durability="synced"))

        assert [a.durability for a in answers if isinstance(a, Appended)] == ["logged", "synced"]


class TestWhoMaySpeak:
    """Epochs, and the seq that a producer expects."""

    @pytest.mark.guarantee("epochs")
    def test_each_process_gets_an_epoch_of_its_own_and_the_mark_of_the_one_before(
        self, tape: TapeWriter
    ) -> None:
        fill(tape, 3)
        assert (tape.marks["p"].epoch, tape.enlist("p", 0).epoch) == (1, 2)
        assert tape.enlist("p", 2).mark == 2

    @pytest.mark.guarantee("epochs")
    def test_an_older_process_is_fenced_and_nothing_of_its_turn_is_kept(
        self, tape: TapeWriter
    ) -> None:
        fill(tape, 1)
        tape.enlist("p", 0)

        assert [code(a) for a in say(tape, turn(0, 1, epoch=1))] == ["fenced"]
        with pytest.raises(Fenced, match="another process runs under this name"):
            tape.enlist("p", 1)
        assert tape.head == 1

    @pytest.mark.guarantee("strangers")
    def test_ever_new_names_are_stopped_and_the_known_ones_go_on(self, tape: TapeWriter) -> None:
        fill(tape, 1)
        tape.marks.update({f"stranger-{number}": Mark() for number in range(PRODUCERS_MAX - 1)})
        with pytest.raises(Overloaded, match="names have come"):
            tape.enlist("one more", 0)
        assert tape.enlist("p", 0).epoch == 2

    @pytest.mark.guarantee("strangers")
    def test_who_was_never_greeted_may_not_append(self, tape: TapeWriter) -> None:
        assert [code(a) for a in say(tape, turn(-1, 0, epoch=0))] == ["fenced"]
        assert (tape.head, tape.marks) == (0, {})

    @pytest.mark.guarantee("regress")
    def test_a_process_from_the_tapes_future_shows_that_an_older_copy_lies_here(
        self, tape: TapeWriter
    ) -> None:
        fill(tape, 1)

        assert [code(a) for a in say(tape, turn(0, 1, epoch=2))] == ["log_regressed"]
        with pytest.raises(LogRegressed, match="put the newer one back"):
            tape.enlist("p", 2)

    @pytest.mark.guarantee("epochs")
    def test_an_epoch_survives_the_process_that_gave_it(self, path: Path) -> None:
        for expected in (1, 2, 3):
            with closing(TapeWriter(path)) as tape:
                assert tape.enlist("p", 0).epoch == expected

    @pytest.mark.guarantee("expected")
    def test_an_event_with_the_expected_seq_is_kept(self, tape: TapeWriter) -> None:
        tape.enlist("p", 0)
        answers = say(
            tape,
            turn(-1, 0, draft("test.said.A", expected=0)),
            turn(0, 1, draft("test.said.A", expected=1), draft("test.said.B", expected=0)),
        )

        assert [code(answer) for answer in answers] == ["appended", "appended"]

    @pytest.mark.guarantee("expected")
    def test_an_event_with_another_seq_than_expected_is_a_conflict_and_names_the_actual(
        self, tape: TapeWriter
    ) -> None:
        fill(tape, 2)
        [refused] = say(tape, turn(1, 2, draft("test.said.B"), draft("test.said.A", expected=1)))

        assert isinstance(refused, AppendRefused)
        assert refused.code == "conflict"
        assert "ends at seq 2, not at 1" in refused.message
        assert (tape.head, tape.marks["p"].mark) == (2, 1)

    @pytest.mark.guarantee("expected")
    def test_of_two_who_expect_the_same_seq_one_alone_is_kept(self, tape: TapeWriter) -> None:
        tape.enlist("p", 0)
        tape.enlist("q", 0)
        hopeful = draft("test.said.A", expected=0)
        answers = say(tape, turn(-1, 0, hopeful), turn(-1, 0, hopeful, producer="q"))

        assert [code(answer) for answer in answers] == ["appended", "conflict"]


class TestLimits:
    """What is too large is refused whole."""

    def test_the_largest_turns_are_kept(self, tape: TapeWriter) -> None:
        tape.enlist("p", 0)
        large = draft(body=bytes(BODY_BYTES_MAX - 5))
        answers = say(
            tape,
            turn(-1, 0, *[large] * (TURN_BYTES_MAX // BODY_BYTES_MAX)),
            turn(0, 1, *[draft()] * TURN_EVENTS_MAX),
        )

        assert [code(answer) for answer in answers] == ["appended", "appended"]

    @pytest.mark.parametrize(
        "drafts",
        [
            [draft(body=bytes(BODY_BYTES_MAX))],
            [draft(body=bytes(BODY_BYTES_MAX - 5))] * 9,
            [draft()] * (TURN_EVENTS_MAX + 1),
        ],
        ids=["an event", "a turn", "too many events"],
    )
    @pytest.mark.guarantee("back-pressure")
    def test_what_is_too_large_is_refused(self, tape: TapeWriter, drafts: list[Draft]) -> None:
        tape.enlist("p", 0)

        assert [code(a) for a in say(tape, turn(-1, 0, *drafts))] == ["message_too_large"]
        assert tape.head == 0

    def test_a_turn_without_events_is_refused(self, tape: TapeWriter) -> None:
        tape.enlist("p", 0)
        empty = Append("p", 1, -1, 0, "logged", ())

        assert [code(a) for a in say(tape, empty)] == ["message_too_large"]


class TestTime:
    """``at_us`` orders like seq, whatever the clock does."""

    @pytest.mark.guarantee("clock")
    def test_recorded_time_never_goes_back_when_the_clock_does(
        self, path: Path, tape: TapeWriter, reader: TapeReader
    ) -> None:
        tape.enlist("p", 0)
        clock = [NOON, NOON - 3_600_000_000, NOON, NOON + 86_400_000_000, NOON + 1]
        for number, now_us in enumerate(clock):
            say(tape, turn(number - 1, number), now_us=now_us)

        day_on = NOON + 86_400_000_000
        assert [r.at_us for r in reader.read(0, 10)] == [NOON, NOON, NOON, day_on, day_on]

    @pytest.mark.guarantee("clock")
    def test_recorded_time_does_not_go_back_over_a_restart_either(self, path: Path) -> None:
        with closing(TapeWriter(path)) as tape:
            fill(tape, 1)
        with closing(TapeWriter(path)) as tape:
            assert say(tape, turn(0, 1), now_us=5) == [Appended(1, 2, 2, NOON, "logged")]

    @pytest.mark.guarantee("clock")
    @given(steps_us=st.lists(st.integers(-90_000_000_000, 90_000_000_000), max_size=12))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_recorded_time_is_the_latest_that_any_clock_ever_showed(
        self, tape: TapeWriter, reader: TapeReader, steps_us: list[int]
    ) -> None:
        epoch, head = tape.enlist("p", 0).epoch, tape.head
        shown = [NOON, *(NOON + sum(steps_us[:number]) for number in range(len(steps_us)))]
        latest = [max(tape.at_us, *shown[: number + 1]) for number in range(len(shown))]
        for now_us in shown:
            mark = tape.marks["p"].mark
            say(tape, turn(mark, mark + 1, epoch=epoch), now_us=now_us)

        assert [r.at_us for r in reader.read(head, 100)] == latest

    @pytest.fixture
    def timed(self, tape: TapeWriter) -> list[int]:
        """The instants of a tape on which some come several times and some never."""
        tape.enlist("p", 0)
        times = [3, 3, 3, 4, 7, 8, 8, 12, 12, 13, 20, 20, 21]
        for number, at_us in enumerate(times):
            say(tape, turn(number - 1, number), now_us=at_us)
        return times

    @given(asked=st.integers(-1, 25))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_an_instant_is_the_last_seq_at_or_before_it(
        self, reader: TapeReader, timed: list[int], asked: int
    ) -> None:
        assert reader.seq_at(asked) == sum(at_us <= asked for at_us in timed)


class TestReading:
    """Pages by position."""

    def test_pages_hold_no_more_than_asked_for_and_follow_one_another(
        self, tape: TapeWriter, reader: TapeReader
    ) -> None:
        fill(tape, 10)
        pages = [reader.read(after, 4) for after in (0, 4, 8, 10)]

        assert [[r.seq for r in page] for page in pages] == [
            [1, 2, 3, 4],
            [5, 6, 7, 8],
            [9, 10],
            [],
        ]

    def test_a_page_is_bounded_in_bytes_and_goes_on_with_the_next(
        self, tape: TapeWriter, reader: TapeReader
    ) -> None:
        tape.enlist("p", 0)
        for number in range(12):
            say(tape, turn(number - 1, number, draft(body=bytes(1_000_000))))
        first = reader.read(0, 1_000)

        assert sum(len(r.body) for r in first) <= PAGE_BYTES_MAX + BODY_BYTES_MAX
        assert len(first) < 12
        assert reader.read(len(first), 1_000)[0].seq == len(first) + 1

    def test_single_records_are_found_by_their_seqs_however_large_they_are(
        self, tape: TapeWriter, reader: TapeReader
    ) -> None:
        tape.enlist("p", 0)
        for number in range(12):
            say(tape, turn(number - 1, number, draft(body=bytes(1_000_000))))

        assert [r.seq for r in reader.get([12, 3, 99, 7])] == [3, 7, 12]
        assert [r.seq for r in reader.get(range(1, 13))] == list(range(1, 13))
        assert reader.get([]) == []

    def test_head_and_first_are_told(self, tape: TapeWriter, reader: TapeReader) -> None:
        assert (reader.first(), reader.head(), reader.seq_at(NOON)) == (1, 0, 0)
        fill(tape, 3)
        assert (reader.first(), reader.head(), reader.seq_at(NOON)) == (1, 3, 3)

    def test_a_reader_sees_a_turn_as_soon_as_it_is_acknowledged(
        self, tape: TapeWriter, reader: TapeReader
    ) -> None:
        tape.enlist("p", 0)
        for number in range(50):
            say(tape, turn(number - 1, number))
            assert [r.seq for r in reader.read(number, 10)] == [number + 1]

    @pytest.mark.guarantee("slow-consumers")
    def test_readers_leave_the_writer_free_to_keep_its_log_short(
        self, tape: TapeWriter, path: Path
    ) -> None:
        tape.enlist("p", 0)
        reader = TapeReader(path)
        body = draft(body=bytes(20_000))
        for number in range(600):
            say(tape, turn(number - 1, number, body))
            reader.read(max(0, number - 3), 10)
            if number % 100 == 0:
                tape.rest()
        log = path.with_name("tape.db-wal").stat().st_size
        reader.close()

        # 100 turns have 2.4 MB; with a reader that stays the log grows to 14 MB.
        assert log < 6_000_000

    @pytest.mark.guarantee("torn-writes")
    def test_at_rest_all_that_was_said_lies_in_the_file_itself(
        self, tape: TapeWriter, path: Path
    ) -> None:
        fill(tape, 3)
        tape.rest()
        say(tape, turn(2, 3))
        before = seqs_in_file(path)
        tape.rest()

        assert (before, seqs_in_file(path)) == ([1, 2, 3], [1, 2, 3, 4])

    def test_a_log_is_written_back_as_soon_as_no_reader_needs_the_file_as_it_was(
        self, tape: TapeWriter, path: Path
    ) -> None:
        fill(tape, 1)
        with closing(connect_to_read(path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT seq FROM event").fetchall()
            say(tape, turn(0, 1))
            tape.rest()
        tape.rest()

        assert seqs_in_file(path) == [1, 2]

    @pytest.mark.guarantee("disk-full")
    def test_a_log_that_a_reader_made_long_is_given_back_to_the_disk_once_it_is_written(
        self, tape: TapeWriter, path: Path
    ) -> None:
        fill(tape, 1)
        with closing(connect_to_read(path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT seq FROM event").fetchall()
            for number in range(80):
                say(tape, turn(number, number + 1, draft(body=bytes(1_000_000))))
        grown = log_bytes(path)
        tape.rest()
        say(tape, turn(80, 81))

        assert grown > LOG_BYTES_KEPT >= log_bytes(path)

    def test_a_reader_cannot_write(self, reader: TapeReader) -> None:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._db.execute("DELETE FROM event")

    def test_a_tape_that_is_not_there_is_told_with_the_remedy(self, tmp_path: Path) -> None:
        with pytest.raises(StorageFailed, match="make run"):
            TapeReader(tmp_path / "none.db")


class TestOpening:
    """What may lie where the tape should."""

    @pytest.mark.parametrize(
        "spoil",
        [
            "UPDATE meta SET value = '3' WHERE name = 'format'",
            "DELETE FROM meta",
            "DROP TABLE meta",
            "",
        ],
        ids=["newer", "no format", "no meta", "no database"],
    )
    def test_a_file_that_is_refused_is_let_go_of(self, path: Path, spoil: str) -> None:
        TapeWriter(path).close()
        if spoil:
            alter(path, spoil)
        else:
            path.write_bytes(b"no database " * 1_000)
        for opened in (TapeReader, TapeWriter):
            with pytest.raises((TapeDamaged, StorageFailed)):
                opened(path)

            links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
            assert [link for link in links if str(path) in str(link.readlink())] == []

    def test_a_tape_of_a_later_version_is_refused(self, path: Path) -> None:
        TapeWriter(path).close()
        alter(path, "UPDATE meta SET value = '3' WHERE name = 'format'")

        with pytest.raises(TapeDamaged, match="run the newer Tapedeck"):
            TapeWriter(path)

    def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(self, path: Path) -> None:
        text = b"this is a letter to my aunt\n" * 1_000
        path.write_bytes(text)

        with pytest.raises(TapeDamaged, match="is no tape"):
            TapeWriter(path)
        assert path.read_bytes() == text

    def test_a_database_of_another_program_is_refused_and_left_as_it_is(self, path: Path) -> None:
        alter(path, "CREATE TABLE recipe (name TEXT)")
        before = path.read_bytes()

        with pytest.raises(TapeDamaged, match="holds other tables"):
            TapeWriter(path)
        assert path.read_bytes() == before

    def test_an_empty_file_becomes_a_tape(self, path: Path) -> None:
        path.touch()
        with closing(TapeWriter(path)) as tape:
            assert tape.head == 0

    @pytest.mark.guarantee("crash-points")
    def test_a_process_that_died_while_it_made_the_tape_does_no_harm(self, path: Path) -> None:
        alter(path, "PRAGMA journal_mode = WAL")
        assert path.stat().st_size > 0

        with closing(TapeWriter(path)) as tape:
            assert tape.head == 0

    # That of an empty file: there is nothing to put back (sqlite.org/fileformat.html, section 3).
    JOURNAL = bytes.fromhex("d9d505f920a163d7") + struct.pack(">5I", 0, 1, 0, 512, 4_096)

    @pytest.mark.guarantee("crash-points")
    def test_a_process_that_died_with_the_journal_of_making_the_tape_does_no_harm(
        self, path: Path
    ) -> None:
        alter(path, "PRAGMA journal_mode = WAL")
        path.with_name("tape.db-journal").write_bytes(self.JOURNAL.ljust(512, b"\0"))

        with closing(TapeWriter(path)) as tape:
            fill(tape, 3)
        with closing(TapeWriter(path)) as tape:
            assert tape.head == 3

    @pytest.mark.guarantee("torn-writes")
    def test_no_journal_rolls_a_tape_back_that_was_acknowledged(self, path: Path) -> None:
        with closing(TapeWriter(path)) as tape:
            fill(tape, 3)
        whole = path.read_bytes()
        path.with_name("tape.db-journal").write_bytes(self.JOURNAL.ljust(512, b"\0"))

        with pytest.raises(TapeDamaged, match="though all up to seq 3 was kept"):
            TapeWriter(path)
        assert path.read_bytes() == whole

    def test_a_folder_that_is_not_there_is_told_with_the_remedy(self, tmp_path: Path) -> None:
        with pytest.raises(StorageFailed, match="check that the folder exists"):
            TapeWriter(tmp_path / "none" / "tape.db")

    def test_a_long_tail_of_large_events_is_read_at_the_start_and_no_damage(
        self, path: Path
    ) -> None:
        with closing(TapeWriter(path)) as tape:
            tape.enlist("p", 0)
            for number in range(8):
                say(tape, turn(number - 1, number, draft(body=bytes(900_000))))

        with closing(TapeWriter(path)) as tape:
            assert tape.head == 8
        alter(path, "UPDATE event SET crc = crc + 1 WHERE seq = 8")
        with pytest.raises(TapeDamaged, match="seq 8 does not match its checksum"):
            TapeWriter(path)


class Crashed:
    """The two files that a dead process leaves (its repr does not show them)."""

    def __init__(self, main: bytes, log: bytes) -> None:
        self.main = main
        self.log = log


class TestDamage:
    """Bits rot and rows go missing: it is told, and nothing false is read."""

    @pytest.fixture
    def written(self, path: Path) -> Path:
        with closing(TapeWriter(path)) as tape:
            tape.enlist("p", 0)
            say(tape, *(turn(n - 1, n, draft(f"test.said.K{n % 3}", n)) for n in range(20)))
        return path

    @pytest.mark.parametrize(
        "change",
        [
            "subject = 'test.said.K9'",
            "at_us = at_us + 1",
            "prev = prev + 1",
            "producer = 'q'",
            "heard = heard + 1",
            "version = 2",
            "body = X'07'",
            "body = CAST(body AS TEXT)",
            "crc = crc + 1",
            "seq = 4711",
        ],
    )
    @pytest.mark.guarantee("bit-rot")
    def test_a_change_in_any_column_is_found_by_reader_and_writer(
        self, written: Path, change: str
    ) -> None:
        alter(written, f"UPDATE event SET {change} WHERE seq = 12")  # noqa: S608

        with closing(TapeReader(written)) as reader:
            assert [r.seq for r in reader.read(0, 11)] == list(range(1, 12))
            with pytest.raises(TapeDamaged, match=r"seq (12|4711) "):
                reader.read(11, 5)
            with pytest.raises(TapeDamaged):
                reader.get([12, 4711])
        with pytest.raises(TapeDamaged):
            TapeWriter(written)

    @pytest.mark.guarantee("bit-rot")
    def test_an_instant_is_not_looked_for_in_rows_that_are_damaged(self, written: Path) -> None:
        alter(written, "UPDATE event SET at_us = at_us + 1 WHERE seq BETWEEN 5 AND 15")

        with (
            closing(TapeReader(written)) as reader,
            pytest.raises(TapeDamaged, match="does not match its checksum"),
        ):
            reader.seq_at(NOON)

    @pytest.mark.guarantee("bit-rot")
    def test_a_head_that_is_another_subjects_is_not_its_last(self, written: Path) -> None:
        with closing(TapeReader(written)) as reader:
            assert (reader.last("test.said.K1"), reader.last("test.said.K9")) == (20, 0)
            alter(written, "UPDATE head SET seq = 18 WHERE subject = 'test.said.K0'")
            for subject in ("test.said.K0", "test.said.K9"):
                with pytest.raises(TapeDamaged, match=r"the head of test\.said\.K0"):
                    reader.last(subject)

    @pytest.mark.guarantee("bit-rot")
    def test_of_a_table_of_heads_that_is_damaged_or_older_nothing_is_the_last(
        self, written: Path
    ) -> None:
        whole = written.read_bytes()
        page = alter(written, "SELECT rootpage FROM sqlite_master WHERE name = 'head'")
        for change in ("hidden", "older"):
            if change == "hidden":
                data = bytearray(whole)
                data[(page - 1) * 4_096 + 4] -= 1  # sqlite.org/fileformat.html#b_tree_pages
                written.write_bytes(data)
            else:
                written.write_bytes(whole)
                alter(written, "DELETE FROM event WHERE seq > 15", "DELETE FROM head")
            with closing(TapeReader(written)) as reader, pytest.raises(TapeDamaged):
                reader.last("test.said.K2")

    @pytest.mark.guarantee("bit-rot")
    def test_a_page_whose_rows_are_not_in_order_is_not_read(self, written: Path) -> None:
        data = bytearray(written.read_bytes())
        page = alter(written, "SELECT rootpage FROM sqlite_master WHERE name = 'event'")
        cells = (page - 1) * 4_096 + 8  # sqlite.org/fileformat.html#b_tree_pages: two bytes each
        data[cells + 8 : cells + 12] = data[cells + 10 : cells + 12] + data[cells + 8 : cells + 10]
        written.write_bytes(data)

        with (
            closing(TapeReader(written)) as reader,
            pytest.raises(TapeDamaged, match="seq 5 is not on the tape"),
        ):
            reader.read(0, 10)

    @pytest.mark.guarantee("bit-rot")
    def test_a_last_row_that_says_another_seq_is_no_head(self, written: Path) -> None:
        alter(written, "UPDATE event SET seq = 4711 WHERE seq = 20")

        with (
            closing(TapeReader(written)) as reader,
            pytest.raises(TapeDamaged, match="seq 4711 does not match its checksum"),
        ):
            reader.head()

    @pytest.mark.guarantee("bit-rot")
    @pytest.mark.parametrize("lost", ["seq > 15", "seq = 18"])
    def test_a_single_record_that_was_lost_is_missed(self, written: Path, lost: str) -> None:
        alter(written, f"DELETE FROM event WHERE {lost}")  # noqa: S608

        with closing(TapeReader(written)) as reader:
            assert [r.seq for r in reader.get([3, 12])] == [3, 12]
            with pytest.raises(TapeDamaged, match=r"seq 18 is not|ends at seq 15, though"):
                reader.get([3, 18])

    @pytest.mark.guarantee("torn-writes")
    def test_an_end_that_was_lost_is_no_head(self, written: Path) -> None:
        alter(written, "DELETE FROM event WHERE seq > 15")

        with closing(TapeReader(written)) as reader:
            for ask in (reader.head, lambda: reader.seq_at(NOON)):
                with pytest.raises(TapeDamaged, match="ends at seq 15, though all up to seq 20"):
                    ask()

    @pytest.mark.guarantee("bit-rot")
    def test_a_missing_row_is_found_and_named(self, written: Path) -> None:
        alter(written, "DELETE FROM event WHERE seq = 7")

        with closing(TapeReader(written)) as reader:
            for after, limit in ((0, 20), (5, 10), (6, 10)):
                with pytest.raises(TapeDamaged, match="seq 7 is not on the tape"):
                    reader.read(after, limit)
        with pytest.raises(TapeDamaged, match="seq 7 is not on the tape"):
            TapeWriter(written)

    @pytest.mark.guarantee("bit-rot")
    def test_a_missing_beginning_is_found(self, written: Path) -> None:
        alter(written, "DELETE FROM event WHERE seq <= 3")

        with (
            closing(TapeReader(written)) as reader,
            pytest.raises(TapeDamaged, match="seq 1 is not"),
        ):
            reader.read(0, 10)

    @pytest.mark.guarantee("bit-rot")
    def test_a_missing_end_is_found_at_the_start(self, written: Path) -> None:
        alter(written, "DELETE FROM event WHERE seq > 15")

        with pytest.raises(TapeDamaged, match="ends at seq 15, its table of heads at 20"):
            TapeWriter(written)

    @pytest.mark.guarantee("bit-rot")
    @pytest.mark.parametrize(
        ("change", "found"),
        [
            ("UPDATE head SET seq = 3 WHERE subject = 'test.said.K1'", "ends at seq 20|head of"),
            ("UPDATE head SET subject = 'test.said.K7' WHERE subject = 'test.said.K0'", "head of"),
            ("UPDATE mark SET mark = mark - 1", "mark of p"),
            ("UPDATE mark SET last = last - 1", "mark of p"),
            ("UPDATE mark SET producer = 'q'", "mark of p"),
            ("UPDATE mark SET mark = -1", "mark of p"),
            ("DELETE FROM mark", "mark of p"),
            ("UPDATE head SET seq = 5 WHERE subject = 'test.said.K2'", "ends at seq 20|head of"),
            ("UPDATE head SET seq = 16 WHERE subject = 'test.said.K0'", "head of"),
            ("DELETE FROM head WHERE subject = 'test.said.K0'", "head of"),
            ("DELETE FROM meta WHERE name = 'tape_id'", "has no tape_id"),
        ],
    )
    def test_a_false_head_or_mark_is_found_at_the_start(
        self, written: Path, change: str, found: str
    ) -> None:
        alter(written, change)

        with pytest.raises(TapeDamaged, match=found):
            TapeWriter(written)

    @pytest.mark.guarantee("bit-rot")
    @pytest.mark.parametrize(
        "change", ["first = first + 1", "last = last - 1", "first = first - 1"]
    )
    def test_a_mark_that_names_a_part_of_its_turn_is_found_at_the_start(
        self, path: Path, change: str
    ) -> None:
        with closing(TapeWriter(path)) as tape:
            fill(tape, 3)
            say(tape, turn(2, 3, draft(), draft(), draft()))
        alter(path, f"UPDATE mark SET {change}")  # noqa: S608

        with pytest.raises(TapeDamaged, match="mark of p"):
            TapeWriter(path)

    @pytest.mark.guarantee("bit-rot")
    @pytest.mark.parametrize(("table", "count"), [("head", 1), ("mark", 1), ("meta", 3)])
    def test_a_row_that_a_flipped_bit_hides_or_makes_up_is_found_at_the_start(
        self, path: Path, table: str, count: int
    ) -> None:
        with closing(TapeWriter(path)) as tape:
            tape.enlist("z", 0)
            say(tape, turn(-1, 0, draft("test.said.Z"), producer="z"))
            fill(tape, TAIL_CHECKED)
        page = alter(path, f"SELECT rootpage FROM sqlite_master WHERE name = '{table}'")  # noqa: S608
        data = bytearray(path.read_bytes())
        data[(page - 1) * 4_096 + 4] = count  # sqlite.org/fileformat.html#b_tree_pages
        path.write_bytes(data)

        with pytest.raises(TapeDamaged, match=f"the table {table} of .* is damaged"):
            TapeWriter(path)

    @pytest.mark.guarantee("bit-rot")
    def test_a_damage_before_the_checked_tail_does_not_stop_the_start_and_is_found_when_read(
        self, path: Path
    ) -> None:
        with closing(TapeWriter(path)) as tape:
            fill(tape, TAIL_CHECKED + 10)
        alter(path, "UPDATE event SET body = X'07' WHERE seq = 5")

        with closing(TapeWriter(path)) as tape, closing(TapeReader(path)) as reader:
            assert tape.head == TAIL_CHECKED + 10
            with pytest.raises(TapeDamaged, match="seq 5 does not match its checksum"):
                reader.read(0, 100)

    @given(place=st.integers(min_value=0))
    @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @pytest.mark.guarantee("bit-rot")
    def test_a_flipped_bit_anywhere_in_the_file_is_found_or_changes_nothing(
        self, written: Path, place: int
    ) -> None:
        sound = written.read_bytes()
        truth = listened(written), opened(written)
        damaged = bytearray(sound)
        damaged[place // 8 % len(sound)] ^= 1 << place % 8
        try:
            written.write_bytes(damaged)
            heard = listened(written)
            remove_beside(written)
            written.write_bytes(damaged)
            known = opened(written)
        finally:
            remove_beside(written)
            written.write_bytes(sound)
        assert heard in (truth[0], "refused")
        assert known in (truth[1], "refused")

    @pytest.fixture
    def crashed(self, path: Path) -> Crashed:
        """The file and the log of a process that died after eight turns of two events."""
        tape = TapeWriter(path)
        tape.enlist("p", 0)
        pair = draft("test.said.A"), draft("test.said.B")
        for number in range(8):
            say(tape, turn(number - 1, number, *pair))
        main, log = path.read_bytes(), path.with_name("tape.db-wal").read_bytes()
        tape.close()
        remove_beside(path)
        witness_of(path).unlink()
        return Crashed(main, log)

    @given(place=st.floats(0, 1))
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @pytest.mark.guarantee("torn-writes")
    def test_a_log_cut_off_anywhere_leaves_whole_turns_and_nothing_else(
        self, path: Path, crashed: Crashed, place: float
    ) -> None:
        main, log = crashed.main, crashed.log
        path.write_bytes(main)
        path.with_name("tape.db-wal").write_bytes(log[: round(place * len(log))])
        try:
            with closing(TapeWriter(path)) as survivor:
                known = survivor.marks.get("p")
                assert survivor.head == 2 * (known.mark + 1 if known else 0)
        finally:
            remove_beside(path)
            witness_of(path).unlink(missing_ok=True)

    @given(place=st.floats(0, 1), flip=st.booleans())
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @pytest.mark.guarantee("torn-writes")
    def test_a_log_that_lost_what_was_acknowledged_is_refused_and_left_as_it_is(
        self, path: Path, crashed: Crashed, place: float, flip: bool
    ) -> None:
        main, log = crashed.main, crashed.log
        spoilt = bytearray(log if flip else log[: round(place * (len(log) - 1))])
        if flip:
            spoilt[round(place * (len(log) - 1))] ^= 1
        path.write_bytes(main)
        path.with_name("tape.db-wal").write_bytes(spoilt)
        with closing(Witness(witness_of(path), 0, boot_id())) as witness:
            witness.tell(16, b"?" * 16, synced=False)
        try:
            with pytest.raises(TapeDamaged):
                TapeWriter(path)
            assert path.read_bytes() == main
            assert path.with_name("tape.db-wal").read_bytes() == spoilt
        finally:
            remove_beside(path)
            witness_of(path).unlink(missing_ok=True)

    @pytest.mark.guarantee("bit-rot")
    def test_a_row_forged_with_its_checksum_is_found_by_the_seal(self, written: Path) -> None:
        with closing(TapeReader(written)) as reader:
            [record] = reader.get([5])
        forged = record._replace(body=b"\x81\xa1x\x01")
        alter(
            written,
            f"UPDATE event SET body = x'81a17801', crc = {checksum(forged)} WHERE seq = 5",  # noqa: S608
        )
        with pytest.raises(TapeDamaged, match=r"the seal at seq 20 .* is false"):
            TapeWriter(written)

    @pytest.mark.guarantee("regress")
    def test_an_older_copy_put_in_the_tapes_place_is_refused_at_the_start(
        self, written: Path
    ) -> None:
        older = written.read_bytes()
        with closing(TapeWriter(written)) as tape:
            say(tape, turn(19, 20))
        remove_beside(written)
        written.write_bytes(older)
        with pytest.raises(TapeDamaged, match="its end was lost, or it is an older copy"):
            TapeWriter(written)

    @pytest.mark.guarantee("acks")
    def test_after_a_loss_of_power_only_what_was_synced_is_demanded(self, written: Path) -> None:
        with closing(TapeReader(written)) as reader:
            head = reader.head()
        with closing(Witness(witness_of(written), head, "another boot")) as witness:
            witness.tell(head + 5, b"?" * 16, synced=False)
            witness.tell(head + 6, b"?" * 16, synced=False)
        with closing(TapeWriter(written)) as tape:
            assert tape.head == head
        with closing(Witness(witness_of(written), head + 1, "another boot")) as witness:
            witness.tell(head + 5, b"?" * 16, synced=False)
            witness.tell(head + 6, b"?" * 16, synced=False)
        with pytest.raises(TapeDamaged, match=f"though all up to seq {head + 1} was kept"):
            TapeWriter(written)

    @pytest.mark.guarantee("acks")
    def test_a_witness_of_what_was_lost_with_the_power_does_not_refuse_what_came_in_its_place(
        self, written: Path
    ) -> None:
        with closing(TapeReader(written)) as reader:
            head = reader.head()
        with closing(Witness(witness_of(written), head - 2, "another boot")) as witness:
            witness.tell(head, b"?" * 16, synced=False)
            witness.tell(head, b"?" * 16, synced=False)
        with closing(TapeWriter(written)) as tape:
            assert tape.head == head

    @pytest.mark.guarantee("regress")
    def test_another_history_of_the_same_length_is_refused(self, written: Path) -> None:
        with closing(TapeReader(written)) as reader:
            head = reader.head()
        with closing(Witness(witness_of(written), 0, boot_id())) as witness:
            witness.tell(head, b"?" * 16, synced=False)
            witness.tell(head, b"?" * 16, synced=False)
        with pytest.raises(TapeDamaged, match="is not the one that was acknowledged"):
            TapeWriter(written)


class TestTheDisk:
    """What happens when it refuses."""

    @pytest.mark.guarantee("disk-full")
    def test_a_full_disk_refuses_the_turn_whole_and_reading_and_later_appending_go_on(
        self,
        tape: TapeWriter,
        reader: TapeReader,
        path: Path,
        full_disk: Callable[[int], None],
    ) -> None:
        fill(tape, 3)
        large = turn(2, 3, draft(body=bytes(500_000)), draft("test.said.B"))
        full_disk(log_bytes(path) + 100_000)
        with pytest.raises(StorageFailed, match="appending resumes by itself"):
            say(tape, large)
        full_disk(-1)

        assert (tape.head, tape.marks["p"].mark, set(tape.heads)) == (3, 2, {"test.said.A"})
        assert [r.seq for r in reader.read(0, 10)] == [1, 2, 3]
        assert say(tape, large) == [Appended(3, 4, 5, NOON, "logged")]
        assert [r.seq for r in reader.read(3, 10)] == [4, 5]

    @pytest.mark.guarantee("disk-full")
    def test_what_the_witness_could_not_be_told_is_acknowledged_and_goes_live_once_it_was(
        self, tape: TapeWriter, path: Path
    ) -> None:
        fill(tape, 3)
        before = read_witness(witness_of(path))
        with full_witness(tape):
            for again in ([turn(2, 3)], [turn(2, 3), turn(3, 4)], [turn(2, 3), turn(3, 4)]):
                with pytest.raises(StorageFailed, match="No space left"):
                    tape.append(again, NOON)
        assert read_witness(witness_of(path)) == before
        committed = tape.append([turn(3, 4)], NOON)

        assert committed.answers == [Appended(4, 5, 5, NOON, "logged")]
        frames = [decode_live(frame) for frame in committed.frames]
        assert [frame.seq for frame in frames if isinstance(frame, Record)] == [4, 5]
        assert tape.append([turn(3, 4)], NOON).frames == []
        told = read_witness(witness_of(path))
        assert told is not None
        assert (told.head, tape.head) == (5, 5)

    @pytest.mark.guarantee("disk-full")
    def test_a_log_that_a_full_disk_does_not_let_be_written_back_is_whole_and_is_tried_again(
        self, tape: TapeWriter, reader: TapeReader, path: Path, full_disk: Callable[[int], None]
    ) -> None:
        fill(tape, 3)
        full_disk(path.stat().st_size)
        with pytest.raises(StorageFailed, match="is whole and cannot be written back"):
            tape.rest()
        assert [r.seq for r in reader.read(0, 10)] == [1, 2, 3]
        full_disk(-1)
        tape.rest()

        assert seqs_in_file(path) == [1, 2, 3]

    @pytest.mark.guarantee("disk-full")
    def test_a_full_disk_gives_no_new_epoch_and_forgets_none(
        self, tape: TapeWriter, full_disk: Callable[[int], None]
    ) -> None:
        full_disk(0)
        with pytest.raises(StorageFailed):
            tape.enlist("p", 0)
        full_disk(-1)

        assert tape.marks == {}
        assert tape.enlist("p", 0).epoch == 1


def alter(path: Path, *statements: str) -> Any:
    """Change the file behind the tape's back; gives the first value of what was asked last."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        row = [db.execute(statement).fetchone() for statement in statements][-1]
    return row and row[0]


@contextmanager
def full_witness(tape: TapeWriter) -> Iterator[None]:
    """The disk has no room for a word of the witness, and for everything else."""
    place, full = tape._witness._file, os.open("/dev/full", os.O_WRONLY)
    kept = os.dup(place)
    os.dup2(full, place)
    yield
    os.dup2(kept, place)
    for file in (kept, full):
        os.close(file)


def listened(path: Path) -> Any:
    """What a listener hears that the bus told of 20 events, or "refused"."""
    follower = Follower()
    follower.told("t", 20)
    try:
        with closing(TapeReader(path)) as reader:
            return follower.take(reader, 100)
    except BusError:
        return "refused"


def opened(path: Path) -> Any:
    """What the bus knows when it starts, or "refused"; an epoch of another number fences loudly."""
    try:
        with closing(TapeWriter(path)) as tape:
            marks = {name: mark._replace(epoch=0) for name, mark in tape.marks.items()}
            return tape.head, tape.at_us, tape.heads, marks
    except BusError:
        return "refused"


def remove_beside(path: Path) -> None:
    """Remove SQLite's log and index of the file."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def seqs_in_file(path: Path) -> list[int]:
    """What lies in the file itself, whatever is in the log beside it."""
    uri = f"{path.as_uri()}?immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        return [seq for (seq,) in db.execute("SELECT seq FROM event ORDER BY seq")]


def log_bytes(path: Path) -> int:
    """How long SQLite's log of the file is."""
    return path.with_name(path.name + "-wal").stat().st_size
