"""The collector's ports over the imitated providers, without a network: faults and all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from bus.testing import Deck
from config.settings import Secret
from services.fetcher.child.frames import (
    Answered,
    AskPage,
    AskSessions,
    Failed,
    Loaded,
    Page,
    Request,
)
from services.fetcher.core.answers import Failure
from services.fetcher.core.state import Collector
from services.fetcher.folder import OwnFolder
from services.fetcher.ports import Ports
from services.fetcher.raw import RawAnswer
from services.fetcher.shelf import Keeper
from tests.fakes import wire
from tests.fakes.faults import Cut, Drip, Hang, Reset
from tests.fakes.finnhub import GOOD_KEY
from tests.fakes.market import Market
from tests.fakes.plan import Plan
from tests.fakes.providers import Providers
from tests.services.fetcher.kit import Clock, FakeFiles, NoShelf, session_table
from tests.services.fetcher.stream.fake import FakeTrades

NEVER_WHOLE = (Hang, Reset, Cut, Drip)
"""The faults after which there is no answer in time; the others come whole."""


class Imitated:
    """Both providers under one clock that is set from outside, and ports that lead to them."""

    def __init__(self, market: Market, seed: int) -> None:
        self.clock = Clock()
        self.plan = Plan(seed=seed)
        self.providers = Providers(self.plan, clock=lambda: self.clock.seconds, market=market)
        folder = OwnFolder(None, "", Path("unused"))
        keeper = Keeper(NoShelf(), Secret())
        key, child, trades = Secret(GOOD_KEY), _Child(self), FakeTrades()
        self.ports = Ports(self._http, key, child, FakeFiles(), folder, keeper, trades)

    def play(self, deck: Deck[Collector], until_us: int) -> None:
        """Let time pass from alarm to alarm, and do at each what there is to do."""
        while self.clock.now_us <= until_us:
            tick = deck.tick(self.clock.now_us)
            if deck.effects:
                deck.perform(self.ports, self.clock.now_us)
            elif tick.next_us is None or tick.next_us > until_us:
                self.clock.now_us = until_us
                return
            else:
                self.clock.now_us = max(tick.next_us, self.clock.now_us + 1)

    def respond(
        self, url: str, params: Mapping[str, str], headers: Mapping[str, str], sent: bytes = b""
    ) -> RawAnswer:
        """The answer of a provider; raises `ConnectionError` where it does not come whole."""
        parts = urlsplit(url)
        if fault := self.providers.connect(parts.netloc):
            raise ConnectionError(f"planned: {fault}")
        named = {name.lower(): value for name, value in headers.items()}
        answer, fault = self.providers.respond(
            wire.Request(
                parts.netloc, "POST" if sent else "GET", parts.path, dict(params), named, sent
            )
        )
        if isinstance(fault, NEVER_WHOLE):
            raise ConnectionError(f"planned: {fault}")
        told = {name.lower(): value for name, value in answer.headers.items()}
        return RawAnswer(answer.status, told | {"content-type": answer.content_type}, answer.body)

    def _http(
        self, url: str, params: Mapping[str, str], headers: Mapping[str, str], seconds: float
    ) -> RawAnswer | Failure:
        try:
            return self.respond(url, params, headers)
        except ConnectionError as error:
            return Failure("unreachable", str(error))


class _Child:
    """The browser of the child, and its calendar."""

    def __init__(self, imitated: Imitated) -> None:
        self._imitated = imitated

    def ask(self, request: Request, seconds: float) -> Answered:
        match request:
            case AskSessions(first=first, last=last):
                return session_table(first, last)
            case AskPage():
                return self._page(request)
        return Loaded()

    def _page(self, asked: AskPage) -> Answered:
        named = {"User-Agent": "Mozilla/5.0"}
        try:
            raw = self._imitated.respond(asked.url, asked.params, named, asked.sent)
        except ConnectionError as error:
            return Failed(kinds=["ConnectionError", "CurlError"], message=str(error))
        return Page(raw.status, dict(raw.headers), raw.body, asked.url)
