"""The broker of a deck in which nothing happens."""

from __future__ import annotations

from bench.bus.broker import client_of, running_bus
from bench.cases import Room, Sample
from bench.measures import Span
from bench.observing import idle
from bench.worker import Gate, Worker

CONNECTED = 5


def alone(room: Room) -> Sample:
    """Percent of one core with nobody connected, and the resident memory."""
    with room.home() as home, running_bus(home) as bus:
        return idle(bus.pid)


def connected(room: Room) -> Sample:
    """The same with the services of a deck, each of which greets every second."""
    with room.home() as home, running_bus(home) as bus:
        return idle(bus.pid, Worker(listen, home=str(home)))


def listen(gate: Gate, home: str) -> Span:
    """Be five services that only listen, until the parent ends this process."""
    clients = [client_of(home, f"idle{number}") for number in range(CONNECTED)]
    gate.wait()
    while True:
        for client in clients:
            client.poll(0.2)
