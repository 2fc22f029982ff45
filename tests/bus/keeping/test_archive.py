"""An archived prefix and the rest are the whole tape; what is gone is told, and can be attached."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.actor import Refused
from bus.codec import Append, AppendRefused, Draft
from bus.errors import BusError, StorageFailed, TapeDamaged, Truncated
from bus.follower import Follower
from bus.keeping.archive import archives_of, check_archive, manifest_of, read_header, read_manifest
from bus.keeping.archives import check_archives, known_archives
from bus.keeping.attaching import attach, detach
from bus.keeping.backup import back_up
from bus.keeping.cutting import cut, planned_cut
from bus.keeping.inspection import Finding
from bus.keeping.quarantine import quarantine
from bus.keeping.restore import offer, restore
from bus.keeping.verify import inspect
from bus.reading import TapeReader
from bus.tape import TapeWriter
from bus.tapefile import files_of
from bus.witness import witness_of
from tests.bus.keeping.dying import NOON_SECONDS, deaths, states_of
from tests.bus.tapes import INDEX_BYTES, STEP_US, alter, everything, made, read_all, rows, write

KINDS = st.lists(
    st.tuples(st.sampled_from("pq"), st.lists(st.sampled_from("ABC"), min_size=1, max_size=3)),
    min_size=2,
    max_size=12,
)


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """A tape of ten events, two a commit, with one subject that was spoken of only at first."""
    with closing(TapeWriter(tmp_path / "tape.db")) as writer:
        write(writer, 1, "starter", ("once.said.X", "once.said.Y"))
        write(writer, 4)
    return tmp_path / "tape.db"


def archived(tape: Path, before_us: int) -> Path:
    """Archive what was recorded before the instant; gives the archive."""
    header = planned_cut(tape, before_us)
    assert header is not None
    return Path(cut(tape, header).archive)


def reader_of(tape: Path) -> closing[TapeReader]:
    return closing(TapeReader(tape))


def answers(tape: Path) -> list[object]:
    """What a reader is told when it asks for one thing after another, and what a writer knows."""
    asked: list[Callable[[TapeReader], object]] = [
        lambda reader: heard(reader, 6),
        lambda reader: heard(reader, 0),
        lambda reader: reader.get([1, 2, 5, 6, 7]),
        lambda reader: reader.get([3]),
        lambda reader: [reader.seq_at(at * STEP_US) for at in (5, 6, 7, 9, 12)],
        lambda reader: reader.seq_at(4 * STEP_US),
        lambda reader: (reader.first(), reader.head(), reader.last("once.said.X")),
    ]
    told = [answered(partial(asking, tape, ask)) for ask in asked]
    return [*told, answered(partial(opened, tape))]


def heard(tape: TapeReader, cursor: int) -> object:
    """What a listener takes that the bus told of ten events."""
    follower = Follower(cursor)
    follower.told("t", 10)
    return follower.take(tape, 10)


def answered(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except Truncated as told:
        return ("truncated", told.first)
    except BusError:
        return "refused"


def asking(tape: Path, ask: Callable[[TapeReader], object]) -> object:
    with reader_of(tape) as reader:
        return ask(reader)


def opened(tape: Path) -> object:
    with closing(TapeWriter(tape)) as writer:
        marks = {name: mark._replace(epoch=0) for name, mark in writer.marks.items()}
        return (writer.head, writer.at_us, writer.heads, marks)


class TestTheLaw:
    """Whatever was said, wherever it is cut."""

    @given(turns=KINDS, place=st.floats(0, 1))
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @pytest.mark.guarantee("archive")
    def test_the_archive_and_the_rest_are_the_whole(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        turns: list[tuple[str, list[str]]],
        place: float,
    ) -> None:
        tape = tmp_path_factory.mktemp("home") / "tape.db"
        with closing(TapeWriter(tape)) as writer:
            for producer, keys in turns:
                subjects = tuple(f"test.said.{key}" for key in keys)
                write(writer, 1, producer, subjects, body=writer.head)
        whole = everything(tape)
        heads, marks = rows(tape, "head"), rows(tape, "mark")
        before_us = round(place * (whole[-1].at_us + STEP_US))
        header = planned_cut(tape, before_us)
        if header is None:
            assert all(r.at_us >= before_us for r in whole[: -len(turns[-1][1])])
            return
        archive = Path(cut(tape, header).archive)

        assert all(record.at_us < before_us for record in whole[: header.last])
        assert everything(tape, header.last) == whole[header.last :]
        assert (rows(tape, "head"), rows(tape, "mark")) == (heads, marks)
        assert inspect(tape).findings == ()
        last_words = {r.subject: r for r in whole[: header.last]}
        with reader_of(tape) as reader:
            assert reader.get(sorted(r.seq for r in last_words.values())) == sorted(
                last_words.values()
            )
        attach(tape, archive)
        assert everything(tape) == whole
        assert [found.findings for found in check_archives(tape)] == [(), ()]

    @given(cuts=st.lists(st.integers(1, 24), min_size=1, max_size=4), attached=st.integers(0, 4))
    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @pytest.mark.guarantee("archive")
    def test_of_several_archives_those_attached_without_a_hole_are_read(
        self, tmp_path_factory: pytest.TempPathFactory, cuts: list[int], attached: int
    ) -> None:
        tape = tmp_path_factory.mktemp("home") / "tape.db"
        with closing(TapeWriter(tape)) as writer:
            write(writer, 12)
        whole = everything(tape)
        made = [archived(tape, at * STEP_US) for at in cuts if planned_cut(tape, at * STEP_US)]
        for archive in made[max(len(made) - attached, 0) :]:
            attach(tape, archive)
        reached = made[max(len(made) - attached, 0) :]
        with reader_of(tape) as reader:
            first = read_header(reached[0]).after if reached else reader.begins().after
            assert reader.first() == first + 1
            assert read_all(reader, first) == whole[first:]
            if first:
                with pytest.raises(Truncated, match=f"from seq {first + 1} on"):
                    reader.read(first - 1, 10)
        assert [known.joined for known in known_archives(tape).archives] == [True] * len(made)
        assert known_archives(tape).missing_to == 0


class TestWhatIsCut:
    """Whole commits before the instant, and never the last one."""

    def test_what_was_recorded_at_the_instant_stays(self, tape: Path) -> None:
        header = planned_cut(tape, 5 * STEP_US)
        later = planned_cut(tape, 5 * STEP_US + 1)

        assert (header and header.last, later and later.last) == (4, 6)

    def test_the_last_commit_stays_on_the_tape(self, tape: Path) -> None:
        archived(tape, 1 << 60)

        assert [record.seq for record in everything(tape, 8)] == [9, 10]
        assert planned_cut(tape, 1 << 60) is None

    @pytest.mark.parametrize("before_us", [0, STEP_US])
    def test_before_the_first_event_there_is_nothing(self, tape: Path, before_us: int) -> None:
        assert planned_cut(tape, before_us) is None

    def test_the_archive_is_named_after_its_seqs_and_hashed(self, tape: Path) -> None:
        first, second = archived(tape, 5 * STEP_US), archived(tape, 8 * STEP_US)
        manifest = read_manifest(second)

        assert (first.name, second.name) == ("tape-1-4.xz", "tape-5-8.xz")
        assert manifest is not None
        assert (manifest.first, manifest.last, manifest.events) == (5, 8, 4)
        assert manifest.bytes == second.stat().st_size
        assert read_header(second).seal_before == read_header(first).seal

    def test_a_vacuum_makes_the_file_smaller(self, tmp_path: Path) -> None:
        for name in ("as it is", "smaller"):
            path = tmp_path / name / "tape.db"
            path.parent.mkdir()
            with closing(TapeWriter(path)) as writer:
                write(writer, 40, body="x" * 10_000)
            header = planned_cut(path, 60 * STEP_US)
            assert header is not None
            done = cut(path, header, vacuum=name == "smaller")
            assert (done.free_bytes == 0) == (name == "smaller")
        as_it_is, smaller = (tmp_path / n / "tape.db" for n in ("as it is", "smaller"))

        assert smaller.stat().st_size < as_it_is.stat().st_size / 2
        assert everything(smaller, 60) == everything(as_it_is, 60)


class TestATruncatedTape:
    """It is written and read on; what was archived is told."""

    @pytest.fixture
    def cut_tape(self, tape: Path) -> Path:
        """A tape that begins at seq 7; its first four events are of subjects of their own."""
        archived(tape, 6 * STEP_US)
        return tape

    @pytest.mark.guarantee("archive")
    def test_whoever_reads_before_its_beginning_is_told_where_it_begins(
        self, cut_tape: Path
    ) -> None:
        with reader_of(cut_tape) as reader:
            for ask in (
                lambda: reader.read(0, 10),
                lambda: reader.read(5, 10),
                lambda: reader.seq_at(4 * STEP_US),
                lambda: reader.get([3, 7]),
            ):
                with pytest.raises(Truncated, match="archive --attach FILE") as told:
                    ask()
                assert told.value.first == 7

    def test_from_its_beginning_on_it_is_read_as_ever(self, cut_tape: Path) -> None:
        with reader_of(cut_tape) as reader:
            assert [record.seq for record in reader.read(6, 10)] == [7, 8, 9, 10]
            assert [reader.seq_at(at * STEP_US) for at in (5, 6, 7, 9, 10)] == [6, 6, 8, 10, 10]
            assert (reader.first(), reader.head()) == (7, 10)

    @pytest.mark.guarantee("archive")
    def test_the_last_word_on_each_subject_and_the_last_turns_stay(self, cut_tape: Path) -> None:
        with reader_of(cut_tape) as reader:
            assert [record.subject for record in reader.get([1, 2, 5, 6])] == [
                "once.said.X",
                "once.said.Y",
                "market.quote.A",
                "market.quote.B",
            ]
            assert reader.last("once.said.X") == 1

    @pytest.mark.guarantee("archive")
    def test_it_is_written_on_as_if_nothing_were_gone(self, cut_tape: Path) -> None:
        with closing(TapeWriter(cut_tape)) as writer:
            draft = Draft("once.said.X", 1, msgspec.Raw(b"\x80"), 1)
            starter = writer.enlist("starter", 0)
            again = Append("starter", starter.epoch, -1, 0, "logged", (draft,))
            [repeated] = writer.append([again], 20 * STEP_US).answers
            turn = Append("starter", starter.epoch, 0, 11, "logged", (draft,))
            writer.append([turn], 20 * STEP_US)
            write(writer, 2)
        assert not isinstance(repeated, AppendRefused)
        assert (repeated.first, repeated.last) == (1, 2)
        assert everything(cut_tape, 10)[0].prev == 1
        assert inspect(cut_tape).findings == ()
        archived(cut_tape, 1 << 60)
        with closing(TapeWriter(cut_tape)) as writer:
            assert writer.heads["once.said.Y"] == 2

    @pytest.mark.parametrize(
        ("damage", "named"),
        [
            ("UPDATE event SET body = x'00' WHERE seq = 8", "seq 8 does not match"),
            ("DELETE FROM event WHERE seq = 7", "seq 7 is not on the tape"),
            ("UPDATE event SET seal = x'00' WHERE seq = 8", "seal at seq 8"),
            ("UPDATE head SET seq = 2 WHERE subject = 'once.said.X'", "head of once.said.X"),
            ("UPDATE mark SET last = 1 WHERE producer = 'starter'", "mark of starter"),
            ("DELETE FROM kept WHERE seq = 1", "head of once.said.X"),
            ("UPDATE meta SET value = '7' || substr(value, 2) WHERE name = 'begins'", "begins is"),
            ("DELETE FROM meta WHERE name = 'begins'", "seq 1 is not on the tape"),
            ("DELETE FROM event", "ends at seq 0"),
        ],
    )
    @pytest.mark.guarantee("bit-rot")
    def test_its_damage_is_found_at_the_start_and_by_reading_it_all(
        self, cut_tape: Path, damage: str, named: str
    ) -> None:
        alter(cut_tape, damage)

        assert inspect(cut_tape).found > 0
        with pytest.raises(TapeDamaged, match=named):
            TapeWriter(cut_tape)

    @pytest.mark.guarantee("bit-rot")
    def test_what_is_kept_of_the_archived_events_is_checked_too(self, cut_tape: Path) -> None:
        alter(cut_tape, "UPDATE kept SET body = x'00' WHERE seq = 1")

        assert inspect(cut_tape).findings == (
            Finding(1, "is kept from an archived prefix, and not as it was written"),
        )
        with reader_of(cut_tape) as reader, pytest.raises(TapeDamaged, match="seq 1 does not"):
            reader.get([1])

    @given(place=st.integers(0, 8 * 45_000))
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @pytest.mark.guarantee("bit-rot")
    def test_whichever_bit_is_flipped_the_truth_is_read_or_nothing(
        self, cut_tape: Path, place: int
    ) -> None:
        sound, witness = cut_tape.read_bytes(), witness_of(cut_tape).read_bytes()
        truth = answers(cut_tape)
        damaged = bytearray(sound)
        damaged[place // 8 % len(sound)] ^= 1 << place % 8
        cut_tape.write_bytes(damaged)
        try:
            told = answers(cut_tape)
        finally:
            for file in files_of(cut_tape):
                file.unlink(missing_ok=True)
            cut_tape.write_bytes(sound)
            witness_of(cut_tape).write_bytes(witness)
        assert [
            (answer, true)
            for answer, true in zip(told, truth, strict=True)
            if answer not in (true, "refused", ("truncated", 7))
        ] == []

    def test_it_is_backed_up_and_restored_with_its_beginning(self, cut_tape: Path) -> None:
        home, whole = cut_tape.parent, everything(cut_tape, 6)
        back_up(cut_tape, home / "copy.db", NOON_SECONDS)
        restore(
            offer(home / "copy.db", cut_tape, states_of(home)),
            cut_tape,
            states_of(home),
            NOON_SECONDS,
        )
        with reader_of(cut_tape) as reader:
            assert (reader.first(), read_all(reader, 6)) == (7, whole)
            assert [record.seq for record in reader.get([1, 2])] == [1, 2]
        attach(cut_tape, archives_of(cut_tape) / "tape-1-6.xz")
        assert [record.seq for record in everything(cut_tape)] == list(range(1, 11))

    def test_a_backup_from_before_is_restored_and_archived_anew_into_the_same_file(
        self, tape: Path
    ) -> None:
        home, whole = tape.parent, everything(tape)
        back_up(tape, home / "copy.db", NOON_SECONDS)
        first = archived(tape, 6 * STEP_US)
        states = states_of(home)
        restore(offer(home / "copy.db", tape, states), tape, states, NOON_SECONDS)
        assert [known.joined for known in known_archives(tape).archives] == [False]
        assert archived(tape, 6 * STEP_US) == first
        assert [known.joined for known in known_archives(tape).archives] == [True]
        attach(tape, first)
        assert everything(tape) == whole

    @pytest.mark.parametrize(
        ("damage", "kept"),
        [
            ("UPDATE event SET body = x'00' WHERE seq = 10", [7, 8]),
            ("UPDATE kept SET body = x'00' WHERE seq = 1", [7, 8, 9, 10]),
            (
                "UPDATE meta SET value = '7' || substr(value, 2) WHERE name = 'begins'",
                [7, 8, 9, 10],
            ),
            ("DELETE FROM meta WHERE name = 'begins'", [7, 8, 9, 10]),
            ("DELETE FROM meta", [7, 8, 9, 10]),
            ("DROP TABLE meta", [7, 8, 9, 10]),
            ("DROP TABLE kept", [7, 8, 9, 10]),
        ],
    )
    def test_damaged_it_is_quarantined_and_goes_on_with_what_is_sound(
        self, cut_tape: Path, damage: str, kept: list[int]
    ) -> None:
        alter(cut_tape, damage)
        done = quarantine(cut_tape, states_of(cut_tape.parent), NOON_SECONDS)

        assert done is not None
        assert done.kept == len(kept)
        assert [record.seq for record in everything(cut_tape, 6)] == kept
        assert inspect(cut_tape).findings == ()
        with closing(TapeWriter(cut_tape)) as writer:
            write(writer, 1)


class TestAttaching:
    """What is unpacked is read as if it were on the tape."""

    @pytest.fixture
    def archive(self, tape: Path) -> Path:
        return archived(tape, 6 * STEP_US)

    @pytest.mark.guarantee("archive")
    def test_who_has_the_tape_open_reads_on_when_it_is_attached_and_not_when_it_is_detached(
        self, tape: Path, archive: Path
    ) -> None:
        with reader_of(tape) as reader:
            done = attach(tape, archive)
            assert (done.first, done.last, done.readable_from) == (1, 6, 1)
            assert [record.seq for record in read_all(reader)] == list(range(1, 11))
            assert [record.seq for record in reader.get([3, 7, 5, 99])] == [3, 5, 7]
            assert [reader.seq_at(at * STEP_US) for at in (0, 1, 4, 5, 7)] == [0, 2, 4, 6, 8]
            assert detach(tape, archive).readable_from == 7
            with pytest.raises(Truncated):
                reader.read(0, 10)

    def test_attaching_twice_is_attaching_once(self, tape: Path, archive: Path) -> None:
        assert attach(tape, archive) == attach(tape, archive)
        alter(archives_of(tape) / "attached" / "tape-1-6.db", "DELETE FROM event WHERE seq = 3")
        attach(tape, archive)
        assert len(everything(tape)) == 10

    def test_what_is_not_attached_cannot_be_detached(self, tape: Path, archive: Path) -> None:
        with pytest.raises(Refused, match="is not attached"):
            detach(tape, archive)

    def test_the_archive_of_another_tape_is_not_read(self, tape: Path, tmp_path: Path) -> None:
        archived(tape, 6 * STEP_US)
        other = tmp_path / "other"
        other.mkdir()
        made(other / "tape.db")
        stranger = archived(other / "tape.db", 6 * STEP_US)
        assert stranger.name == "tape-1-6.xz"
        assert attach(tape, stranger).readable_from == 7
        with reader_of(tape) as reader, pytest.raises(Truncated):
            reader.read(0, 10)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda data: data[:-20],
            lambda data: data[: len(data) // 2],
            lambda data: b"",
            lambda data: b"no archive at all" * 10,
            lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
        ],
        ids=["without its end", "half", "empty", "a text", "a flipped bit"],
    )
    @pytest.mark.guarantee("bit-rot")
    def test_a_damaged_archive_is_neither_attached_nor_trusted(
        self, tape: Path, archive: Path, spoil: object
    ) -> None:
        assert callable(spoil)
        archive.write_bytes(spoil(archive.read_bytes()))

        with pytest.raises(TapeDamaged):
            attach(tape, archive)
        assert [found.found > 0 for found in check_archives(tape)] == [True]
        assert not (archives_of(tape) / "attached" / "tape-1-6.db").exists()

    @given(place=st.integers(0, 8 * 700))
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @pytest.mark.guarantee("bit-rot")
    def test_whichever_bit_of_an_archive_is_flipped_it_is_found(
        self, archive: Path, place: int
    ) -> None:
        data = archive.read_bytes()
        manifest_of(archive).unlink(missing_ok=True)  # the hash would find them all
        spoilt = bytearray(data)
        spoilt[place // 8 % len(data)] ^= 1 << place % 8
        truth = check_archive(archive)[0]
        try:
            archive.write_bytes(spoilt)
            try:
                header, inspection = check_archive(archive)
            except BusError:
                return
            assert inspection.found or header == truth
        finally:
            archive.write_bytes(data)

    def test_an_archive_that_is_missing_is_told(self, tape: Path, archive: Path) -> None:
        second = archived(tape, 8 * STEP_US)
        archive.unlink()
        known = known_archives(tape)

        assert (known.tape_first, known.missing_to) == (9, 6)
        assert [(each.path, each.joined) for each in known.archives] == [(str(second), True)]
        with pytest.raises(StorageFailed, match="archive --list"):
            attach(tape, archive)


class TestDying:
    """Nothing is off the tape that is not, whole, in the archive."""

    @pytest.mark.guarantee("crash-points")
    def test_killed_at_any_step_it_is_finished_by_running_it_again(
        self, tape: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        whole = everything(tape)
        homes = deaths("archive", tape.parent, tmp_path_factory.mktemp("killed"))
        assert len(homes) == 9
        for home in homes:
            here = home / "tape.db"
            with closing(TapeWriter(here)) as writer:
                assert writer.head == 10
            if planned_cut(here, 6 * STEP_US):
                assert everything(here) == whole
                archived(here, 6 * STEP_US)
            archive = archives_of(here) / "tape-1-6.xz"
            assert everything(here, 6) == whole[6:]
            assert attach(here, archive).readable_from == 1
            assert everything(here) == whole
            assert inspect(here).findings == ()
            assert read_manifest(archive) is not None

    @pytest.mark.guarantee("crash-points")
    def test_killed_while_it_attaches_it_is_attached_by_running_it_again(
        self, tape: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        whole = everything(tape)
        archived(tape, 6 * STEP_US)
        homes = deaths("attach", tape.parent, tmp_path_factory.mktemp("killed"))
        assert len(homes) == 4
        for home in homes:
            attach(home / "tape.db", home / "archive" / "tape-1-6.xz")
            assert everything(home / "tape.db") == whole

    def test_an_archive_that_is_in_the_way_and_another_one_is_not_taken_for_it(
        self, tape: Path
    ) -> None:
        before = everything(tape)
        archives_of(tape).mkdir()
        (archives_of(tape) / "tape-1-6.xz").write_bytes(b"something else")

        with pytest.raises(BusError):
            archived(tape, 6 * STEP_US)
        assert everything(tape) == before

    @pytest.mark.parametrize(
        ("body", "told"),
        [(lambda: os.urandom(3_000), "cannot be written"), (lambda: "x" * 3_000, "is complete")],
        ids=["no room for the archive", "no room to remove what is in it"],
    )
    @pytest.mark.guarantee("disk-full")
    def test_on_a_full_disk_nothing_leaves_the_tape_and_it_can_be_run_again(
        self,
        tmp_path: Path,
        full_disk: Callable[[int], None],
        body: Callable[[], object],
        told: str,
    ) -> None:
        tape = tmp_path / "tape.db"
        with closing(TapeWriter(tape)) as writer:
            for _ in range(40):
                write(writer, 1, body=body())
        whole = everything(tape)
        full_disk(INDEX_BYTES + 10_000)
        with pytest.raises(StorageFailed, match=told):
            archived(tape, 60 * STEP_US)
        full_disk(-1)

        assert everything(tape) == whole
        archive = archived(tape, 60 * STEP_US)
        assert attach(tape, archive).readable_from == 1
        assert everything(tape) == whole
        assert not list(archives_of(tape).glob("*.new"))

    def test_a_damaged_prefix_is_not_archived(self, tape: Path) -> None:
        with closing(TapeWriter(tape)) as writer:
            write(writer, 600)
        alter(tape, "UPDATE event SET body = x'00' WHERE seq = 1")
        before = rows(tape, "event")

        with pytest.raises(TapeDamaged, match="seq 1 does not match its checksum"):
            archived(tape, 6 * STEP_US)
        assert rows(tape, "event") == before
        assert not any(archives_of(tape).glob("*"))
