"""A snapshot is used only if it is whole, of this tape and of this code; else the tape is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.saving import FACTS_BETWEEN, SECONDS_BETWEEN, NoSaver, SnapshotSaver, replace_file
from tests.bus.rig import FakeClock
from tests.bus.words import Tally

STATE = Tally((("A", 1), ("B", 2)), (("A", 2),))
NOTHING = (Tally(), 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "counter.snapshot"


def saver(
    path: Path, code: str = "this code", clock: FakeClock | None = None
) -> SnapshotSaver[Tally]:
    return SnapshotSaver(path, Tally, Tally, code, clock or FakeClock())


def begun(path: Path, tape_id: str = "t", clock: FakeClock | None = None) -> SnapshotSaver[Tally]:
    """A saver that has restored, as each is before it saves."""
    began = saver(path, clock=clock)
    began.restore(tape_id)
    return began


@pytest.fixture
def written(path: Path) -> Path:
    """A snapshot of the state at seq 7 of the tape "t"."""
    begun(path).finish(STATE, 7)
    return path


@pytest.mark.guarantee("snapshots")
def test_a_state_comes_back_with_its_position(written: Path) -> None:
    assert saver(written).restore("t") == (STATE, 7)


@pytest.mark.parametrize(("code", "tape_id"), [("other code", "t"), ("this code", "u")])
@pytest.mark.guarantee("snapshots")
def test_a_snapshot_of_other_code_or_of_another_tape_is_left_aside(
    written: Path, code: str, tape_id: str
) -> None:
    assert saver(written, code).restore(tape_id) == NOTHING


def test_without_a_snapshot_the_fold_begins_at_nothing(path: Path) -> None:
    assert saver(path).restore("t") == NOTHING


@given(length=st.floats(0, 1, exclude_max=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.guarantee("snapshots")
def test_a_torn_snapshot_is_left_aside(written: Path, length: float) -> None:
    whole = written.read_bytes()
    try:
        written.write_bytes(whole[: int(length * len(whole))])
        assert saver(written).restore("t") == NOTHING
    finally:
        written.write_bytes(whole)


@given(place=st.integers(min_value=0))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.guarantee("snapshots")
def test_a_flipped_bit_is_noticed_wherever_it_is(written: Path, place: int) -> None:
    whole = written.read_bytes()
    flipped = bytearray(whole)
    flipped[place // 8 % len(whole)] ^= 1 << place % 8
    try:
        written.write_bytes(flipped)
        assert saver(written).restore("t") in ((STATE, 7), NOTHING)
    finally:
        written.write_bytes(whole)


@given(garbage=st.binary(max_size=100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.guarantee("snapshots")
def test_garbage_is_left_aside(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "garbage.snapshot"
    path.write_bytes(garbage)

    assert saver(path).restore("t") == NOTHING


def test_it_is_written_when_many_facts_were_heard(path: Path) -> None:
    saving = begun(path)
    saving.save(STATE, FACTS_BETWEEN - 1)
    assert not path.exists()
    saving.save(STATE, FACTS_BETWEEN)

    assert saver(path).restore("t") == (STATE, FACTS_BETWEEN)


def test_it_is_written_when_a_new_fact_is_old_enough(path: Path) -> None:
    clock = FakeClock()
    saving = begun(path, clock=clock)
    saving.save(STATE, 1)
    clock.advance(SECONDS_BETWEEN)
    saving.save(STATE, 0)
    assert not path.exists()
    saving.save(STATE, 1)

    assert saver(path).restore("t") == (STATE, 1)


def test_at_the_end_it_is_written_only_if_there_is_something_new(written: Path) -> None:
    again = saver(written)
    again.restore("t")
    before = written.stat()
    again.finish(STATE, 7)
    assert written.stat() == before
    again.finish(Tally(), 8)

    assert saver(written).restore("t") == (Tally(), 8)


@pytest.mark.guarantee("disk-full")
def test_a_folder_that_cannot_be_written_costs_the_snapshot_and_nothing_else(
    tmp_path: Path,
) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    saving = begun(blocked / "counter.snapshot")

    assert saving.save(STATE, FACTS_BETWEEN) == STATE
    saving.finish(STATE, FACTS_BETWEEN + 1)
    assert blocked.read_text() == "in the way"


@pytest.mark.guarantee("snapshots")
def test_a_file_is_replaced_whole_and_no_neighbour_is_left(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.json"
    replace_file(path, b"first")
    replace_file(path, b"second")

    assert path.read_bytes() == b"second"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.json"]


@pytest.mark.guarantee("disk-full")
def test_a_write_that_fails_leaves_the_file_as_it_was(
    written: Path, full_disk: Callable[[int], None]
) -> None:
    whole = written.read_bytes()
    full_disk(4)
    with pytest.raises(OSError, match="too large"):
        replace_file(written, b"another snapshot")
    full_disk(-1)

    assert written.read_bytes() == whole


def test_who_saves_nothing_begins_at_nothing() -> None:
    nothing = NoSaver(Tally)

    assert nothing.restore("t") == NOTHING
    assert nothing.save(STATE, 5) is STATE
