"""From said to heard through the bus: one event each millisecond, one way, two processes."""

from __future__ import annotations

import time
from pathlib import Path

from bench.bus.broker import check_taken, client_of, running_bus
from bench.bus.pacing import ticks
from bench.bus.payload import quote
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch, monotonic_us
from bench.observing import delay_of, observed
from bench.worker import Gate, Worker
from bus.client import Client
from bus.codec import Codec
from bus.message import Durability, Fact
from market.messages import CONTRACT
from market.messages.fetcher import Quote


def logged(room: Room) -> Sample:
    """Safe against the death of any process before anybody hears it."""
    return _said_to_heard(room, "logged")


def synced(room: Room) -> Sample:
    """Safe against a loss of power before anybody hears it."""
    return _said_to_heard(room, "synced")


def speaking(home: Path, events: int, durability: Durability) -> dict[str, Worker]:
    """The one who hears and the one who says, on a bus that runs in this home."""
    return {
        "subscriber": Worker(listen, home=str(home), events=events),
        "producer": Worker(speak, home=str(home), events=events, durability=durability),
    }


def _said_to_heard(room: Room, durability: Durability) -> Sample:
    with room.home() as home, running_bus(home) as bus:
        workers = speaking(home, room.paced, durability)
        return delay_of("subscriber", observed(workers, server_pid=bus.pid, served=room.paced))


def speak(gate: Gate, home: str, events: int, durability: Durability) -> Span:
    """Say one event each millisecond; acknowledgements come when they come."""
    client = client_of(home, "speaker", listen=False)
    codec = Codec(CONTRACT)
    first = (client.standing.mark or 0) + 1
    gate.wait()
    watch = Stopwatch()
    for number, pause in enumerate(ticks(events)):
        time.sleep(pause)
        draft = codec.draft(quote(number, monotonic_us()))
        client.append((draft,), first + number, durability)
        check_taken(client.poll(0.0))
    while client.in_flight:
        check_taken(client.poll(1.0))
    return watch.span(events)


def listen(gate: Gate, home: str, events: int) -> Span:
    """Hear them, decoded and validated; the delay of each."""
    client = client_of(home, "listener")
    codec = Codec(CONTRACT)
    gate.wait()
    watch = Stopwatch()
    delays: list[float] = []
    while len(delays) < events:
        client.poll(1.0)
        delays += _delays(client, codec)
    return watch.span(events, delays)


def _delays(client: Client, codec: Codec) -> list[float]:
    facts: list[Fact[Quote]] = [codec.fact(record) for record in client.facts(2_048)]
    now_us = monotonic_us()
    return [float(now_us - fact.event.market_time_us) for fact in facts]
