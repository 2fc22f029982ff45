"""A state that knows more than its tape is forgotten after a loss of power, else told loudly."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bus.__main__ import _open
from bus.clock import SystemClock
from bus.codec import Append
from bus.errors import LogRegressed, StorageFailed
from bus.keeping.forgetting import forget_lost
from bus.keeping.standing import standing_of
from bus.saving import SnapshotSaver
from bus.tape import TapeWriter
from bus.witness import Witness, boot_id, witness_of
from config.settings import prepare_home, read_settings
from services.cache.store.sqlite import Tables
from tests.bus.rig import CODEC, MemoryWire, Rig
from tests.bus.words import Counted, Tally, counter

HEAD = 3


@pytest.fixture
def states(tmp_path: Path) -> Path:
    (folder := tmp_path / "state").mkdir()
    return folder


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """A tape of three events."""
    with closing(TapeWriter(tmp_path / "tape.db")) as tape:
        tape.enlist("p", 0)
        for mark in range(HEAD):
            drafts = (CODEC.draft(Counted("A", mark)),)
            tape.append([Append("p", 1, mark - 1, mark, "logged", drafts)], 1_000 + mark)
    return tape.path


def tape_id(tape: Path) -> str:
    with closing(sqlite3.connect(tape)) as db:
        [(found,)] = db.execute("SELECT value FROM meta WHERE name = 'tape_id'")
    return str(found)


def boot(tape: Path, boot: str, synced: int = 0) -> None:
    """Let the witness have been told in this boot of the machine."""
    with closing(Witness(witness_of(tape), synced, boot)) as witness:
        for _ in range(2):
            witness.tell(HEAD, b"?" * 16, synced=False)


def saved(states: Path, of: str, position: int, service: str = "counter") -> None:
    saver = SnapshotSaver(states / f"{service}.snapshot", Tally, Tally, "code", SystemClock())
    saver.restore(of)
    saver.finish(Tally(), position)


@pytest.fixture
def tables(states: Path, tape: Path) -> Iterator[Tables]:
    """The cache's, open as it has them, and behind the tape's end."""
    tables = Tables(states / "cache.db", "code")
    tables.begin(tape_id(tape))
    tables.write([], [], HEAD + 1)
    yield tables
    tables.close()


@pytest.mark.guarantee("snapshots")
@pytest.mark.guarantee("projections")
def test_after_a_loss_of_power_states_from_behind_the_end_are_forgotten_and_no_others(
    tape: Path, states: Path, tables: Tables
) -> None:
    boot(tape, "the boot before")
    saved(states, tape_id(tape), HEAD + 2)
    saved(states, tape_id(tape), HEAD, "punctual")
    saved(states, "another tape", 99, "foreign")

    assert forget_lost(tape, states) == ["cache", "counter"]
    assert tables.begin(tape_id(tape)) == 0
    known = {name: standing_of(states, name) for name in ("counter", "punctual", "foreign")}
    assert {name: one and one.position for name, one in known.items()} == {
        "counter": None,
        "punctual": HEAD,
        "foreign": 99,
    }
    assert forget_lost(tape, states) == []


@pytest.mark.guarantee("regress")
def test_without_a_loss_of_power_a_state_from_behind_the_end_is_a_regress_and_stays(
    tape: Path, states: Path
) -> None:
    boot(tape, boot_id())
    saved(states, tape_id(tape), HEAD + 2)

    with pytest.raises(LogRegressed, match="ends at seq 3, counter already knows 5: an older copy"):
        forget_lost(tape, states)
    assert standing_of(states, "counter") is not None


def test_where_no_tape_is_and_where_nothing_was_saved_nothing_is_forgotten(
    tmp_path: Path, tape: Path, states: Path
) -> None:
    assert forget_lost(tmp_path / "none.db", states) == []
    assert forget_lost(tape, states) == []
    assert forget_lost(tape, tmp_path / "no folder") == []


def test_a_state_that_cannot_be_forgotten_stops_the_start_with_the_remedy(
    tape: Path, states: Path, tables: Tables
) -> None:
    boot(tape, "the boot before")
    with closing(sqlite3.connect(tables.path, isolation_level=None)) as db:
        db.execute("CREATE TRIGGER no BEFORE UPDATE ON meta BEGIN SELECT RAISE(ABORT, 'no'); END")

    with pytest.raises(StorageFailed, match=r"remove .*cache\.\* by hand"):
        forget_lost(tape, states)


@pytest.mark.guarantee("snapshots")
def test_an_actor_whose_state_was_forgotten_is_the_fold_of_the_tape_again(
    tape: Path, states: Path
) -> None:
    boot(tape, "the boot before")
    saved(states, tape_id(tape), HEAD + 2)
    forget_lost(tape, states)
    with closing(Rig(MemoryWire(), tape.parent)) as rig:
        rig.start()
        path = states / "counter.snapshot"
        post = rig.post(counter(), saver=SnapshotSaver(path, Tally, Tally, "code", rig.clock))
        rig.until(lambda: post.client.ready and not post.client.follower.behind)

        facts = [CODEC.fact(record) for record in rig.tape()]
        assert (post.failure, post.runtime.state) == (None, counter().fold(Tally(), facts))


def test_the_bus_forgets_before_it_opens_the_tape(tape: Path, states: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="td-") as folder:
        settings = read_settings({"TAPEDECK_HOME": folder})
        prepare_home(settings)
        shutil.copy(tape, settings.tape_path)
        boot(settings.tape_path, "the boot before")
        saved(settings.state_dir, tape_id(tape), HEAD + 2)
        writer, hub = _open(settings)
        writer.close()
        hub.close()

        assert standing_of(settings.state_dir, "counter") is None
        saved(settings.state_dir, tape_id(tape), HEAD + 2)
        with pytest.raises(LogRegressed):
            _open(settings)
