"""A stranger at the control socket can neither stop, slow nor forge, whatever it sends."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq

from market.messages.cache import CacheStatus
from market.messages.fetcher import CollectorStatus
from services.gateway.client import Client
from services.gateway.control import FRAME_BYTES_MAX, QUEUED_FRAMES_MAX, Control
from services.gateway.metrics import Figures, Meters
from tests.bus.rig import until
from tests.bus.strangers import (
    RawPeer,
    first_of_three_free_ports,
    hello,
    noise,
    part,
    spoilt,
    stranger,
)
from tests.services.gateway import samples
from tests.services.gateway.fakes import FakeDeck
from tests.torture.forms import forms
from tests.torture.report import record

pytestmark = [pytest.mark.guarantee("strangers"), pytest.mark.timeout(900)]

TOKEN = "a long and random word"
REQUEST: bytes = msgpack.packb({"verb": "status", "args": {}})


class Served:
    """A control socket over a deck that answers at once, and an honest client of it."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self.deck = FakeDeck({CollectorStatus: samples.collector(), CacheStatus: samples.cache()})
        self.meters = Meters()
        self._control = Control(self.deck, self.meters, address, token)
        self._client = Client(address, token)
        self.asked = 0
        self.answered = 0

    def ask(self) -> None:
        """The honest client asks, and is answered."""
        self.asked += 1
        self.answered += bool(self._client.call("status")["success"])

    def count(self, code: str) -> float:
        """How many requests ended with this code."""
        name = f'tapedeck_requests_total{{code="{code}",door="control",'
        lines = self.meters.text(Figures(None, None, None)).decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    def close(self) -> None:
        self._client.close()
        self._control.close()


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A deck over ipc, or over the transport that the test names."""
    with tempfile.TemporaryDirectory(prefix="td-") as folder:
        address, token = f"ipc://{Path(folder) / 'control'}", ""
        if getattr(request, "param", "ipc") == "tcp":
            address, token = f"tcp://127.0.0.1:{first_of_three_free_ports()}", TOKEN
        with closing(Served(address, token)) as served:
            yield served


@pytest.fixture
def dealer(served: Served) -> Iterator[Callable[[], zmq.Socket[bytes]]]:
    """Opens sockets that keep no rule of the protocol."""
    opened: list[zmq.Socket[bytes]] = []
    with zmq.Context() as context:

        def dealt() -> zmq.Socket[bytes]:
            opened.append(stranger(context, zmq.DEALER))
            return opened[-1]

        yield dealt
        for peer in opened:
            peer.close()


@pytest.mark.parametrize("served", ["ipc", "tcp"], indirect=True)
@forms("size", short=1_000_000, long=20_000_000)
def test_noise_becomes_no_request_and_disturbs_nobody(served: Served, size: int) -> None:
    chance, began, taken, peers = random.Random(size), time.monotonic(), 0, 0
    while taken < size:
        with RawPeer(served.address) as peer:
            taken += peer.say(noise(chance))
            peers += 1
            served.ask()
    tell("noise on control", served, peers, began)

    assert (served.answered, served.count(""), served.count("bad_frame")) == (peers, peers, 0)


@forms("count", short=3_000, long=60_000)
def test_requests_that_are_almost_right_are_answered_and_disturb_nobody(
    served: Served, dealer: Any, count: int
) -> None:
    chance, began, peer = random.Random(count), time.monotonic(), dealer()
    peer.connect(served.address)
    replies = []
    for number in range(count):
        body = spoilt(REQUEST, chance) if number % 8 else chance.randbytes(40)
        peer.send_multipart([b"", body])
        replies.append(msgpack.unpackb(peer.recv_multipart()[-1])["ok"])
        if number % 10 == 0:
            served.ask()
    tell("spoilt requests", served, count, began)

    assert served.answered == served.asked
    assert served.count("") == served.asked + sum(replies)
    assert {type(query) for query in served.deck.asked} <= {CollectorStatus, CacheStatus}


@forms("count", short=150, long=15_000)
def test_noise_after_a_proper_handshake_disturbs_nobody(served: Served, count: int) -> None:
    chance, began = random.Random(count), time.monotonic()
    for _ in range(count):
        parts = [
            part(chance.randbytes(chance.randrange(600)), more=chance.random() < 0.3)
            for _ in range(chance.randrange(20))
        ]
        with RawPeer(served.address) as peer:
            peer.enter(chance.choice(["DEALER", "REQ"]))
            peer.say(b"".join(parts) + chance.randbytes(200))
            served.ask()
    tell("noise after a handshake on control", served, count, began)

    assert served.answered == count
    assert served.count("bad_frame") > count


def test_an_asker_that_never_reads_goes_without_and_keeps_nobody_waiting(
    served: Served, dealer: Any
) -> None:
    peer, many = dealer(), QUEUED_FRAMES_MAX + 4_000
    peer.setsockopt(zmq.RCVHWM, 1)
    peer.connect(served.address)
    for number in range(many):
        peer.send_multipart([b"", b"\xc1"])
        if number % 200 == 0:
            served.ask()
    until(lambda: served.count("bad_frame") == many)
    got = 0
    while peer.poll(300):
        got += bool(peer.recv_multipart())

    assert served.answered == served.asked
    assert QUEUED_FRAMES_MAX <= got < many


def test_a_request_too_large_ends_its_connection_alone(served: Served) -> None:
    with RawPeer(served.address) as peer:
        peer.enter("REQ")
        peer.say(part(b"", more=True) + part(bytes(2 * FRAME_BYTES_MAX)))
        until(lambda: peer.has_said_all() and peer.is_ended())
    served.ask()

    assert (served.answered, served.count("bad_frame")) == (1, 0)


@pytest.mark.parametrize("served", ["tcp"], indirect=True)
def test_over_tcp_nobody_commands_without_the_token(served: Served) -> None:
    with RawPeer(served.address) as peer:
        peer.say(hello("REQ") + part(b"", more=True) + part(REQUEST))
        until(peer.is_ended)
    served.ask()

    assert (served.answered, served.count("")) == (1, 1)


def tell(scenario: str, served: Served, faults: int, began: float) -> None:
    """Put what was done and what became of it into the torture report."""
    record(
        f"strangers: {scenario}",
        faults=faults,
        acknowledged=served.answered,
        lost=served.asked - served.answered,
        seconds=time.monotonic() - began,
    )
