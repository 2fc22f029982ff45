"""A backup is the tape as far as it reached when it was asked for, verified, or it is not there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.actor import Refused
from bus.errors import StorageFailed, TapeDamaged
from bus.keeping.backup import back_up
from bus.keeping.verify import CannotRun, inspect
from bus.tape import TapeWriter
from bus.witness import Witness, boot_id, witness_of
from tests.bus.keeping.dying import NOON_SECONDS, deaths
from tests.bus.tapes import INDEX_BYTES, alter, contents, everything, made, rows, write

STAMP = "20261120T120000Z"


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return made(tmp_path / "tape.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups"


@given(turns=st.integers(0, 12), later=st.integers(0, 5))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.guarantee("backup")
def test_a_backup_is_the_tape_as_it_was_when_it_began_whatever_is_said_meanwhile(
    tmp_path_factory: pytest.TempPathFactory, turns: int, later: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    with closing(TapeWriter(home / "tape.db")) as writer:
        write(writer, turns)
        tables = {name: rows(writer.path, name) for name in ("meta", "event", "head", "mark")}
        head, tape_id = writer.head, writer.tape_id
        saying = lambda done, of: write(writer, later)  # noqa: E731
        made = back_up(writer.path, home / "copy.db", NOON_SECONDS, saying)

    assert (made.head, made.events, made.tape_id) == (head, head, tape_id)
    assert {name: rows(home / "copy.db", name) for name in tables} == tables
    assert inspect(home / "copy.db").findings == ()
    assert everything(home / "copy.db") == everything(home / "tape.db")[:head]


def test_a_backup_in_a_folder_is_named_after_its_instant_and_its_head(
    tape: Path, folder: Path
) -> None:
    made = back_up(tape, folder, NOON_SECONDS)

    assert Path(made.path) == folder / f"tape-{STAMP}-10.db"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"tape-{STAMP}-10.db",
        f"tape-{STAMP}-10.db-witness",
    ]


@pytest.mark.guarantee("backup")
def test_a_backup_that_lost_its_end_is_found_by_the_witness_beside_it(
    tape: Path, folder: Path
) -> None:
    made = Path(back_up(tape, folder, NOON_SECONDS).path)
    alter(made, "DELETE FROM event WHERE seq > 8", "UPDATE head SET seq = seq - 2")

    assert "is missing: all up to seq 10 was kept" in inspect(made).findings[0].what


def test_nothing_is_written_over(tape: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.db"
    there.write_bytes(b"something dear")
    with pytest.raises(Refused, match="is there already"):
        back_up(tape, there, NOON_SECONDS)

    assert there.read_bytes() == b"something dear"
    assert not witness_of(there).exists()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE event SET body = x'00' WHERE seq = 4", "seq 4 does not match its checksum"),
        ("UPDATE head SET seq = 3 WHERE seq = 9", "the head of market.quote.A is not its last"),
        ("DELETE FROM meta WHERE name = 'tape_id'", "what it says of itself"),
        ("DROP TABLE mark", "the marks of the producers cannot be read"),
    ],
)
@pytest.mark.guarantee("backup")
def test_of_a_damaged_tape_no_backup_is_made(
    tape: Path, folder: Path, damage: str, named: str
) -> None:
    alter(tape, damage)
    with pytest.raises(TapeDamaged, match=named):
        back_up(tape, folder, NOON_SECONDS)

    assert list(folder.iterdir()) == []


def test_of_a_tape_that_lost_its_end_no_backup_is_made(tape: Path, folder: Path) -> None:
    with closing(Witness(witness_of(tape), 0, boot_id())) as witness:
        for _ in range(2):
            witness.tell(12, b"?" * 16, synced=False)
    with pytest.raises(TapeDamaged, match="though all up to seq 12 was kept"):
        back_up(tape, folder, NOON_SECONDS)


def test_without_a_tape_or_a_place_it_is_told_what_to_do(tape: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="start the deck once"):
        back_up(tmp_path / "none.db", tmp_path, NOON_SECONDS)
    with pytest.raises(StorageFailed, match="see that its folder exists"):
        back_up(tape, tmp_path / "none" / "copy.db", NOON_SECONDS)


@pytest.mark.guarantee("backup")
def test_a_backup_leaves_the_writer_free_to_keep_its_log_short(tmp_path: Path) -> None:
    log = tmp_path / "tape.db-wal"
    with closing(TapeWriter(tmp_path / "tape.db")) as writer:
        write(writer, 200, body="x" * 50_000)
        before = log.stat().st_size
        said: list[int] = []

        def say(done: int, of: int) -> None:
            write(writer, 20, body="x" * 50_000)
            writer.rest()
            said.append(log.stat().st_size)

        back_up(writer.path, tmp_path / "copy.db", NOON_SECONDS, say)
    written = len(said) * 20 * 2 * 50_000
    assert len(said) >= 8
    assert max(said) - before < written / 4


@pytest.mark.guarantee("crash-points")
def test_killed_at_any_step_a_backup_is_whole_or_not_there(
    tape: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before, events = contents(tape.parent), everything(tape)
    homes = deaths("backup", tape.parent, tmp_path_factory.mktemp("killed"))
    assert len(homes) == 5
    for here in homes:
        copy = here / "copy.db"
        if not copy.exists():
            back_up(here / "tape.db", copy, NOON_SECONDS)
        assert everything(copy) == events
        assert inspect(copy).findings == ()
        assert {name: contents(here)[name] for name in before} == before
        assert not list(here.glob("*.new"))


@pytest.mark.guarantee("disk-full")
def test_on_a_full_disk_no_backup_is_made_and_nothing_is_left_of_it(
    tape: Path, folder: Path, full_disk: Callable[[int], None]
) -> None:
    with closing(TapeWriter(tape)) as writer:
        write(writer, 40, body="x" * 3_000)
    full_disk(INDEX_BYTES + 10_000)
    with pytest.raises(StorageFailed, match="has room"):
        back_up(tape, folder, NOON_SECONDS)
    full_disk(-1)

    assert list(folder.iterdir()) == []
    assert back_up(tape, folder, NOON_SECONDS).head == 90
