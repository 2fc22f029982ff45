"""A whole bus in one thread, driven step by step, over a wire that fails by plan.

A `Wire` makes both ends of a transport; `Rig` puts a broker, a tape and any number of clients on
it; each direction of each link is a `Line` whose frames meet the fates of a plan. Nothing sleeps:
time is a `FakeClock`, and what a socket needs to carry a frame is waited for with a deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

import msgspec

from bus.actor import Actor, Effect
from bus.broker import Broker
from bus.client import Client, Expired
from bus.codec import Append, Appended, AppendRefused, Codec, Record, Reply, Request
from bus.errors import BusError
from bus.message import Command, Durability, Event, Message, Query
from bus.ports import Hub, Link, Saver
from bus.reading import TapeReader
from bus.runtime import Runtime
from bus.saving import NoSaver
from bus.tape import Committed, TapeWriter
from bus.transport.memory import MemoryHub, MemoryLink
from bus.transport.zeromq import ZeroMQHub, ZeroMQLink, address
from bus.workers import Workers
from tests.bus.words import CONTRACT

START_US = 1_767_605_400_000_000  # 2026-01-05T09:30Z, a Monday
DEADLINE_SECONDS = 20.0

CODEC = Codec(CONTRACT)

S = TypeVar("S")


class FakeClock:
    """A clock that moves when it is told to."""

    def __init__(self, at_us: int = START_US) -> None:
        self._wall_us = at_us
        self._seconds = 1_000.0

    def now_us(self) -> int:
        return self._wall_us

    def elapsed_seconds(self) -> float:
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self._seconds += seconds
        self._wall_us += round(seconds * 1_000_000)

    def set_wall(self, at_us: int) -> None:
        """Somebody sets the wall clock; no time passes."""
        self._wall_us = at_us


def until(condition: Callable[[], object], pump: Callable[[], object] = lambda: None) -> None:
    """Pump until the condition holds; a deadline is an `AssertionError`."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        pump()


# -- wires ---------------------------------------------------------------------------------


class Wire(Protocol):
    """One transport: the broker's end, as often as it is opened again, and clients' ends."""

    patience_seconds: float
    """How long a step may wait for frames that are under way."""

    def open(self) -> Hub:
        """The broker's end, at the same place each time; the one before must be closed."""

    def link(self) -> Link:
        """A client's end; finds the broker's end, now or later."""

    def close(self) -> None:
        """Let go of everything that is still open."""


class MemoryWire:
    """The memory transport; a link is plugged into each new hub as a socket would reconnect."""

    patience_seconds = 0.0

    def __init__(self) -> None:
        self.hub = MemoryHub()
        self._opened = False
        self._plugs: list[Plug] = []

    def open(self) -> Hub:
        if self._opened:
            self.hub = MemoryHub()
            for plug in self._plugs:
                plug.plug(self.hub)
        self._opened = True
        return self.hub

    def link(self) -> Link:
        self._plugs.append(Plug(self.hub, self._plugs))
        return self._plugs[-1]

    def close(self) -> None:
        self._plugs.clear()


class Plug:
    """A memory link that outlives its hub; frames on their way when the hub dies are lost."""

    def __init__(self, hub: MemoryHub, plugs: list[Plug]) -> None:
        self.link: MemoryLink = hub.link()
        self._plugs = plugs

    def plug(self, hub: MemoryHub) -> None:
        self.link = hub.link()

    def send(self, frame: bytes) -> bool:
        return self.link.send(frame)

    def receive(self, timeout_seconds: float) -> list[bytes]:
        return self.link.receive(timeout_seconds)

    def live(self, limit: int) -> list[bytes]:
        return self.link.live(limit)

    def wake(self) -> None:
        self.link.wake()

    def close(self) -> None:
        if self in self._plugs:
            self._plugs.remove(self)
        self.link.close()


class ZeroMQWire:
    """The ZeroMQ transport in a folder of its own."""

    patience_seconds = 0.002

    def __init__(self, folder: Path) -> None:
        self.where = address("", folder)
        self._ends: list[ZeroMQHub | ZeroMQLink] = []

    def open(self) -> Hub:
        hub = ZeroMQHub(self.where)
        self._ends.append(hub)
        return hub

    def link(self) -> Link:
        link = ZeroMQLink(self.where)
        self._ends.append(link)
        return link

    def close(self) -> None:
        for end in self._ends:
            end.close()


# -- faults --------------------------------------------------------------------------------

Fate = Literal["pass", "drop", "twice", "late"]


