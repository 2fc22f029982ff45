"""The collector's test kit: its options, fakes of its ports, and a way to play it through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from msgspec.structs import replace

from bus.testing import Deck, Instant, microseconds
from config.settings import Secret
from market.messages.fetcher import Bars, Sessions, SourceCalled
from services.fetcher.child.frames import (
    Answered,
    AskPage,
    AskSessions,
    Failed,
    Loaded,
    Page,
    Request,
    SessionTable,
)
from services.fetcher.core.answers import Columns, Failure
from services.fetcher.core.declaration import Options
from services.fetcher.core.state import Collector
from services.fetcher.folder import OwnFolder
from services.fetcher.ports import Ports
from services.fetcher.raw import RawAnswer
from services.fetcher.shelf import Keeper
from services.fetcher.sources import calendar, finnhub, simulated, yahoo
from tests.fakes import wire
from tests.fakes.articles import symbol_asked, yahoo_stream
from tests.fakes.chart import chart_answer
from tests.fakes.edits import edited
from tests.fakes.faults import AnyFault, Normal
from tests.fakes.finnhub import GOOD_KEY, Finnhub
from tests.fakes.market import Market
from tests.fakes.sessions import sessions as new_york_sessions
from tests.services.fetcher.stream.fake import FakeTrades

OPTIONS = Options(
    sources=(finnhub.DECLARED, yahoo.DECLARED, simulated.DECLARED), calendar=calendar.DECLARED
)
KEYLESS = Options(sources=(yahoo.DECLARED, simulated.DECLARED), calendar=calendar.DECLARED)

DEAD = Failure("unreachable", "nobody listens")
GONE = Failed(kinds=["ConnectionError", "RequestException", "CurlError"], message="nobody listens")

MARKET = Market()
YEAR_SESSIONS = 260


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now_us: int = 0

    @property
    def seconds(self) -> float:
        return self.now_us / 1e6


@dataclass
class FakeHttp:
    """Finnhub without a network; ``down`` answers for every symbol, ``faults`` for one.

    ``instead`` answers for one endpoint, ``spoilt`` spoils what it answers.
    """

    clock: Clock
    down: RawAnswer | Failure | None = None
    faults: dict[str, RawAnswer | Failure] = field(default_factory=dict)
    instead: dict[str, RawAnswer] = field(default_factory=dict)
    spoilt: dict[str, AnyFault] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    service: Finnhub = field(default_factory=lambda: Finnhub(MARKET, frozenset({GOOD_KEY})))

    def __call__(
        self, url: str, params: Mapping[str, str], headers: Mapping[str, str], seconds: float
    ) -> RawAnswer | Failure:
        symbol = params.get("symbol") or params["exchange"]
        self.asked.append(symbol)
        parts = urlsplit(url)
        endpoint = parts.path.removeprefix("/api/v1")
        if fault := self.faults.get(symbol) or self.down or self.instead.get(endpoint):
            return fault
        request = wire.Request(
            host=parts.netloc,
            method="GET",
            path=parts.path,
            query=dict(params),
            headers={name.lower(): value for name, value in headers.items()},
        )
        answer = self.service.answer(request, self.clock.seconds)
        return http_answer(edited(self.spoilt.get(endpoint, Normal()), answer))


@dataclass
class FakeChild:
    """Yahoo and the calendar without a process; faults as for `FakeHttp`."""

    clock: Clock
    down: Failed | Page | None = None
    calendar_down: Failed | None = None
    faults: dict[str, Failed | Page] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def ask(self, request: Request, seconds: float) -> Answered:
        match request:
            case AskSessions(first=first, last=last):
                return self.calendar_down or session_table(first, last)
            case AskPage(sent=sent) if sent:
                return self._news(sent)
            case AskPage(url=url, params=params):
                symbol = url.rpartition("/")[2]
                self.asked.append((symbol, params["range"], params["interval"]))
                fault = self.faults.get(symbol) or self.down
                return fault or served(symbol, params, self.clock.seconds)
        return Loaded()

    def _news(self, sent: bytes) -> Answered:
        symbol = symbol_asked(sent) or ""
        self.asked.append((symbol, "", "news"))
        fault = self.faults.get(symbol) or self.down
        return fault or page(yahoo_stream(MARKET.history(symbol, self.clock.seconds), sent))


@dataclass
class FakeFiles:
    """Files that are only remembered."""

    saved: dict[str, bytes] = field(default_factory=dict)

    def save(self, name: str, body: bytes, at_us: int) -> None:
        self.saved[name] = body


class NoShelf:
    """A shelf that keeps nothing."""

    def keep(self, raw: RawAnswer, call: SourceCalled) -> None:
        del raw, call


@dataclass
class World:
    """All fakes of the collector's ports, under one clock."""

    clock: Clock = field(default_factory=Clock)
    key: str = GOOD_KEY

    def __post_init__(self) -> None:
        self.http = FakeHttp(self.clock)
        self.child = FakeChild(self.clock)
        self.files = FakeFiles()
        self.trades = FakeTrades()
        folder = OwnFolder(None, "", Path("unused"))
        keeper = Keeper(NoShelf(), Secret())
        key = Secret(self.key)
        self.ports = Ports(self.http, key, self.child, self.files, folder, keeper, self.trades)

    def cut_off(self) -> None:
        """Nobody can be reached any more."""
        self.http.down, self.child.down = DEAD, GONE

    def reconnect(self) -> None:
        """Everybody can be reached again."""
        self.http.down = self.child.down = None

    def play(self, deck: Deck[Collector], at: Instant) -> None:
        """Let the deck do at an instant whatever there is to do, until it is quiet."""
        self.clock.now_us = max(microseconds(at), deck.now_us)
        for _ in range(1_000):
            deck.tick(self.clock.now_us)
            if not deck.effects:
                return
            deck.perform(self.ports, self.clock.now_us)
        raise AssertionError(f"the collector is never quiet: {deck.said[-20:]}")

    def run(self, deck: Deck[Collector], until: Instant) -> None:
        """Let time pass, from alarm to alarm, and do at each what there is to do."""
        end_us = microseconds(until)
        self.play(deck, self.clock.now_us)
        for _ in range(10_000):
            alarm_us = deck.actor.tick(deck.state, self.clock.now_us).next_us
            if alarm_us is None or alarm_us > end_us:
                self.play(deck, end_us)
                return
            self.play(deck, alarm_us)
        raise AssertionError(f"alarms never end: {deck.said[-20:]}")


