"""A collector that streams, played second by second."""

from __future__ import annotations

from msgspec.structs import replace

from bus.testing import Deck, Instant, given, microseconds
from market.messages.fetcher import FetchRefused, Quote, SourceCalled, SourceGated
from services.fetcher.actor import build
from services.fetcher.core.declaration import Options
from services.fetcher.core.hearing import Trade
from services.fetcher.core.state import Collector
from services.fetcher.effects import Open
from services.fetcher.stream.effects import Listen
from tests.fakes.market import history, quote
from tests.services.fetcher.kit import MARKET, OPTIONS, World, table

SECOND = 1_000_000
SESSIONS = table("2025-01-06", "2027-01-04")

_finnhub = OPTIONS.declared("finnhub")
STREAMING = replace(OPTIONS, sources=(replace(_finnhub, capabilities=("quote", "trades")),))
"""Without the histories of others, which take most of the time."""


class Stage:
    """A collector and its world; 2026-01-05 is a session from 14:30 to 21:00."""

    def __init__(self, options: Options = STREAMING, at: Instant = "15:00") -> None:
        self.world = World()
        self.deck: Deck[Collector] = given(build(options), (at, SESSIONS))
        self.options = options
        self.deck.tell(at, Open())
        self.seconds(at, 1)

    def seconds(self, at: Instant, count: int) -> None:
        """Let so many seconds pass; whatever there is to do is done, and listening ends each."""
        start_us = microseconds(at)
        for number in range(count):
            self.play(start_us + number * SECOND)

    def play(self, at_us: int) -> None:
        """Do at an instant all there is to do, and listen once."""
        deck, world = self.deck, self.world
        world.clock.now_us = at_us
        listens: dict[Listen, None] = {}
        for _ in range(1_000):
            deck.tick(at_us)
            work = [one for one in deck.effects if not isinstance(one, Listen)]
            listens |= {one: None for one in deck.effects if isinstance(one, Listen)}
            deck.effects = list(work)
            if not work:
                break
            deck.perform(world.ports, at_us)
        deck.effects = list(listens)
        deck.perform(world.ports, at_us)

    def restart(self, at: Instant) -> None:
        """The process dies; another one goes on with the same tape, and its own connection."""
        world = self.world
        world.trades.connections = []
        facts = [(fact.at_us, fact.event) for fact in self.deck.facts]
        self.deck = given(build(self.options), *facts)
        self.deck.tell(at, Open())

    def streamed(self, ticker: str = "") -> list[Quote]:
        """The quotes that came by the stream."""
        found = [one for one in self.deck.said if isinstance(one, Quote) and one.streamed]
        return [one for one in found if ticker in ("", one.ticker)]

    def refusals(self) -> list[FetchRefused]:
        """What was refused of the stream."""
        found = [one for one in self.deck.said if isinstance(one, FetchRefused)]
        return [one for one in found if one.capability == "trades"]

    def gates(self) -> list[str]:
        """Where the stream's breaker went."""
        found = [one for one in self.deck.said if isinstance(one, SourceGated)]
        return [one.state for one in found if one.capability == "trades"]

    def polls(self, ticker: str) -> list[int]:
        """When the ticker's price was asked for."""
        return [
            fact.at_us
            for fact in self.deck.facts
            if isinstance(fact.event, SourceCalled)
            and (fact.event.ticker, fact.event.capability) == (ticker, "quote")
        ]


def price_of(ticker: str, at: Instant) -> float:
    """What the imitated market pays just then."""
    return quote(history(MARKET.listings[ticker], microseconds(at) // SECOND)).price


def trade(ticker: str, at: Instant, factor: float = 1.0) -> Trade:
    """A trade near the price of the imitated market."""
    return Trade(ticker, round(price_of(ticker, at) * factor, 2), microseconds(at))
