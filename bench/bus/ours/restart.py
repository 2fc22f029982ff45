"""The bus is started on a long tape: how long until it serves, and what that time is spent on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.bus.broker import environment_of, running_bus, settings_of
from bench.bus.tapes import home_with
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch
from bench.observing import observed
from bench.worker import ROOT, Gate, Worker
from bus.tape import TapeWriter

_IMPORTS = "import time, bus.__main__; print(time.monotonic())"


def ready_on_a_tape_of(length: int, room: Room) -> Sample:
    """Seconds from the process's start until its sockets are bound, the file in the page cache."""
    home = home_with(room, length)
    opening = Worker(open_tape, path=str(settings_of(home).tape_path))
    opened = observed({"process": opening}).spans["process"]
    _imports_seconds(home)  # the first start of a version writes its byte code, later ones read it
    started = time.monotonic()
    with running_bus(home):
        seconds = time.monotonic() - started
    notes = {"imports_seconds": _imports_seconds(home), "opening_seconds": opened.seconds}
    return Sample(seconds, notes=notes)


def open_tape(gate: Gate, path: str) -> Span:
    """Open the tape for writing, as the bus does."""
    gate.wait()
    watch = Stopwatch()
    tape = TapeWriter(Path(path))
    span = watch.span(1)
    tape.close()
    return span


def _imports_seconds(home: Path) -> float:
    started = time.monotonic()
    command = [sys.executable, "-c", _IMPORTS]
    environment = environment_of(home)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    return float(done.stdout) - started
