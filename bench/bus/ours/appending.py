"""Appends through the bus, with live subscribers that check for gaps and heal from the tape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bench.bus.broker import check_taken, client_of, running_bus
from bench.bus.payload import drafts
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch, resident_mb
from bench.observing import Observation, observed
from bench.worker import Argument, Gate, Worker
from bus.client import Client
from bus.codec import Draft
from bus.message import Durability

WARM_UP = 20
"""The twentieth part of a run goes before it, unmeasured."""
SINGLE = 1, 1_000
"""Events a turn, events in flight."""
BATCHED = 64, 4_096
PREPARED_MAX = 64_000


class Load(msgspec.Struct, frozen=True):
    """What a producer appends: the warm-up and the measured events, in turns, a window of them."""

    events: int
    warm: int
    turn_events: int
    turns_in_flight: int
    durability: Durability

    @property
    def arguments(self) -> dict[str, Argument]:
        """The same as a worker's arguments."""
        return msgspec.structs.asdict(self)


def load_of(events: int, window: tuple[int, int], durability: Durability) -> Load:
    """The load of about so many events; a window is events a turn and events in flight."""
    turn_events, in_flight = window
    warm = max(1, events // WARM_UP // turn_events) * turn_events
    events = max(1, events // turn_events) * turn_events
    return Load(events, warm, turn_events, in_flight // turn_events, durability)


def synced_single(room: Room) -> Sample:
    """One event a turn, 1,000 turns in flight."""
    with room.home() as home:
        return appended(home, load_of(room.events // 4, SINGLE, "synced"))


def synced_batched(room: Room) -> Sample:
    """64 events a turn, 4,096 events in flight."""
    with room.home() as home:
        return appended(home, load_of(room.events, BATCHED, "synced"))


def logged_batched(room: Room) -> Sample:
    """The same, safe against the death of any process, but not against a loss of power."""
    with room.home() as home:
        return appended(home, load_of(room.events, BATCHED, "logged"))


def delivered(room: Room) -> Sample:
    """Events a second at the live subscriber, while they are appended (logged) at full rate."""
    sample = logged_batched(room)
    notes = {"appended_per_second": sample.value, **sample.notes}
    return Sample(notes.pop("delivered_per_second"), sample.cpu_us, notes)


def appended(home: Path, load: Load, listeners: tuple[int, ...] = (1,)) -> Sample:
    """Events a second, acknowledged; each number of ``listeners`` is a process of so many."""
    with running_bus(home) as bus:
        workers = workers_of(home, load, listeners)
        seen = observed(workers, server_pid=bus.pid, served=load.warm + load.events)
        return _sample(seen, resident_mb(bus.pid))


def workers_of(home: Path, load: Load, listeners: tuple[int, ...] = (1,)) -> dict[str, Worker]:
    """The listening processes and then the producer, on a bus that runs in this home."""
    workers = {
        f"subscriber{n}": Worker(
            follow, home=str(home), process=n, clients=clients, warm=load.warm, events=load.events
        )
        for n, clients in enumerate(listeners)
    }
    return {**workers, "producer": Worker(produce, home=str(home), **load.arguments)}


def _sample(seen: Observation, rss_mb: float) -> Sample:
    produced = seen.spans["producer"]
    heard = [span for role, span in seen.spans.items() if role != "producer"]
    delivered = sum(span.events for span in heard)
    return Sample(
        produced.rate,
        cpu_us={
            "server": seen.cpu_us["server"],
            "producer": produced.cpu_us,
            "subscriber": sum(span.cpu_seconds for span in heard) * 1e6 / delivered,
        },
        notes={
            "delivered_per_second": delivered / max(span.seconds for span in heard),
            "unfitting_frames": sum(span.notes["unfitting_frames"] for span in heard),
            "resends": produced.notes["resends"],
            "rss_mb": rss_mb,
        },
    )


def produce(gate: Gate, home: str, **arguments: Any) -> Span:
    """Append the events, a bounded number of turns in flight; done when all are acknowledged."""
    load = Load(**arguments)
    client = client_of(home, "producer", listen=False)
    turns = _turns(load)
    gate.wait()
    _append(client, turns, load.warm, load)
    watch = Stopwatch()
    _append(client, turns, load.events, load)
    return watch.span(load.events, notes={"resends": client.standing.resends})


def _turns(load: Load) -> list[tuple[Draft, ...]]:
    size = load.turn_events
    prepared = drafts(min(load.events, PREPARED_MAX // size * size))
    return [tuple(prepared[at : at + size]) for at in range(0, len(prepared), size)]


def _append(client: Client, turns: list[tuple[Draft, ...]], events: int, load: Load) -> None:
    count = events // load.turn_events
    first = (client.standing.mark or 0) + 1
    sent = 0
    while sent < count or client.in_flight:
        while sent < count and client.in_flight < load.turns_in_flight:
            client.append(turns[sent % len(turns)], first + sent, load.durability)
            sent += 1
        check_taken(client.poll(1.0))


def follow(gate: Gate, home: str, process: int, clients: int, warm: int, events: int) -> Span:
    """Follow the tape with some clients of one process; every seq must come once, in order."""
    listening = [client_of(home, f"listener{process}x{number}") for number in range(clients)]
    start = listening[0].follower.cursor + warm
    gate.wait()
    _hear_until(listening, start + 1)
    watch = Stopwatch()
    _hear_until(listening, start + events)
    unfitting = sum(client.follower.gaps for client in listening)
    return watch.span(events * clients, notes={"unfitting_frames": unfitting})


def _hear_until(clients: list[Client], seq: int) -> None:
    """Until each has folded this seq; one waits for its socket, several are asked in turn."""
    waiting = clients
    while waiting:
        for client in waiting:
            client.poll(1.0 if len(clients) == 1 else 0.001)
            _fold(client)
        waiting = [client for client in waiting if client.follower.cursor < seq]


def _fold(client: Client) -> None:
    cursor = client.follower.cursor
    while records := client.facts(2_048):
        for record in records:
            cursor += 1
            if record.seq != cursor:
                raise RuntimeError(f"seq {record.seq} came where seq {cursor} was due")
