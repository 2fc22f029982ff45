"""The composition root of a service process: settings in, an actor on the ZeroMQ bus out."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from bus.actor import Actor
from bus.client import Client
from bus.clock import SystemClock
from bus.codec import Codec
from bus.errors import AddressRefused, Fenced, LogRegressed, StorageFailed, TapeDamaged, Truncated
from bus.message import Command, Contract
from bus.ports import Saver
from bus.reading import TapeReader
from bus.runtime import Runtime
from bus.saving import SnapshotSaver
from bus.supervisor import FATAL
from bus.transport.zeromq import Address, ZeroMQLink, address
from bus.workers import Workers
from config.logging import configure_logging
from config.settings import PROJECT_ROOT, Settings, SettingsError, prepare_home, read_settings

S = TypeVar("S")

HOPELESS = (Fenced, LogRegressed, TapeDamaged, Truncated, AddressRefused)
"""What a restart cannot mend: the deck stops and says so."""

log = structlog.get_logger()


def start(service: str) -> Settings:
    """Read the settings once, prepare the home, open the log.

    Ends the process with a sentence if that fails.
    """
    try:
        settings = read_settings(os.environ)
        prepare_home(settings)
    except SettingsError as error:
        sys.stderr.write(f"tapedeck: {error}\n")
        sys.exit(FATAL)
    configure_logging(settings, service)
    return settings


def sockets(settings: Settings) -> Address:
    """Where the deck's sockets are; raises `AddressRefused`."""
    return address(settings.bus.url, settings.run_dir, settings.gateway.token.reveal())


def connect(service: str, settings: Settings) -> Client:
    """A client of the running bus."""
    link = ZeroMQLink(sockets(settings))
    return Client(service, link, lambda: TapeReader(settings.tape_path), SystemClock())


def serve(
    actor: Actor[S],
    contract: Contract,
    settings: Settings,
    *,
    saver: Saver[S] | None = None,
    ports: object = None,
    opening: Iterable[Command] = (),
) -> None:
    """Run the actor until the process is told to end."""
    clock = SystemClock()
    client = connect(actor.name, settings)
    runtime = Runtime(
        actor,
        client,
        Codec(contract),
        clock,
        saver=saver or snapshots(actor, settings),
        workers=Workers(lambda effect: actor.do(effect, ports), client.wake),
        opening=opening,
    )
    until_told(client.wake, runtime.step)
    runtime.finish(settings.bus.drain_seconds)


def until_told(wake: Callable[[], None], step: Callable[[], None]) -> None:
    """Repeat the step until TERM or INT.

    What no restart can mend ends the process with its reason.
    """
    told: list[int] = []

    def end(number: int, frame: object) -> None:
        del frame
        told.append(number)
        wake()

    signal.signal(signal.SIGTERM, end)
    try:
        while not told:
            step()
    except HOPELESS as error:
        log.critical("process.hopeless", error=str(error))
        sys.exit(FATAL)
    except StorageFailed as error:
        log.critical("process.storage_failed", error=str(error))
        sys.exit(1)


def snapshots(actor: Actor[S], settings: Settings) -> SnapshotSaver[S]:
    """The actor's snapshots in the home, good for this code alone."""
    path = settings.state_dir / f"{actor.name}.snapshot"
    return SnapshotSaver(path, actor.state, actor.initial, code_version(), SystemClock())


def code_version() -> str:
    """A hash of everything that folds: a snapshot of other code is not used."""
    digest = hashlib.sha256()
    for folder in ("bus", "market", "services"):
        for path in sorted((PROJECT_ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
