"""A stranger at the bus or the tape can neither stop, slow nor forge, whatever it sends.

Real sockets with a real broker behind them, and honest clients at work all the time: in the end
they are answered, have heard everything, and everything they were promised is on a clean tape.
"""

from __future__ import annotations

import random
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import zmq

from bus.codec import NIL, Append, Bye, Draft, Frame, Hello, Reply, Request, encode_frame
from bus.keeping.verify import inspect
from bus.message import Done
from bus.transport import gate
from bus.transport.listeners import SUBSCRIPTION_BYTES_MAX, SUBSCRIPTIONS_MAX
from bus.transport.zeromq import CONTROL_FRAMES_MAX, Address, ZeroMQHub, address
from config.settings import prepare_home, read_settings
from tests.bus.rig import CODEC, Rig, ZeroMQWire, until
from tests.bus.strangers import (
    RawPeer,
    first_of_three_free_ports,
    greeting,
    hello,
    noise,
    part,
    spoilt,
    stranger,
)
from tests.bus.words import Count, Counted
from tests.torture.forms import forms
from tests.torture.report import record

pytestmark = [pytest.mark.guarantee("strangers"), pytest.mark.timeout(900)]

TOKEN = "a long and random word"
TRANSPORTS = ("ipc", "tcp")

Context = zmq.Context[zmq.Socket[bytes]]


class Honest:
    """A broker, a producer that is also asked, and a listener that also asks, all at work."""

    def __init__(self, where: Address, folder: Path) -> None:
        wire = ZeroMQWire(folder)
        wire.where = where
        self.where = where
        self.rig = Rig(wire, folder)
        self.broker = self.rig.start()
        self.producer = self.rig.welcome("counter")
        self.listener = self.rig.welcome("listener")
        self.said = 0
        self.asked = 0
        self._answered = 0

    def work(self) -> None:
        """Say something, now and then ask something, and do whatever there is to do."""
        self.said += 1
        self.producer.append(Counted("A", self.said), mark=self.said)
        if self.said % 10 == 1:
            self.listener.ask(Count("A", self.said), within_seconds=600.0)
            self.asked += 1
        self.step()

    def step(self) -> None:
        self.rig.step()
        for request in self.producer.requests[self._answered :]:
            self.producer.answer(request, Done(request.id, 1))
            self._answered += 1

    def settle(self) -> None:
        """Until everything is acknowledged, answered and heard."""
        until(lambda: self.producer.client.in_flight == 0, self.step)
        until(lambda: len(self.listener.replies) == self.asked, self.step)
        self.rig.pass_time(lambda: len(self.listener.records) == len(self.rig.tape()))

    def faults(self, *, alone: bool) -> list[str]:
        """What became of what was promised; ``alone``: and whether anybody else was let in."""
        self.settle()
        tape, numbers = self.rig.tape(), range(1, self.said + 1)
        kept = [CODEC.fact(record).event for record in tape if record.producer == "counter"]
        found = inspect(self.rig.path)
        holds = {
            "acknowledged once": [ack.mark for ack in self.producer.acks] == list(numbers),
            "kept": kept == [Counted("A", number) for number in numbers],
            "heard": self.listener.records == tape,
            "answered": [reply.code for reply in self.listener.replies] == [""] * self.asked,
            "clean": (found.findings, found.records) == ((), len(tape)),
        }
        if alone:
            services = [(each.name, each.starts) for each in self.broker.state().services]
            holds["nobody else here"] = services == [("counter", 1), ("listener", 1)]
            holds["nothing else said"] = (len(tape), self.broker.bad_frames) == (self.said, 0)
        return [promise for promise, held in holds.items() if not held]


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="td-") as name:
        yield Path(name)


@pytest.fixture
def context() -> Iterator[Context]:
    with zmq.Context() as context:
        yield context


@pytest.fixture
def honest(request: pytest.FixtureRequest, folder: Path) -> Iterator[Honest]:
    """Honest clients over ipc, or over the transport that the test names."""
    url = ""
    if getattr(request, "param", "ipc") == "tcp":
        url = f"tcp://127.0.0.1:{first_of_three_free_ports()}"
    honest = Honest(address(url, folder, TOKEN), folder)
    with closing(honest.rig):
        yield honest


