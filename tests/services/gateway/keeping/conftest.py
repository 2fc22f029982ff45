"""A home with a tape, and the command line typed in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.gateway.cli import tapedeck
from tests.bus.tapes import made

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
