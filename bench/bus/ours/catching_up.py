"""Joins a full tape with the production client and hears all of it: what a push consumer does."""

from __future__ import annotations

from pathlib import Path

from bench.bus.broker import client_of, running_bus
from bench.bus.tapes import copy_with
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch
from bench.observing import observed, rate_of
from bench.worker import Gate, Worker

PAGE_EVENTS = 2_048


def delivered(room: Room) -> Sample:
    """Every event of a full tape, in order, checksums held; the bus runs beside."""
    with copy_with(room, room.events) as home, running_bus(home) as bus:
        worker = Worker(hear, home=str(home), events=room.events)
        seen = observed({"subscriber": worker}, server_pid=bus.pid, served=room.events)
        return rate_of("subscriber", seen)


def hear(gate: Gate, home: str, events: int) -> Span:
    """Hear the whole tape."""
    client = client_of(str(Path(home)), "joiner")
    client.follower.cursor = heard = 0
    gate.wait()
    watch = Stopwatch()
    while heard < events:
        client.poll(0.0)
        heard += len(client.facts(PAGE_EVENTS))
    span = watch.span(events)
    if client.follower.cursor != events:
        raise RuntimeError(f"{heard} events were heard, up to seq {client.follower.cursor}")
    client.close()
    return span