@contextmanager
def watched(peer: zmq.Socket[bytes], event: int) -> Iterator[zmq.Socket[bytes]]:
    """A socket that gets readable when the event happens to the peer's connection."""
    with closing(peer.get_monitor_socket(event)) as monitor:
        yield monitor
        peer.disable_monitor()


# --- noise ----------------------------------------------------------------------------------


@pytest.mark.parametrize("socket", ["bus", "tape"])
@pytest.mark.parametrize("honest", TRANSPORTS, indirect=True)
@forms("size", short=1_000_000, long=20_000_000)
def test_noise_becomes_no_frame_and_disturbs_nobody(honest: Honest, socket: str, size: int) -> None:
    chance, began, taken, peers = random.Random(size), time.monotonic(), 0, 0
    while taken < size:
        with RawPeer(getattr(honest.where, socket)) as peer:
            taken += peer.say(noise(chance))
            peers += 1
            honest.work()
    honest.settle()
    report(f"noise on the {socket}", honest, peers, began)

    assert honest.faults(alone=True) == []


# --- whoever is let in ------------------------------------------------------------------------


def frames_of_a_stranger() -> list[bytes]:
    """One of each kind, as a service of the same user could send it."""
    draft = CODEC.draft(Counted("B", 1))
    frames: list[Frame] = [
        Hello("stranger", 0, 0, ready=True, pid=1),
        Append("stranger", 1, 0, 1, "logged", (draft, draft)),
        Append("stranger", 1, 1, 2, "synced", (Draft("a.b.c.d", 1, NIL, 7),)),
        Request(1, "counter", "Count", msgspec.Raw(CODEC.body(Count("B", 1))), 1 << 60),
        Request(2, "bus", "BusStatus", NIL, 1 << 60),
        Reply(1, b"\0abcd", NIL),
        Bye("stranger", 1),
    ]
    return [encode_frame(frame) for frame in frames]


