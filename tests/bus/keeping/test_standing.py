"""Every state must be behind a prefix, of this tape and of this code, before it may go."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.clock import SystemClock
from bus.keeping.standing import Standing, laggards, standing_of
from bus.saving import SnapshotSaver
from services.cache.store.sqlite import Tables
from tests.bus.words import Tally


def snapshot(folder: Path, service: str, tape_id: str, code: str, position: int) -> Path:
    path = folder / f"{service}.snapshot"
    saver = SnapshotSaver(path, Tally, Tally, code, SystemClock())
    saver.restore(tape_id)
    saver.finish(Tally(), position)
    return path


def test_a_snapshot_and_the_cache_tell_where_they_stand(tmp_path: Path) -> None:
    snapshot(tmp_path, "counter", "t", "code", 7)
    tables = Tables(tmp_path / "cache.db", "code")
    tables.begin("t")
    tables.write([], [], 9)
    tables.close()

    assert standing_of(tmp_path, "counter") == Standing("t", "code", 7)
    assert standing_of(tmp_path, "cache") == Standing("t", "code", 9)


def test_what_cannot_be_read_stands_nowhere(tmp_path: Path) -> None:
    path = snapshot(tmp_path, "counter", "t", "code", 7)
    path.write_bytes(path.read_bytes()[:-1])
    (tmp_path / "cache.db").write_bytes(b"no tables" * 100)

    assert [standing_of(tmp_path, name) for name in ("counter", "cache", "nobody")] == [None] * 3


@pytest.mark.parametrize(
    ("stands", "told"),
    [
        (("t", "code", 500), []),
        (("t", "code", 501), []),
        (("t", "code", 499), ["counter stands at seq 499"]),
        (("u", "code", 501), ["counter has saved a state of another tape"]),
        (("t", "old", 501), ["counter has saved a state of another version of Tapedeck"]),
        (None, ["counter has saved nothing yet"]),
    ],
)
@pytest.mark.guarantee("archive")
def test_each_service_that_would_have_to_fold_again_what_goes_is_named(
    tmp_path: Path, stands: tuple[str, str, int] | None, told: list[str]
) -> None:
    if stands is not None:
        snapshot(tmp_path, "counter", *stands)

    assert list(laggards(tmp_path, ["counter"], "t", "code", 500)) == told
