"""A backup takes the tape's place under a new name; what it replaces is told, and kept."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.actor import Refused
from bus.errors import Fenced, LogRegressed, StorageFailed, TapeDamaged
from bus.follower import Follower
from bus.keeping.backup import back_up
from bus.keeping.replacing import finish_replacing, unfinished
from bus.keeping.restore import Offer, Present, Restored, offer, restore
from bus.keeping.verify import CannotRun, inspect
from bus.reading import TapeReader
from bus.tape import TapeWriter
from tests.bus.keeping.dying import NOON_SECONDS, deaths, states_of
from tests.bus.tapes import alter, contents, everything, made, write

STAMP = "20261120T120000Z"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose tape has gone on by four events since its backup, with a state."""
    tape = made(tmp_path / "tape.db")
    back_up(tape, tmp_path / "copy.db", NOON_SECONDS)
    with closing(TapeWriter(tape)) as writer:
        writer.enlist("fetcher", 0)
        write(writer, 2)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "cache.db").write_bytes(b"folded")
    return tmp_path


def offered(home: Path) -> Offer:
    return offer(home / "copy.db", home / "tape.db", states_of(home))


def restored(home: Path) -> Restored:
    return restore(offered(home), home / "tape.db", states_of(home), NOON_SECONDS)


def tape_id(path: Path) -> str:
    with closing(TapeReader(path)) as reader:
        return reader.tape_id()


@pytest.mark.guarantee("backup")
def test_what_it_replaces_is_told_before_anything_is_changed(home: Path) -> None:
    before = contents(home)
    told = offered(home)

    assert (told.events, told.head, told.states) == (10, 10, ("state/cache.db",))
    assert told.present == Present(
        tape_id=tape_id(home / "tape.db"),
        head=14,
        at_us=13_000,
        same=True,
        newer=4,
        newer_since_us=11_000,
    )
    assert contents(home) == before


@pytest.mark.guarantee("backup")
def test_what_it_replaces_is_moved_byte_for_byte(home: Path) -> None:
    before = contents(home)
    done = restored(home)
    moved = contents(Path(done.folder))

    assert {name: moved[name] for name in ("tape.db", "tape.db-witness", "state/cache.db")} == {
        name: before[name] for name in ("tape.db", "tape.db-witness", "state/cache.db")
    }
    assert contents(home)["copy.db"] == before["copy.db"]
    assert not (home / "state").exists()


@given(turns=st.integers(0, 12), later=st.integers(0, 4))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.guarantee("backup")
def test_a_restored_backup_holds_the_very_events_and_marks_of_the_backup(
    tmp_path_factory: pytest.TempPathFactory, turns: int, later: int
) -> None:
    home = made(tmp_path_factory.mktemp("home") / "tape.db", turns).parent
    back_up(home / "tape.db", home / "copy.db", NOON_SECONDS)
    with closing(TapeWriter(home / "tape.db")) as writer:
        known = dict(writer.marks)
        write(writer, later)
    done = restored(home)

    assert everything(home / "tape.db") == everything(home / "copy.db")
    assert inspect(home / "tape.db").findings == ()
    assert tape_id(home / "tape.db") == done.tape_id != tape_id(home / "copy.db")
    with closing(TapeWriter(home / "tape.db")) as tape:
        marks = {name: mark._replace(epoch=mark.epoch - 1) for name, mark in tape.marks.items()}
        assert {name: marks[name] for name in known} == known


@pytest.mark.guarantee("regress")
def test_whoever_remembers_what_was_said_after_the_backup_is_told_and_may_not_go_on(
    home: Path,
) -> None:
    follower = Follower()
    follower.told(tape_id(home / "tape.db"), 14)
    done = restored(home)
    with closing(TapeWriter(home / "tape.db")) as tape:
        with pytest.raises(Fenced):
            tape.enlist("fetcher", 2)
        write(tape, 5)
        assert tape.head == 20

    with pytest.raises(LogRegressed, match="lies where tape"):
        follower.told(done.tape_id, 20)


@pytest.mark.parametrize(
    ("change", "present"),
    [
        ("older", Present(same=True, newer=0)),
        ("another", Present(same=False, newer=4)),
        ("damaged", Present(problem="though all up to seq 14 was kept")),
        ("no tape at all", Present(problem="cannot be read")),
    ],
)
def test_whatever_lies_in_the_tapes_place_is_told(
    home: Path, change: str, present: Present
) -> None:
    match change:
        case "older":
            shutil.copy(home / "tape.db", home / "copy.db")
            (home / "copy.db-witness").unlink()
        case "another":
            (home / "tape.db").unlink()
            (home / "tape.db-witness").unlink()
            made(home / "tape.db", 2)
        case "damaged":
            alter(home / "tape.db", "DELETE FROM event WHERE seq > 12")
        case _:
            (home / "tape.db").write_bytes(b"a letter" * 1_000)
    told = offered(home).present
    assert told is not None

    assert (told.same, told.newer) == (present.same, present.newer)
    assert present.problem in told.problem
    assert restored(home).head == everything(home / "tape.db")[-1].seq


def test_without_a_tape_in_its_place_it_is_simply_put_there(home: Path) -> None:
    for name in ("tape.db", "tape.db-witness"):
        (home / name).unlink()

    assert offered(home).present is None
    assert restored(home).head == 10


def test_a_backup_that_is_not_sound_is_refused_and_nothing_is_changed(home: Path) -> None:
    alter(home / "copy.db", "UPDATE event SET body = x'00' WHERE seq = 4")
    before = contents(home)

    with pytest.raises(TapeDamaged, match="seq 4 does not match its checksum"):
        offered(home)
    with pytest.raises(CannotRun, match="is no tape"):
        offer(home / "none.db", home / "tape.db", ())
    with pytest.raises(Refused, match="is the tape itself"):
        offer(home / "tape.db", home / "tape.db", ())
    assert contents(home) == before


@pytest.mark.guarantee("crash-points")
def test_killed_at_any_step_it_is_finished_by_running_it_again(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before, backup = contents(home), everything(home / "copy.db")
    homes = deaths("restore", home, tmp_path_factory.mktemp("killed"))
    assert len(homes) == 11
    for here in homes:
        if unfinished(here / "tape.db"):
            with pytest.raises(StorageFailed, match="verify --quarantine"):
                TapeWriter(here / "tape.db")
        if finish_replacing(here / "tape.db") is None and not (here / "quarantine").exists():
            assert contents(here) == before | contents(here)
            restored(here)
        moved = contents(here / "quarantine" / STAMP)
        assert moved["tape.db"] == before["tape.db"]
        assert moved["state/cache.db"] == b"folded"
        assert everything(here / "tape.db") == backup
        assert inspect(here / "tape.db").findings == ()
        assert not list(here.glob("*.new*"))