@forms("count", short=3_000, long=300_000)
def test_frames_that_are_almost_right_are_counted_and_disturb_nobody(
    honest: Honest, context: Context, count: int
) -> None:
    chance, began, frames = random.Random(count), time.monotonic(), frames_of_a_stranger()
    with closing(stranger(context, zmq.DEALER)) as peer:
        peer.connect(honest.where.bus)
        for number in range(count):
            frame = frames[number % len(frames)]
            peer.send(spoilt(frame, chance) if number % 8 else chance.randbytes(len(frame)))
            if number % 10 == 0:
                honest.work()
        peer.send(b"the last")
        until(lambda: honest.broker.bad_frames > count // 4, honest.step)
        honest.settle()
    report("spoilt frames", honest, count, began)

    assert honest.faults(alone=False) == []


@pytest.mark.parametrize(("socket", "kind"), [("bus", "DEALER"), ("bus", "REQ"), ("tape", "SUB")])
@forms("count", short=150, long=15_000)
def test_noise_after_a_proper_handshake_disturbs_nobody(
    honest: Honest, socket: str, kind: str, count: int
) -> None:
    chance, began = random.Random(count), time.monotonic()
    for _ in range(count):
        parts = [
            part(chance.randbytes(chance.randrange(600)), more=chance.random() < 0.3)
            for _ in range(chance.randrange(20))
        ]
        with RawPeer(getattr(honest.where, socket)) as peer:
            peer.enter(kind, chance.randbytes(chance.choice([0, 0, 5, 255])))
            peer.say(b"".join(parts) + chance.randbytes(200))
            honest.work()
    honest.settle()
    report(f"noise after a handshake on the {socket}", honest, count, began)

    assert honest.faults(alone=False) == []


def test_a_peer_that_asks_and_never_reads_costs_itself_its_answers_and_nobody_anything(
    honest: Honest, context: Context
) -> None:
    many = CONTROL_FRAMES_MAX + 10_000
    request = encode_frame(Request(1, "nobody", "Count", NIL, 1 << 60))
    with closing(stranger(context, zmq.DEALER)) as peer:
        peer.setsockopt(zmq.RCVHWM, 1)
        peer.connect(honest.where.bus)
        for number in range(many):
            peer.send(request)
            if number % 200 == 0:
                honest.work()
        honest.settle()
        got = 0
        while peer.poll(300):
            got += bool(peer.recv())

    assert CONTROL_FRAMES_MAX <= got < many
    assert honest.faults(alone=True) == []


# --- forging ----------------------------------------------------------------------------------


def forged_frames() -> list[bytes]:
    """What would take the producer's place, speak for it, end it, and answer for it."""
    draft = CODEC.draft(Counted("A", 999))
    frames: list[Frame] = [
        Hello("counter", 0, 0, ready=True, pid=1),
        Append("counter", 1, 0, 1 << 40, "logged", (draft,)),
        Bye("counter", 1),
        Reply(1, b"\0abcd", NIL),
    ]
    return [encode_frame(frame) for frame in frames]


@pytest.mark.parametrize("honest", ["tcp"], indirect=True)
@pytest.mark.parametrize("token", ["", "another long and random word"])
def test_over_tcp_nobody_speaks_without_the_token(
    honest: Honest, context: Context, token: str
) -> None:
    with closing(stranger(context, zmq.DEALER)) as peer, watched(peer, TURNED_AWAY) as refusal:
        approach(peer, honest.where.bus, token)
        for frame in forged_frames():
            peer.send(frame)
        until(lambda: refusal.poll(0), honest.step)
        with RawPeer(honest.where.bus) as raw:
            raw.say(hello("DEALER") + b"".join(map(part, forged_frames())))
            until(raw.is_ended, honest.step)
        honest.work()

        assert honest.faults(alone=True) == []


@pytest.mark.parametrize("honest", ["tcp"], indirect=True)
@pytest.mark.parametrize("token", ["", "another long and random word"])
def test_over_tcp_nobody_hears_without_the_token(
    honest: Honest, context: Context, token: str
) -> None:
    with closing(stranger(context, zmq.SUB)) as peer, watched(peer, TURNED_AWAY) as refusal:
        peer.subscribe(b"")
        approach(peer, honest.where.tape, token)
        until(lambda: refusal.poll(0), honest.step)
        honest.work()
        assert honest.faults(alone=True) == []

        assert honest.listener.records
        assert peer.poll(100) == 0


@pytest.mark.parametrize("honest", ["tcp"], indirect=True)
def test_over_tcp_whoever_has_the_token_hears_and_speaks(honest: Honest, context: Context) -> None:
    with closing(stranger(context, zmq.SUB)) as script:
        script.subscribe(b"count.made.")
        gate.connect(script, honest.where.tape, TOKEN)
        until(lambda: script.poll(0), honest.work)
        assert script.recv().startswith(b"count.made.A\0")

    assert honest.faults(alone=True) == []


def test_whoever_has_taken_the_port_learns_nothing_of_the_token(context: Context) -> None:
    port = first_of_three_free_ports()
    with (
        closing(stranger(context, zmq.STREAM)) as thief,
        closing(stranger(context, zmq.REQ)) as client,
    ):
        thief.bind(f"tcp://127.0.0.1:{port}")
        gate.connect(client, f"tcp://127.0.0.1:{port}", TOKEN)
        client.send(b"a question")
        assert thief.poll(10_000), "the client does not come"
        peer, _ = thief.recv_multipart()
        thief.send_multipart([peer, greeting(b"CURVE", server=True)])
        said = b""
        while len(said) < GREETING_AND_HELLO_BYTES:
            assert thief.poll(10_000), "the client says no more"
            said += thief.recv_multipart()[1]

    public, secret = gate.keys(TOKEN)
    for word in (TOKEN.encode(), public, secret, b"a question"):
        assert word not in said


# --- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("honest", TRANSPORTS, indirect=True)
@forms("rounds", short=1, long=20)
def test_a_listener_with_too_many_subscriptions_is_cut_off_alone(
    honest: Honest, rounds: int
) -> None:
    began = time.monotonic()
    for seed in range(rounds):
        chance = random.Random(seed)
        with (
            zmq.Context() as context,
            closing(stranger(context, zmq.SUB)) as peer,
            watched(peer, zmq.EVENT_DISCONNECTED) as end,
        ):
            gate.connect(peer, honest.where.tape, honest.where.token)
            for _ in range(SUBSCRIPTIONS_MAX + 1):
                peer.subscribe(chance.randbytes(100))
            until(partial(end.poll, 0), honest.work)
    honest.settle()
    report("too many subscriptions", honest, rounds, began)

    assert honest.faults(alone=True) == []


def test_a_listener_with_as_many_subscriptions_as_it_may_have_hears_and_may_change_them(
    honest: Honest, context: Context
) -> None:
    with closing(stranger(context, zmq.SUB)) as peer, watched(peer, zmq.EVENT_DISCONNECTED) as end:
        peer.connect(honest.where.tape)
        for number in range(SUBSCRIPTIONS_MAX - 1):
            peer.subscribe(b"count.made.%d\0" % number)
        for _ in range(SUBSCRIPTIONS_MAX):
            peer.subscribe(b"count.doubled.A\0")
            peer.unsubscribe(b"count.doubled.A\0")
        peer.subscribe(b"count.made.A\0")
        until(lambda: peer.poll(0), honest.work)

        assert peer.recv().startswith(b"count.made.A\0")
        assert end.poll(0) == 0


def test_junk_at_the_tape_is_taken_for_nothing_and_a_prefix_too_long_ends_the_connection(
    honest: Honest,
) -> None:
    with RawPeer(honest.where.tape) as peer:
        peer.enter("SUB")
        peer.say(b"".join(part(b"junk %d" % number) for number in range(1_000)))
        peer.say(part(b"\1" + bytes(SUBSCRIPTION_BYTES_MAX)))
        until(lambda: peer.has_said_all() and peer.is_ended(), honest.work)

    assert honest.faults(alone=True) == []


@pytest.mark.parametrize(
    ("honest", "socket"), [("ipc", "bus"), ("tcp", "tape")], indirect=["honest"]
)
def test_connections_that_say_nothing_are_ended_and_keep_nobody_out(
    honest: Honest, socket: str
) -> None:
    with ExitStack() as stack:
        url = getattr(honest.where, socket)
        silent = [stack.enter_context(RawPeer(url)) for _ in range(200)]
        late = honest.rig.welcome("late")
        until(lambda: late.client.welcome, honest.work)

        until(lambda: all(peer.is_ended() for peer in silent), honest.step)
    assert honest.faults(alone=False) == []


def test_over_ipc_the_sockets_lie_in_a_folder_that_only_its_owner_enters(folder: Path) -> None:
    settings = read_settings({"TAPEDECK_HOME": str(folder)}, folder)
    prepare_home(settings)
    with closing(ZeroMQHub(address(settings.bus.url, settings.run_dir))):
        found = {path for path in folder.rglob("*") if path.is_socket()}

    assert found == {settings.run_dir / "bus", settings.run_dir / "tape"}
    assert stat.S_IMODE(settings.run_dir.stat().st_mode) == 0o700


TURNED_AWAY = (
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
GREETING_AND_HELLO_BYTES = 64 + 200


def approach(peer: zmq.Socket[bytes], url: str, token: str) -> None:
    """Connect with a token, or as somebody who knows of none."""
    if token:
        gate.connect(peer, url, token)
    else:
        peer.connect(url)


def report(scenario: str, honest: Honest, faults: int, began: float) -> None:
    """Put what was done and what became of it into the torture report."""
    kept = [r.heard for r in honest.rig.tape() if r.producer == "counter"]
    record(
        f"strangers: {scenario}",
        faults=faults,
        acknowledged=len(honest.producer.acks),
        lost=honest.said - len(set(kept)),
        doubled=len(kept) - len(set(kept)),
        out_of_order=sum(a > b for a, b in pairwise(kept)),
        silently_wrong=len(inspect(honest.rig.path).findings),
        resends=honest.producer.client.standing.resends,
        seconds=time.monotonic() - began,
    )
