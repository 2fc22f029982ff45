"""Where a tortured deck lies: a folder with its sockets, its tape, its states and journals."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bus.client import Client
from bus.clock import SystemClock
from bus.ports import Clock, Link
from bus.reading import TapeReader
from bus.transport.zeromq import Address, ZeroMQLink, address
from tests.torture.clocks import SetClock


class Place(NamedTuple):
    """A folder; with ``proxied`` the clients' sockets are a proxy's, with ``set_clock`` its clocks
    are the test's.
    """

    folder: Path
    proxied: bool = False
    set_clock: bool = False

    @property
    def tape_path(self) -> Path:
        return self.folder / "tape.db"

    @property
    def bus(self) -> Address:
        """The broker's own sockets."""
        return address("", self.folder)

    @property
    def clients(self) -> Address:
        """The sockets that clients know of."""
        return address("", self.folder / "proxy") if self.proxied else self.bus

    def journal(self, name: str) -> Path:
        return self.folder / f"{name}.journal"

    def snapshot(self, name: str) -> Path:
        return self.folder / f"{name}.snapshot"

    def tables(self, name: str) -> Path:
        return self.folder / f"{name}.db"

    def began(self, name: str) -> Path:
        """Holds the id of the name's last process that began."""
        return self.folder / f"{name}.pid"

    def log(self, name: str) -> Path:
        """What a process has to say about its end."""
        return self.folder / f"{name}.log"

    def clock(self) -> Clock:
        return SetClock(self.folder / "wall") if self.set_clock else SystemClock()

    def link(self) -> Link:
        return ZeroMQLink(self.clients)

    def client(self, name: str, link: Link | None = None) -> Client:
        return Client(name, link or self.link(), lambda: TapeReader(self.tape_path), self.clock())
