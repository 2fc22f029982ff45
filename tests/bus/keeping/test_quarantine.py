"""A damaged tape is moved aside whole, and what of it is sound goes on under a new name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.errors import Fenced, LogRegressed, StorageFailed
from bus.follower import Follower
from bus.keeping.quarantine import quarantine
from bus.keeping.replacing import finish_replacing, unfinished
from bus.keeping.verify import CannotRun, inspect
from bus.reading import TapeReader
from bus.tape import TapeWriter
from tests.bus.keeping.dying import NOON_SECONDS, deaths, states_of
from tests.bus.tapes import INDEX_BYTES, alter, contents, everything, made, write

STAMP = "20261120T120000Z"
SPOILT = "UPDATE event SET body = x'00' WHERE seq = 8"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose tape of ten events is damaged at seq 8, with a state folded from it."""
    home = made(tmp_path / "tape.db").parent
    alter(home / "tape.db", SPOILT)
    (home / "state").mkdir()
    (home / "state" / "cache.db").write_bytes(b"folded")
    return home


def quarantined(home: Path) -> dict[str, bytes]:
    """What was moved, without what was not there before."""
    moved = contents(home / "quarantine" / STAMP)
    del moved["report.json"]
    return moved


@pytest.mark.guarantee("bit-rot")
def test_what_is_sound_goes_on_and_what_was_there_is_kept_byte_for_byte(home: Path) -> None:
    before = contents(home)
    with closing(TapeReader(home / "tape.db")) as reader:
        sound = reader.read(0, 6)
    done = quarantine(home / "tape.db", states_of(home), NOON_SECONDS)

    assert done is not None
    assert (done.kept, done.lost, done.report.sound_to) == (6, 4, 6)
    assert quarantined(home) == before
    assert everything(home / "tape.db") == sound
    assert inspect(home / "tape.db").findings == ()
    assert not (home / "state").exists()
    assert '"sound_to": 6' in (Path(done.folder) / "report.json").read_text()


@pytest.mark.guarantee("regress")
def test_the_tape_that_goes_on_has_a_new_name_and_fences_all_who_spoke_before(home: Path) -> None:
    with closing(TapeReader(home / "tape.db")) as reader:
        old_id = reader.tape_id()
    follower = Follower()
    follower.told(old_id, 10)
    done = quarantine(home / "tape.db", states_of(home), NOON_SECONDS)
    assert done is not None

    with pytest.raises(LogRegressed, match="lies where tape"):
        follower.told(done.tape_id, 20)
    with closing(TapeWriter(home / "tape.db")) as tape:
        assert {name: mark.epoch for name, mark in tape.marks.items()} == {
            "fetcher": 2,
            "silent": 2,
        }
        with pytest.raises(Fenced):
            tape.enlist("fetcher", 1)
        assert (tape.head, tape.marks["fetcher"][1:4]) == (6, (4, 5, 6))
        write(tape, 1)
    assert [record.seq for record in everything(home / "tape.db")] == list(range(1, 9))


def test_where_the_epochs_cannot_be_read_they_are_higher_than_anybody_can_have_been_started(
    home: Path,
) -> None:
    alter(home / "tape.db", "DROP TABLE mark")
    assert quarantine(home / "tape.db", states_of(home), NOON_SECONDS) is not None

    with closing(TapeWriter(home / "tape.db")) as tape:
        assert tape.marks["fetcher"].epoch > NOON_SECONDS


@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        ("UPDATE head SET seq = 3 WHERE seq = 9", 10),
        ("UPDATE mark SET last = 3 WHERE mark = 8", 10),
        ("DELETE FROM meta WHERE name = 'tape_id'", 10),
        ("UPDATE meta SET value = 'two' WHERE name = 'format'", 10),
        ("UPDATE event SET body = x'00' WHERE seq = 1", 0),
        ("DROP TABLE event", 0),
    ],
)
def test_of_every_damage_all_that_is_sound_goes_on(tmp_path: Path, damage: str, kept: int) -> None:
    home = made(tmp_path / "tape.db").parent
    events = everything(home / "tape.db")
    alter(home / "tape.db", damage)
    before = contents(home)
    done = quarantine(home / "tape.db", states_of(home), NOON_SECONDS)

    assert done is not None
    assert (done.kept, bool(done.tape_id)) == (kept, kept > 0)
    assert quarantined(home) == before
    with closing(TapeWriter(home / "tape.db")) as tape:
        assert tape.head == kept
    assert everything(home / "tape.db") == events[:kept]


