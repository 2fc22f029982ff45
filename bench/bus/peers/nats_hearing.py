"""Hearing from JetStream with nats-py: a push consumer's rate, and from said to heard."""

from __future__ import annotations

import asyncio
from typing import Any

from bench.bus.pacing import ticks
from bench.bus.payload import bodies, body, said_us, subject
from bench.bus.peers.nats_server import running_nats
from bench.bus.peers.raw_nats import RawNats
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch, monotonic_us
from bench.observing import delay_of, observed, rate_of
from bench.worker import Gate, Worker


def delivered(room: Room) -> Sample:
    """An ordered push consumer of a stream that is full already: the server never waits."""
    events = room.events // 2
    with running_nats(room) as nats:
        filling = RawNats(nats.port)
        filling.publish(bodies(events), in_flight=1_000)
        filling.close()
        worker = Worker(consume, port=nats.port, events=events)
        seen = observed({"subscriber": worker}, server_pid=nats.pid, served=events)
        return rate_of("subscriber", seen)


def said_to_heard(room: Room) -> Sample:
    """One message each millisecond, the server's default sync; one way, two processes."""
    with running_nats(room) as nats:
        workers = {
            "subscriber": Worker(listen, port=nats.port, events=room.paced),
            "producer": Worker(speak, port=nats.port, events=room.paced),
        }
        return delay_of("subscriber", observed(workers, server_pid=nats.pid, served=room.paced))


def consume(gate: Gate, port: int, events: int) -> Span:
    """Hear the whole stream."""
    return asyncio.run(_consume(gate, port, events))


async def _consume(gate: Gate, port: int, events: int) -> Span:
    connection, stream = await _connected(port)
    heard = 0
    done = asyncio.Event()

    async def hear(message: Any) -> None:
        nonlocal heard
        heard += bool(message.data)
        if heard == events:
            done.set()

    gate.wait()
    watch = Stopwatch()
    await stream.subscribe("market.>", cb=hear, ordered_consumer=True)
    await done.wait()
    span = watch.span(events)
    await connection.close()
    return span


def speak(gate: Gate, port: int, events: int) -> Span:
    """Say one message each millisecond; acknowledgements come when they come."""
    return asyncio.run(_speak(gate, port, events))


async def _speak(gate: Gate, port: int, events: int) -> Span:
    connection, stream = await _connected(port)
    gate.wait()
    watch = Stopwatch()
    for number, pause in enumerate(ticks(events)):
        await asyncio.sleep(pause)
        await stream.publish_async(subject(number), body(number, monotonic_us()))
    await stream.publish_async_completed()
    span = watch.span(events)
    await connection.close()
    return span


def listen(gate: Gate, port: int, events: int) -> Span:
    """Hear them, decoded and validated; the delay of each."""
    return asyncio.run(_listen(gate, port, events))


async def _listen(gate: Gate, port: int, events: int) -> Span:
    connection, stream = await _connected(port)
    delays: list[float] = []
    done = asyncio.Event()

    async def hear(message: Any) -> None:
        said = said_us(message.data)
        delays.append(float(monotonic_us() - said))
        if len(delays) == events:
            done.set()

    await stream.subscribe("market.>", cb=hear, ordered_consumer=True)
    gate.wait()
    watch = Stopwatch()
    await done.wait()
    span = watch.span(events, delays)
    await connection.close()
    return span


async def _connected(port: int) -> tuple[Any, Any]:
    import nats

    connection = await nats.connect(f"nats://127.0.0.1:{port}")
    return connection, connection.jetstream(publish_async_max_pending=1_000)
