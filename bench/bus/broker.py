"""The bus process under measurement, in a home of its own, and the production client of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.server import Server
from bus.client import Client, Incoming
from bus.clock import SystemClock
from bus.codec import Appended
from bus.process import sockets
from bus.reading import TapeReader
from bus.transport.zeromq import ZeroMQLink
from config.settings import Settings, read_settings

WELCOME_SECONDS = 10.0

_LEFT_OUT = ("TAPEDECK_", "PYTHONDONTWRITEBYTECODE")


@contextmanager
def running_bus(home: Path) -> Iterator[Server]:
    """``python -m bus`` on this home, ready."""
    log = settings_of(home).logs_dir / "bus.jsonl"
    starts = _starts(log)
    command = [sys.executable, "-m", "bus"]
    with Server(command, home, lambda: _starts(log) > starts, environment_of(home)) as server:
        yield server


def client_of(home: str, service: str, *, listen: bool = True) -> Client:
    """A client that the bus has welcomed; it follows the tape from where it ends now."""
    settings = settings_of(Path(home))
    link = ZeroMQLink(sockets(settings), listen=listen)
    client = Client(service, link, lambda: TapeReader(settings.tape_path), SystemClock())
    client.ready = True
    clock = SystemClock()
    deadline = clock.elapsed_seconds() + WELCOME_SECONDS
    while not client.welcome:
        client.poll(0.05)
        if clock.elapsed_seconds() > deadline:
            raise TimeoutError(f"the bus in {home} did not welcome {service}")
    client.follower.cursor = client.follower.head
    return client


def check_taken(incoming: Sequence[Incoming]) -> None:
    """Raise for a turn that was not taken."""
    others = [answer for answer in incoming if not isinstance(answer, Appended)]
    if others:
        raise RuntimeError(f"the bus did not take a turn: {others[0]!r}")


def settings_of(home: Path) -> Settings:
    """The settings of a deck in this home."""
    return read_settings(environment_of(home))


def environment_of(home: Path) -> dict[str, str]:
    """This environment with another home, without what its user set for a deck.

    Byte code is kept, as it is for everybody after the first start, and beside the home.
    """
    kept = {name: text for name, text in os.environ.items() if not name.startswith(_LEFT_OUT)}
    code = str(home.parent / "bytecode")
    return {**kept, "TAPEDECK_HOME": str(home), "PYTHONPYCACHEPREFIX": code}


def _starts(log: Path) -> int:
    return log.read_bytes().count(b'"bus.ready"') if log.exists() else 0
