"""A home with a tape, and the command line typed in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bus.clock import SystemClock
from bus.reading import TapeReader
from bus.saving import SnapshotSaver
from bus.witness import Witness, witness_of
from services.gateway.cli import tapedeck
from tests.bus.tapes import made
from tests.bus.words import Tally

Type = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose tape holds ten events."""
    folder = tmp_path / "home"
    folder.mkdir()
    made(folder / "tape.db")
    return folder


@pytest.fixture
def type_(home: Path) -> Type:
    """Types a command line in the home; ``TAPEDECK_…`` by keyword."""

    def typed(*words: str, answers: str = "", **environ: str) -> Result:
        environment = {"TAPEDECK_HOME": str(home), **environ}
        return CliRunner().invoke(tapedeck, words, env=environment, input=answers)

    return typed


def lost_power(home: Path) -> Path:
    """Let the machine have lost power since; returns a state that knows more than the tape."""
    with closing(TapeReader(home / "tape.db")) as reader:
        tape_id, head = reader.tape_id(), reader.head()
    with closing(Witness(witness_of(home / "tape.db"), 0, "the boot before")) as witness:
        witness.tell(head, b"?" * 16, synced=False)
    path = home / "state" / "counter.snapshot"
    path.parent.mkdir(exist_ok=True)
    saver = SnapshotSaver(path, Tally, Tally, "code", SystemClock())
    saver.restore(tape_id)
    saver.finish(Tally(), head + 1)
    return path
