"""A question and its answer by nats-py's request, and a NATS server in which nothing happens."""

from __future__ import annotations

import asyncio
from typing import Any

from bench.bus.payload import body
from bench.bus.peers.nats_server import running_nats
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch, monotonic_us
from bench.observing import delay_of, idle, observed
from bench.worker import Gate, Worker


def round_trip(room: Room) -> Sample:
    """One question at a time, its answer the same 212 bytes; the producer asks."""
    with running_nats(room) as nats:
        workers = {
            "subscriber": Worker(answer, port=nats.port, questions=room.paced),
            "producer": Worker(ask, port=nats.port, questions=room.paced),
        }
        return delay_of("producer", observed(workers, server_pid=nats.pid, served=room.paced))


def waiting(room: Room) -> Sample:
    """Percent of one core with nobody connected, and the resident memory."""
    with running_nats(room) as nats:
        return idle(nats.pid)


def answer(gate: Gate, port: int, questions: int) -> Span:
    """Be the service that is asked."""
    return asyncio.run(_answer(gate, port, questions))


async def _answer(gate: Gate, port: int, questions: int) -> Span:
    connection = await _connected(port)
    answered = 0
    done = asyncio.Event()

    async def reply(message: Any) -> None:
        nonlocal answered
        await message.respond(message.data)
        answered += 1
        if answered == questions:
            done.set()

    await connection.subscribe("answering", cb=reply)
    await connection.flush()
    gate.wait()
    watch = Stopwatch()
    await done.wait()
    await connection.flush()
    return watch.span(questions)


def ask(gate: Gate, port: int, questions: int) -> Span:
    """Ask, wait for the answer, ask again; the time of each."""
    return asyncio.run(_ask(gate, port, questions))


async def _ask(gate: Gate, port: int, questions: int) -> Span:
    connection = await _connected(port)
    question = body(0)
    gate.wait()
    watch = Stopwatch()
    delays: list[float] = []
    for _ in range(questions):
        asked_us = monotonic_us()
        await connection.request("answering", question, timeout=10)
        delays.append(float(monotonic_us() - asked_us))
    return watch.span(questions, delays)


async def _connected(port: int) -> Any:
    import nats

    return await nats.connect(f"nats://127.0.0.1:{port}")