def test_a_sound_tape_is_left_alone_and_a_missing_one_is_told(tmp_path: Path) -> None:
    home = made(tmp_path / "tape.db").parent
    before = contents(home)

    assert quarantine(home / "tape.db", states_of(home), NOON_SECONDS) is None
    assert contents(home) == before
    with pytest.raises(CannotRun):
        quarantine(home / "none.db", states_of(home), NOON_SECONDS)


def test_what_lies_in_the_log_is_moved_with_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with closing(TapeWriter(tmp_path / "tape.db")) as tape:
        write(tape, 2, body="needle")
        write(tape, 3)
        for path in tmp_path.glob("tape.db*"):
            shutil.copy(path, home)
    log = home / "tape.db-wal"
    log.write_bytes(log.read_bytes().replace(b"needle", b"n3edle", 1))
    before = contents(home)
    done = quarantine(home / "tape.db", states_of(home), NOON_SECONDS)

    assert done is not None
    assert quarantined(home) == before
    assert done.kept + done.lost == 10


@given(place=st.integers(0, 8 * 40_000))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.guarantee("bit-rot")
def test_whichever_bit_is_flipped_a_sound_tape_holds_a_prefix_and_every_byte_is_kept(
    tmp_path_factory: pytest.TempPathFactory, place: int
) -> None:
    home = made(tmp_path_factory.mktemp("flipped") / "tape.db").parent
    truth = everything(home / "tape.db")
    data = bytearray((home / "tape.db").read_bytes())
    data[place // 8 % len(data)] ^= 1 << place % 8
    (home / "tape.db").write_bytes(data)
    before = contents(home)
    done = quarantine(home / "tape.db", states_of(home), NOON_SECONDS)
    if done is None:
        assert everything(home / "tape.db") == truth
        return
    assert quarantined(home) == before
    with closing(TapeWriter(home / "tape.db")) as tape:
        assert tape.head == done.kept
    assert everything(home / "tape.db") == truth[: done.kept]


@pytest.mark.guarantee("disk-full")
def test_on_a_full_disk_nothing_is_moved_and_it_can_be_run_again(
    tmp_path: Path, full_disk: Callable[[int], None]
) -> None:
    home = made(tmp_path / "full" / "tape.db").parent
    with closing(TapeWriter(home / "tape.db")) as tape:
        write(tape, 40, body="x" * 3_000)
    alter(home / "tape.db", "UPDATE event SET body = x'00' WHERE seq = 80")
    before = contents(home)
    full_disk(INDEX_BYTES + 10_000)
    with pytest.raises(StorageFailed, match="has room"):
        quarantine(home / "tape.db", states_of(home), NOON_SECONDS)
    full_disk(-1)

    assert contents(home) == before
    assert quarantine(home / "tape.db", states_of(home), NOON_SECONDS) is not None


@pytest.mark.guarantee("crash-points")
def test_killed_at_any_step_it_is_finished_by_running_it_again(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = contents(home)
    with closing(TapeReader(home / "tape.db")) as reader:
        sound = reader.read(0, 6)
    homes = deaths("quarantine", home, tmp_path_factory.mktemp("killed"))
    assert len(homes) == 11
    for here in homes:
        if unfinished(here / "tape.db"):
            with pytest.raises(StorageFailed, match="verify --quarantine"):
                TapeWriter(here / "tape.db")
        finish_replacing(here / "tape.db")
        quarantine(here / "tape.db", states_of(here), NOON_SECONDS)
        assert quarantined(here) == before
        assert everything(here / "tape.db") == sound
        assert inspect(here / "tape.db").findings == ()
        assert {path.name for path in here.iterdir()} == {
            "quarantine",
            "tape.db",
            "tape.db-witness",
        }
