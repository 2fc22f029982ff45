"""A case: one thing that is measured once in each round, and the room it is measured in."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec


class Sample(msgspec.Struct, frozen=True):
    """One measurement of a case.

    ``value`` is in the case's unit. ``cpu_us`` holds CPU microseconds an event by role (server,
    producer, subscriber, process), ``notes`` what else is worth telling, the unit last in its name.
    """

    value: float
    cpu_us: dict[str, float] = {}
    notes: dict[str, float] = {}


@dataclass(frozen=True)
class Room:
    """Where a case is run: how many events, and folders that vanish with the bench.

    ``shelf`` outlives a case: what is dear to make (a tape of a million events) is put there once.
    """

    folder: Path
    events: int
    shelf: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shelf", self.folder / "shelf")
        self.shelf.mkdir(exist_ok=True)

    @property
    def paced(self) -> int:
        """Events of a run that says one each millisecond: 3 seconds of them."""
        return min(self.events, 3_000)

    @contextmanager
    def home(self) -> Iterator[Path]:
        """A fresh folder for one run."""
        home = Path(tempfile.mkdtemp(prefix="run-", dir=self.folder))
        try:
            yield home
        finally:
            shutil.rmtree(home)


@dataclass(frozen=True)
class Case:
    """One measured thing: its name, who is measured doing what, the unit, and how.

    ``run`` raises `bench.server.Absent` where the peer is not on this machine. A ``long`` case runs
    only when it is asked for.
    """

    name: str
    label: str
    unit: str
    run: Callable[[Room], Sample]
    long: bool = False

    @property
    def group(self) -> str:
        """The first word of the name: cases of one group are compared with each other."""
        return self.name.partition(".")[0]
