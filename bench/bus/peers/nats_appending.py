"""Publishing to JetStream: nats-py's asynchronous publish, and the bare protocol, pipelined."""

from __future__ import annotations

import asyncio

from bench.bus.payload import bodies
from bench.bus.peers.nats_server import running_nats
from bench.bus.peers.raw_nats import RawNats
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch
from bench.observing import observed, rate_of
from bench.worker import Gate, Worker

IN_FLIGHT = 1_000
BATCH = 1_000
"""The most that the server takes in an atomic batch."""
BATCHES_IN_FLIGHT = 4


def default(room: Room) -> Sample:
    """nats-py, the server's default: an acknowledged message is synced within two minutes."""
    return _published_by_library(room, room.events // 10, always=False)


def always(room: Room) -> Sample:
    """nats-py, `sync_interval: always`: every message is synced before it is acknowledged."""
    return _published_by_library(room, room.events // 40, always=True)


def raw_default(room: Room) -> Sample:
    """The bare protocol, the server's default."""
    with running_nats(room) as nats:
        worker = Worker(publish_raw, port=nats.port, events=room.events)
        seen = observed({"producer": worker}, server_pid=nats.pid, served=room.events)
        return rate_of("producer", seen)


def atomic_always(room: Room) -> Sample:
    """The bare protocol, atomic batches of 1,000, four in flight, `sync_interval: always`."""
    events = max(1, room.events // 2 // BATCH) * BATCH
    with running_nats(room, always=True, atomic=True) as nats:
        worker = Worker(publish_batches, port=nats.port, events=events)
        seen = observed({"producer": worker}, server_pid=nats.pid, served=events)
        return rate_of("producer", seen)


def _published_by_library(room: Room, events: int, *, always: bool) -> Sample:
    with running_nats(room, always=always) as nats:
        worker = Worker(publish, port=nats.port, events=events)
        seen = observed({"producer": worker}, server_pid=nats.pid, served=events)
        return rate_of("producer", seen)


def publish(gate: Gate, port: int, events: int) -> Span:
    """Publish asynchronously, 1,000 messages in flight; done when all are acknowledged."""
    return asyncio.run(_publish(gate, port, events))


async def _publish(gate: Gate, port: int, events: int) -> Span:
    import nats

    connection = await nats.connect(f"nats://127.0.0.1:{port}")
    stream = connection.jetstream(publish_async_max_pending=IN_FLIGHT)
    messages = bodies(events)
    gate.wait()
    watch = Stopwatch()
    acknowledgements = [await stream.publish_async(*message) for message in messages]
    await stream.publish_async_completed()
    span = watch.span(events)
    if await asyncio.gather(*acknowledgements) and acknowledgements[-1].result().seq != events:
        raise RuntimeError("the stream does not end where the messages do")
    await connection.close()
    return span


def publish_raw(gate: Gate, port: int, events: int) -> Span:
    """Publish message by message over the bare protocol."""
    client = RawNats(port)
    messages = bodies(events)
    gate.wait()
    watch = Stopwatch()
    client.publish(messages, IN_FLIGHT)
    return watch.span(events)


def publish_batches(gate: Gate, port: int, events: int) -> Span:
    """Publish in atomic batches over the bare protocol."""
    client = RawNats(port)
    messages = bodies(events)
    gate.wait()
    watch = Stopwatch()
    client.publish_batches(messages, BATCH, BATCHES_IN_FLIGHT)
    return watch.span(events)
