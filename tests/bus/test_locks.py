"""A lock is held by one, tells who holds it, and dies with its holder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bus.errors import AlreadyRunning
from bus.locks import hold

HOLD_UNTIL_KILLED = """
import sys
from pathlib import Path
from bus.locks import hold
file = hold(Path(sys.argv[1]), "tapedeck", "there")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_that_is_held_is_refused_with_who_holds_it_and_where(tmp_path: Path) -> None:
    with (
        hold(tmp_path, "tapedeck", "http://127.0.0.1:1 (home /h)"),
        pytest.raises(AlreadyRunning) as refused,
    ):
        hold(tmp_path, "tapedeck", "elsewhere")

    assert str(refused.value) == (
        f"tapedeck is already running (process {os.getpid()}) at http://127.0.0.1:1 (home /h):"
        " end it first, or set another TAPEDECK_HOME"
    )


def test_a_lock_that_was_let_go_is_free_again_and_another_was_never_taken(tmp_path: Path) -> None:
    for _ in range(3):
        with hold(tmp_path, "bus", "here"), hold(tmp_path, "cache", "here"):
            assert {entry.name for entry in tmp_path.iterdir()} == {"bus.lock", "cache.lock"}


def test_a_holder_that_has_not_written_its_name_yet_is_told_without_it(tmp_path: Path) -> None:
    with hold(tmp_path, "bus", "here") as file:
        file.truncate(0)
        with pytest.raises(AlreadyRunning, match="bus is already running: end it"):
            hold(tmp_path, "bus", "there")


def test_the_next_holders_name_replaces_the_one_before(tmp_path: Path) -> None:
    hold(tmp_path, "bus", "a place with a very long name").close()
    with hold(tmp_path, "bus", "here"), pytest.raises(AlreadyRunning, match="at here: end"):
        hold(tmp_path, "bus", "there")


def test_a_killed_holder_holds_nothing_and_a_patient_one_gets_the_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD_UNTIL_KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match=f"process {holder.pid}"):
            hold(tmp_path, "tapedeck", "here")
        holder.kill()
        with hold(tmp_path, "tapedeck", "here", patience_seconds=20.0) as file:
            assert not file.closed