def http_answer(answer: wire.Answer) -> RawAnswer:
    """An imitated answer as the HTTP port gives it."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return RawAnswer(answer.status, {**headers, "content-type": answer.content_type}, answer.body)


def session_table(first: str, last: str) -> SessionTable:
    """The sessions between two dates, by the imitation's own rules."""
    found = list(new_york_sessions(date.fromisoformat(first), date.fromisoformat(last)))
    return SessionTable(
        [one.day.isoformat() for one in found],
        [one.open_seconds * 1_000_000 for one in found],
        [one.close_seconds * 1_000_000 for one in found],
    )


def table(first: str, last: str) -> Sessions:
    """The same, as the event."""
    found = session_table(first, last)
    return Sessions("XNYS", tuple(found.date), tuple(found.open_us), tuple(found.close_us))


def page(answer: wire.Answer) -> Page:
    """An imitated answer as the child's browser brings it."""
    raw = http_answer(answer)
    return Page(raw.status, raw.headers, raw.body, raw.url)


def served(symbol: str, params: Mapping[str, str], at_seconds: float) -> Page:
    """The chart that the imitation serves, of the last year alone where more is not asked for."""
    history = MARKET.history(symbol, at_seconds)
    if history is not None and params["range"] in ("5d", "1mo", "3mo"):
        history = replace(history, days=history.days[-YEAR_SESSIONS:])
    return page(chart_answer(history, params))


def called(deck: Deck[Collector]) -> list[tuple[str, str, str]]:
    """Every call that was made: source, ticker, and kind of data."""
    return [
        (event.source, event.ticker, event.timeframe or event.capability)
        for event in deck.said
        if isinstance(event, SourceCalled)
    ]


def bars_known(deck: Deck[Collector]) -> Counter[tuple[str, str]]:
    """How many different bars of which series are on the tape."""
    starts = {
        (event.ticker, event.timeframe, start)
        for event in deck.said
        if isinstance(event, Bars)
        for start in event.start_us
    }
    return Counter((ticker, timeframe) for ticker, timeframe, _ in starts)


def flat(*starts: int) -> Columns:
    """Bars of one price and one volume, without splits and dividends."""
    same = (100.0,) * len(starts)
    return Columns(
        start_us=starts,
        open=same,
        high=same,
        low=same,
        close=same,
        volume=same,
        splits=(1.0,) * len(starts),
        dividends=(0.0,) * len(starts),
    )
