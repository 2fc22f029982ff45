"""Raw pyzmq PUB to SUB over ipc: what the transport alone gives, without a tape behind it."""

from __future__ import annotations

import time
from pathlib import Path

import zmq

from bench.bus.pacing import ticks
from bench.bus.payload import bodies, body, said_us, subject
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch, monotonic_us
from bench.observing import delay_of, observed, rate_of
from bench.worker import Gate, Worker


def delivered(room: Room) -> Sample:
    """One frame a message, unbounded queues."""
    with room.home() as home:
        return rate_of("subscriber", observed(_pair(home, room.events, paced=False)))


def said_to_heard(room: Room) -> Sample:
    """One message each millisecond; one way, two processes."""
    with room.home() as home:
        return delay_of("subscriber", observed(_pair(home, room.paced, paced=True)))


def _pair(home: Path, events: int, *, paced: bool) -> dict[str, Worker]:
    url = f"ipc://{home}/pub"
    return {
        "subscriber": Worker(listen, url=url, events=events, paced=paced),
        "producer": Worker(speak, url=url, events=events, paced=paced),
    }


def speak(gate: Gate, url: str, events: int, paced: bool) -> Span:
    """Publish once somebody has subscribed."""
    socket = zmq.Context().socket(zmq.XPUB)
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.bind(url)
    socket.recv()
    messages = [] if paced else bodies(events)
    gate.wait()
    watch = Stopwatch()
    if paced:
        for number, pause in enumerate(ticks(events)):
            time.sleep(pause)
            socket.send(_frame(subject(number), body(number, monotonic_us())))
    for message in messages:
        socket.send(_frame(*message))
    return watch.span(events)


def listen(gate: Gate, url: str, events: int, paced: bool) -> Span:
    """Hear them; where they come one by one each is decoded and its delay taken."""
    socket = zmq.Context().socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.connect(url)
    socket.subscribe(b"")
    delays: list[float] = []
    gate.wait()
    frame = b"" if paced else socket.recv()
    watch = Stopwatch()
    for _ in range(events if paced else events - 1):
        frame = socket.recv()
        if paced:
            said = said_us(frame.partition(b"\0")[2])
            delays.append(float(monotonic_us() - said))
    return watch.span(events, delays)


def _frame(name: str, data: bytes) -> bytes:
    return name.encode() + b"\0" + data
