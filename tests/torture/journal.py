"""A journal: rows of numbers in a file, that outlive a SIGKILL of who writes them."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

UNKNOWN = -1
"""Instead of a checksum: the frame came without its body."""
BEFORE, JOINED = -2, -3
"""Instead of a checksum: the head that a joiner knew of, and the seq behind which it joined."""
ROW = struct.Struct("<qq")


class Row(NamedTuple):
    """A seq, or a producer's mark; and what is to be told of it."""

    number: int
    value: int


class Journal:
    """Appends rows; after a start it goes on behind the last whole one."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        size = os.fstat(self._file).st_size
        # A kill can cut a write short: such a row was never written.
        os.ftruncate(self._file, size - size % ROW.size)

    def write(self, rows: Iterable[tuple[int, int]]) -> None:
        """All rows in one write."""
        if data := b"".join(ROW.pack(*row) for row in rows):
            os.write(self._file, data)


def rows(path: Path) -> list[Row]:
    """Every whole row of a journal, oldest first; none where there is no file."""
    data = path.read_bytes() if path.exists() else b""
    whole = len(data) - len(data) % ROW.size
    return [Row(*row) for row in ROW.iter_unpack(data[:whole])]


def last(path: Path) -> int:
    """The number of the last whole row, 0 where there is none."""
    if not (count := length(path)):
        return 0
    with path.open("rb") as file:
        file.seek((count - 1) * ROW.size)
        return Row(*ROW.unpack(file.read(ROW.size))).number


def length(path: Path) -> int:
    """How many whole rows a journal has."""
    return path.stat().st_size // ROW.size if path.exists() else 0
