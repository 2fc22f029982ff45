"""A wall clock for several processes, which a test sets, stops and lets go on."""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path

_SETTING = struct.Struct("<qq")


class SetClock:
    """The machine's clock, off by what the file says; a frozen one says one instant for ever.

    Each process opens the file for itself. ``elapsed_seconds`` is the machine's: nobody sets that.
    """

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            if file.tell() < _SETTING.size:
                file.write(bytes(_SETTING.size))
                file.flush()
            self._setting = mmap.mmap(file.fileno(), _SETTING.size)

    def now_us(self) -> int:
        """See `bus.ports.Clock`."""
        offset_us, frozen_us = _SETTING.unpack(self._setting[:])
        return int(frozen_us or time.time_ns() // 1_000 + offset_us)

    def elapsed_seconds(self) -> float:
        """See `bus.ports.Clock`."""
        return time.monotonic()

    def step(self, seconds: float) -> None:
        """Set it so far before (or behind) the machine's clock, and let it run."""
        self._setting[:] = _SETTING.pack(round(seconds * 1_000_000), 0)

    def freeze(self) -> None:
        """Stop it where it stands."""
        offset_us, _ = _SETTING.unpack(self._setting[:])
        self._setting[:] = _SETTING.pack(offset_us, self.now_us())