class Line:
    """One direction of a link: frame after frame meets the next fate of the plan, then ``then``.

    A late frame comes after the next one that passes, so that two change places.
    """

    def __init__(self, plan: Iterable[Fate] = (), then: Fate = "pass") -> None:
        self._plan = iter(plan)
        self._then: Fate = then
        self._late: list[bytes] = []
        self.carried: list[bytes] = []

    def carry(self, frames: Sequence[bytes]) -> list[bytes]:
        """What comes out at the other end."""
        out: list[bytes] = []
        for frame in frames:
            fate = next(self._plan, self._then)
            if fate == "late":
                self._late.append(frame)
            elif fate != "drop":
                out += [frame] * (2 if fate == "twice" else 1) + self._late
                self._late = []
        self.carried += out
        return out

    def break_off(self) -> None:
        """The connection is gone, and what was late with it."""
        self._late = []


class Faulty:
    """A link whose three directions are lines; a test puts other lines in their place at will."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.up = Line()
        self.down = Line()
        self.tape = Line()
        self.waits: list[float] = []

    def send(self, frame: bytes) -> bool:
        results = [self.link.send(sent) for sent in self.up.carry([frame])]
        return all(results)

    def receive(self, timeout_seconds: float) -> list[bytes]:
        self.waits.append(timeout_seconds)
        return self.down.carry(self.link.receive(0.0))

    def live(self, limit: int) -> list[bytes]:
        return self.tape.carry(self.link.live(limit))

    def wake(self) -> None:
        self.link.wake()

    def close(self) -> None:
        self.link.close()


class Crash(BaseException):
    """The process dies here."""


class Probe:
    """Dies the first time the named point is reached, once it is armed."""

    def __init__(self) -> None:
        self.point = ""

    def reach(self, point: str) -> None:
        """Pass the point, or die at it."""
        if point == self.point:
            self.point = ""
            raise Crash(point)


class ProbedHub:
    """A hub that may die between what it does."""

    def __init__(self, hub: Hub, probe: Probe) -> None:
        self.hub = hub
        self.probe = probe

    def receive(self, timeout_seconds: float) -> list[tuple[bytes, bytes]]:
        return self.hub.receive(timeout_seconds)

    def send(self, identity: bytes, frame: bytes) -> bool:
        self.probe.reach("before an answer")
        sent = self.hub.send(identity, frame)
        self.probe.reach("after an answer")
        return sent

    def publish(self, frame: bytes) -> None:
        self.probe.reach("before a live frame")
        self.hub.publish(frame)
        self.probe.reach("after a live frame")

    def wake(self) -> None:
        self.hub.wake()

    def close(self) -> None:
        self.hub.close()


class ProbedTape(TapeWriter):
    """A tape whose process may die before or after a commit."""

    probe = Probe()

    def append(self, turns: Sequence[Append], now_us: int) -> Committed:
        self.probe.reach("before the commit")
        committed = super().append(turns, now_us)
        self.probe.reach("after the commit")
        return committed


# -- parties -------------------------------------------------------------------------------


class Party(Protocol):
    """Whoever has a client on the bus."""

    client: Client
    link: Faulty

    def step(self) -> None:
        """Do what there is to do now; never waits."""


@dataclass
class Station:
    """A bare client, and everything that ever came to it."""

    client: Client
    link: Faulty
    listening: bool = True
    acks: list[Appended] = field(default_factory=list)
    refusals: list[AppendRefused] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    expired: list[Expired] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    failure: BusError | None = None

    def step(self) -> None:
        if self.failure is not None:
            return
        try:
            for incoming in self.client.poll(0.0):
                self._box(incoming).append(incoming)
            if self.listening:
                self.records += self.client.facts(512)
        except BusError as error:
            self.failure = error

    def append(self, *events: Event, mark: int, expected: int | None = None) -> None:
        """Send a turn."""
        durability: Durability = max(event.durability for event in events)
        drafts = tuple(CODEC.draft(event, expected) for event in events)
        self.client.append(drafts, mark, durability)

    def ask(self, message: Command | Query[Any], within_seconds: float = 10.0) -> int:
        """Send a request; gives its number."""
        body = CODEC.body(message)
        return self.client.request(message.service, type(message).__name__, body, within_seconds)

    def answer(self, request: Request, message: Message) -> None:
        """Answer a request that came."""
        self.client.reply(Reply(request.id, request.origin, msgspec.Raw(CODEC.body(message))))

    def reply_to(self, number: int) -> Reply | None:
        """The reply to the request of this number, None while there is none."""
        return next((reply for reply in self.replies if reply.id == number), None)

    def _box(self, incoming: object) -> list[Any]:
        boxes: dict[type, list[Any]] = {
            Appended: self.acks,
            AppendRefused: self.refusals,
            Request: self.requests,
            Reply: self.replies,
            Expired: self.expired,
        }
        return boxes[type(incoming)]


@dataclass
class Post(Generic[S]):
    """An actor at work."""

    runtime: Runtime[S]
    client: Client
    link: Faulty
    failure: BusError | None = None

    def step(self) -> None:
        if self.failure is not None:
            return
        try:
            self.runtime.step(0.0)
        except BusError as error:
            self.failure = error


class Rig:
    """The deck: one broker and its parties on one wire, all in the caller's thread."""

    def __init__(self, wire: Wire, folder: Path) -> None:
        self.wire = wire
        self.path = folder / "tape.db"
        self.clock = FakeClock()
        self.probe = Probe()
        self.parties: list[Party] = []
        self.broker: Broker | None = None
        self.writer: TapeWriter | None = None
        self._hub: Hub | None = None

    def start(self, tape: Callable[[Path], TapeWriter] = TapeWriter) -> Broker:
        """Start the bus, or start it again."""
        self.writer = tape(self.path)
        self._hub = ProbedHub(self.wire.open(), self.probe)
        self.broker = Broker(self.writer, self._hub, self.clock)
        return self.broker

    def start_probed(self) -> Broker:
        """Start the bus with a tape that can die at the probe's points too."""
        broker = self.start(ProbedTape)
        assert isinstance(self.writer, ProbedTape)
        self.writer.probe = self.probe
        return broker

    def crash(self) -> None:
        """The bus's process is gone, with everything it had not written or was under way."""
        for party in self.parties:
            for line in (party.link.up, party.link.down, party.link.tape):
                line.break_off()
        if self.broker is not None and self._hub is not None and self.writer is not None:
            self._hub.close()
            self.writer.close()
        self.broker = None

    def station(self, service: str, *, listening: bool = True) -> Station:
        """A bare client, not yet greeted."""
        client, link = self._client(service)
        station = Station(client, link, listening)
        self.parties.append(station)
        return station

    def welcome(self, service: str, *, listening: bool = True) -> Station:
        """A bare client that the broker has welcomed."""
        station = self.station(service, listening=listening)
        self.until(lambda: station.client.welcome)
        return station

    def post(
        self,
        actor: Actor[S],
        *,
        saver: Saver[S] | None = None,
        do: Callable[[Effect], Command | None] = lambda effect: None,
        opening: Iterable[Command] = (),
        codec: Codec = CODEC,
    ) -> Post[S]:
        """An actor at work, not yet started."""
        client, link = self._client(actor.name)
        workers = Workers(do, client.wake)
        kept: Saver[S] = saver or NoSaver(actor.initial)
        runtime = Runtime(actor, client, codec, self.clock, kept, workers, opening)
        post = Post(runtime, client, link)
        self.parties.append(post)
        return post

    def ready(self, actor: Actor[S], **options: Any) -> Post[S]:
        """An actor at work that has heard everything and says so."""
        post = self.post(actor, **options)
        self.until(lambda: post.client.ready)
        return post

    def kill(self, party: Party) -> None:
        """The party's process is gone, with everything it had not sent."""
        self.parties.remove(party)
        party.link.close()

    def step(self) -> None:
        """Everybody does what there is to do."""
        if self.broker is not None:
            self.broker.step(self.wire.patience_seconds)
        for party in list(self.parties):
            party.step()

    def until(self, condition: Callable[[], object]) -> None:
        """Step until the condition holds; no time passes."""
        until(condition, self.step)

    def pass_time(self, condition: Callable[[], object], stride_seconds: float = 0.25) -> None:
        """Let time pass, stride by stride, until the condition holds; ten minutes are too long."""
        end = self.clock.elapsed_seconds() + 600.0

        def stride() -> None:
            assert self.clock.elapsed_seconds() < end, "what was waited for did not happen"
            self.clock.advance(stride_seconds)
            self.step()

        until(condition, stride)

    def beat(self) -> None:
        """One heartbeat passes: every client is welcomed once more."""
        self.clock.advance(1.0)
        now = self.clock.elapsed_seconds()
        self.until(lambda: all(p.client.standing.welcomed_seconds >= now for p in self.parties))

    def tape(self) -> list[Record]:
        """Everything that is on the tape, read by a connection of its own."""
        reader = TapeReader(self.path)
        records: list[Record] = []
        while page := reader.read(len(records), 1_000):
            records += page
        reader.close()
        return records

    def events(self) -> list[Any]:
        """The events on the tape."""
        return [CODEC.fact(record).event for record in self.tape()]

    def close(self) -> None:
        """Let go of everything."""
        self.crash()
        for party in self.parties:
            party.link.close()
        self.wire.close()

    def _client(self, service: str) -> tuple[Client, Faulty]:
        link = Faulty(self.wire.link())
        return Client(service, link, lambda: TapeReader(self.path), self.clock), link
