"""Folders whose names are short enough for a socket, and the log kept from the terminal."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """An empty folder; a socket's path has 107 bytes at most, and pytest's own folders are deep."""
    with tempfile.TemporaryDirectory(prefix="td-") as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[EventDict]]:
    """What the test's deck logs, kept from the terminal."""
    with capture_logs() as entries:
        yield entries
