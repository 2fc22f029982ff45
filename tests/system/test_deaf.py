"""Live frames are only hints: with every one of them dropped, the deck ends where its tape does."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from bus.actor import Actor
from bus.broker import Broker
from bus.client import Client
from bus.codec import Codec
from bus.message import Event
from bus.reading import TapeReader
from bus.runtime import Runtime
from bus.saving import NoSaver
from bus.tape import TapeWriter
from bus.transport.memory import MemoryHub, MemoryLink
from bus.workers import Workers
from market.messages import CONTRACT
from services.analyzer.actor import Options, build
from services.indicators.actor import indicators
from tests.bus.rig import FakeClock
from tests.golden.record import collected

CODEC = Codec(CONTRACT)
COLLECTED = 60
HEARTBEAT_SECONDS = 1.0


class DeafLink:
    """A link that loses every live frame, heartbeats included."""

    def __init__(self, link: MemoryLink) -> None:
        self._link = link
        self.send = link.send
        self.receive = link.receive
        self.wake = link.wake
        self.close = link.close

    def live(self, limit: int) -> list[bytes]:
        self._link.live(limit)
        return []


class DeafDeck:
    """The broker, two services and a collector in one thread, over links that hear nothing live."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.path = folder / "tape.db"
        self.hub = MemoryHub()
        self.broker = Broker(TapeWriter(self.path), self.hub, self.clock)
        self.collector = self.client("fetcher")
        self.services = [self.service(indicators), self.service(build(Options()))]

    def client(self, name: str) -> Client:
        return Client(name, DeafLink(self.hub.link()), lambda: TapeReader(self.path), self.clock)

    def service(self, actor: Actor[Any]) -> Runtime[Any]:
        workers = Workers(lambda effect: None, lambda: None)
        saver = NoSaver(actor.initial)
        return Runtime(actor, self.client(actor.name), CODEC, self.clock, saver, workers)

    def step(self) -> None:
        """Everybody does what there is to do; no time passes."""
        for _ in range(20):
            self.broker.step(0.0)
            self.collector.poll(0.0)
            for service in self.services:
                service.step(0.0)

    def say(self, mark: int, event: Event) -> None:
        self.collector.append((CODEC.draft(event),), mark, event.durability)

    def beat(self) -> None:
        """A heartbeat passes."""
        self.clock.advance(HEARTBEAT_SECONDS)
        self.step()


@pytest.mark.guarantee("gaps")
def test_with_every_live_frame_dropped_all_states_equal_the_fold_within_two_heartbeats(
    tmp_path: Path,
) -> None:
    deck = DeafDeck(tmp_path)
    deck.step()
    for mark, (_, event) in enumerate(islice(collected(), COLLECTED)):
        deck.say(mark, event)
    deck.step()
    deck.beat()
    deck.beat()
    facts = [CODEC.fact(record) for record in TapeReader(deck.path).read(0, 10_000)]
    assert len(facts) > COLLECTED * 2
    for service in deck.services:
        assert service.state == service.actor.fold(service.actor.initial(), facts)
