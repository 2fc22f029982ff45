"""The composition root of a service process: settings in, an actor on the ZeroMQ bus out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TypeVar

from bus.actor import Actor
from bus.client import Client
from bus.clock import SystemClock
from bus.codec import Codec
from bus.message import Command, Contract
from bus.ports import Saver
from bus.process import sockets, until_told
from bus.reading import TapeReader
from bus.runtime import Runtime
from bus.saving import SnapshotSaver
from bus.transport.zeromq import ZeroMQLink
from bus.workers import Workers
from config.settings import PROJECT_ROOT, Settings

S = TypeVar("S")


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
