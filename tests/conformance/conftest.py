"""Folders whose names are short enough for a socket."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """An empty folder; a socket's path has 107 bytes at most, and pytest's own folders are deep."""
    with tempfile.TemporaryDirectory(prefix="td-") as folder:
        yield Path(folder)
