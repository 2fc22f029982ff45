"""A proxy between the clients' sockets and the bus that loses, doubles, delays and cuts by chance.

Each client's frames run through a line of its own in each direction, the live frames through one.
Now and then everything stands still for longer than a producer waits before it sends again, or
connections are cut: that of one client to the bus, or those of all to the proxy.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import zmq

from bus.process import until_told
from bus.transport.zeromq import Address
from tests.bus.rig import Fate, Line
from tests.torture.journal import Journal
from tests.torture.place import Place
from tests.torture.probes import Doom

FATES: dict[Fate, int] = {"pass": 94, "drop": 2, "twice": 2, "late": 2}
TROUBLE_EVERY_SECONDS = 1.0
STILL_SECONDS = 0.7
POLL_MS = 20
FRAMES_AT_ONCE = 500

Socket = zmq.Socket[bytes]


class Wires:
    """The proxy's side towards the clients, and a connection to the bus for each of them."""

    def __init__(self, place: Place, line: Callable[[], Line]) -> None:
        self._upstream = place.bus
        self._downstream = place.clients
        self._line = line
        self._context = zmq.Context()
        self._open()
        self._sub = self._context.socket(zmq.SUB)
        self._sub.connect(self._upstream.tape)
        self._sub.subscribe(b"")
        self._live = line()

    def carry(self) -> None:
        """Everything that has come goes on, or meets its fate."""
        self._ready()
        for identity, frame in _received(self._router):
            if identity not in self._clients:
                self._clients[identity] = _Client(self._context, self._upstream, self._line)
            self._clients[identity].send(frame)
        for identity, client in self._clients.items():
            for frame in client.receive():
                self._router.send_multipart([identity, frame], zmq.NOBLOCK)
        for frame in self._live.carry([parts[0] for parts in _received(self._sub)]):
            self._pub.send(frame, zmq.NOBLOCK)

    def cut_one(self, chance: random.Random) -> None:
        """One client's connection to the bus breaks; it is made anew with its next frame."""
        if self._clients:
            self._clients.pop(chance.choice(sorted(self._clients))).close()

    def cut_all(self) -> None:
        """Every client's connection to the proxy breaks, and the bus hears no more of them."""
        self.close_front()
        self._live.break_off()
        self._open()

    def close_front(self) -> None:
        """Whoever is connected is so no longer."""
        for client in self._clients.values():
            client.close()
        self._front.destroy(linger=0)

    def close(self) -> None:
        """Let go of everything."""
        self.close_front()
        self._context.destroy(linger=0)

    def _open(self) -> None:
        self._clients: dict[bytes, _Client] = {}
        self._front = zmq.Context()
        self._router: Socket = self._front.socket(zmq.ROUTER)
        self._router.bind(self._downstream.bus)
        self._pub: Socket = self._front.socket(zmq.PUB)
        self._pub.bind(self._downstream.tape)

    def _ready(self) -> None:
        poller = zmq.Poller()
        for socket in (self._router, self._sub, *(each.socket for each in self._clients.values())):
            poller.register(socket, zmq.POLLIN)
        poller.poll(POLL_MS)


class _Client:
    """One client's connection to the bus."""

    def __init__(
        self, context: zmq.Context[Socket], where: Address, line: Callable[[], Line]
    ) -> None:
        self.socket: Socket = context.socket(zmq.DEALER)
        self.socket.connect(where.bus)
        self._up, self._down = line(), line()

    def send(self, frame: bytes) -> None:
        for each in self._up.carry([frame]):
            self.socket.send(each, zmq.NOBLOCK)

    def receive(self) -> list[bytes]:
        return self._down.carry([parts[0] for parts in _received(self.socket)])

    def close(self) -> None:
        self.socket.close(linger=0)


def proxy(place: Place, name: str, doom: Doom, seed: int) -> None:
    """Carry frames until told to end, then note how many met with what."""
    del doom
    chance, faults = random.Random(seed), 0

    def fates() -> Iterator[Fate]:
        nonlocal faults
        while True:
            [fate] = chance.choices(list(FATES), list(FATES.values()))
            faults += fate != "pass"
            yield fate

    wires = Wires(place, lambda: Line(fates()))
    trouble_at = time.monotonic() + TROUBLE_EVERY_SECONDS

    def step() -> None:
        nonlocal faults, trouble_at
        now = time.monotonic()
        if now >= trouble_at:
            faults += 1
            trouble_at = now + chance.uniform(0.5, 1.5) * TROUBLE_EVERY_SECONDS
            _make_trouble(wires, chance)
        wires.carry()

    until_told(lambda: None, step)
    Journal(place.journal(name)).write([(1, faults)])
    wires.close()


def _make_trouble(wires: Wires, chance: random.Random) -> None:
    match chance.choice(("still", "cut one", "cut one", "cut all")):
        case "still":
            zmq.Poller().poll(round(STILL_SECONDS * 1_000))
        case "cut one":
            wires.cut_one(chance)
        case _:
            wires.cut_all()


def _received(socket: Socket) -> Iterator[list[bytes]]:
    for _ in range(FRAMES_AT_ONCE):
        try:
            yield socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
