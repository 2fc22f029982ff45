"""Tapes of a given length, written by the tape's own writer, once for a whole bench."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.bus.broker import settings_of
from bench.bus.payload import drafts
from bench.cases import Room
from bus.codec import Append
from bus.tape import TapeWriter
from config.settings import prepare_home

TURN_EVENTS = 2_000
TURNS_A_COMMIT = 16


def home_with(room: Room, events: int) -> Path:
    """A home on the shelf whose tape holds so many events; what is appended to it stays there."""
    home = room.shelf / f"tape-{events}"
    if not home.exists():
        sys.stderr.write(f"  a tape of {events:,} events is written, once\n")
        settings = settings_of(home)
        prepare_home(settings)
        fill(settings.tape_path, events)
    return home


@contextmanager
def copy_with(room: Room, events: int) -> Iterator[Path]:
    """A copy of such a home for one run."""
    with room.home() as folder:
        yield Path(shutil.copytree(home_with(room, events), folder / "home"))


def fill(path: Path, events: int) -> None:
    """Append quotes of all tickers in large turns until the tape holds so many events."""
    turn = tuple(drafts(min(events, TURN_EVENTS)))
    tape = TapeWriter(path)
    epoch = tape.enlist("filler", 0).epoch
    counts = [len(turn)] * (events // len(turn)) + [events % len(turn)]
    turns = [
        Append("filler", epoch, number - 1, number, "logged", turn[:count])
        for number, count in enumerate(counts)
        if count
    ]
    for at in range(0, len(turns), TURNS_A_COMMIT):
        tape.append(turns[at : at + TURNS_A_COMMIT], time.time_ns() // 1_000)
    tape.close()
