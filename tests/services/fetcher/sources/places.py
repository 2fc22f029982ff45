"""What a source brings, wherever it is met: the same questions, the same answers.

A place is where the source is met: in the same process, or over the wire. It serves the imitated
market, and can be told to go wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import pytest

from market.messages.fetcher import Reason, SourceCalled, Timeframe
from services.fetcher.core.answers import Answer, Failure
from services.fetcher.effects import Fetch
from services.fetcher.ports import Ports
from services.fetcher.sources import read, real
from tests.services.fetcher.kit import MARKET

Trouble = Literal["throttled", "locked out", "broken", "gone"]


class Place(Protocol):
    """Where the sources are met."""

    @property
    def ports(self) -> Ports:
        """The ports that lead there."""

    @property
    def now_us(self) -> int:
        """What time it is there."""

    def trouble(self, what: Trouble) -> None:
        """From now on every question meets this."""


@dataclass
class Asker:
    """Asks a source as the collector does."""

    place: Place

    def ask(self, source: str, ticker: str, timeframe: Timeframe | None = None) -> Answer | Failure:
        call = SourceCalled(source, "bars" if timeframe else "quote", ticker, timeframe)
        effect = Fetch(call, self.place.now_us, 0)
        raw = real(source).ask(effect, self.place.ports)
        return raw if isinstance(raw, Failure) else read(real(source), raw, effect)

    def reason(self, source: str, ticker: str, timeframe: Timeframe | None = None) -> Reason | None:
        answer = self.ask(source, ticker, timeframe)
        return answer.reason if isinstance(answer, Failure) else None


class PlaceConformance:
    """Inherit, and give a fixture ``place``."""

    @pytest.fixture
    def asker(self, place: Place) -> Asker:
        return Asker(place)

    @pytest.mark.parametrize("source", ["finnhub", "yahoo"])
    def test_a_quote_is_the_last_price(self, asker: Asker, source: str) -> None:
        answer = asker.ask(source, "NVDA")
        truth = MARKET.truth("NVDA", asker.place.now_us / 1e6).quote
        assert isinstance(answer, Answer)
        assert answer.quote
        assert answer.quote.price == truth.price
        assert answer.quote.market_time_us == truth.at_seconds * 1_000_000
        assert answer.quote.previous_close == pytest.approx(truth.previous_close)
        assert answer.quote.high == pytest.approx(truth.high)
        assert answer.answer_hash

    def test_days_and_hours_are_those_of_the_market(self, asker: Asker) -> None:
        truth = MARKET.truth("SPY", asker.place.now_us / 1e6)
        days, hours = asker.ask("yahoo", "SPY", "1d"), asker.ask("yahoo", "SPY", "1h")
        for answer, bars in ((days, truth.daily), (hours, truth.hourly)):
            assert isinstance(answer, Answer)
            assert answer.bars
            assert answer.refused_rows == 0
            last = bars[-len(answer.bars) :]
            assert answer.bars.open == tuple(bar.open for bar in last)
            assert answer.bars.high == tuple(bar.high for bar in last)
            assert answer.bars.low == tuple(bar.low for bar in last)
            assert answer.bars.close == tuple(bar.close for bar in last)
            assert answer.bars.volume == tuple(bar.volume for bar in last)

    def test_a_share_class_is_understood(self, asker: Asker) -> None:
        assert asker.reason("finnhub", "BRK-B") is None
        assert asker.reason("yahoo", "BRK-B", "1d") is None

    def test_an_unknown_symbol_is_told(self, asker: Asker) -> None:
        assert asker.reason("finnhub", "ZZZZ") == "unknown_symbol"
        assert asker.reason("yahoo", "ZZZZ", "1d") == "unknown_symbol"

    def test_throttling_is_told(self, asker: Asker) -> None:
        asker.place.trouble("throttled")
        assert asker.reason("finnhub", "NVDA") == "rate_limited"
        assert asker.reason("yahoo", "NVDA", "1d") == "rate_limited"

    def test_a_wrong_key_is_told(self, asker: Asker) -> None:
        asker.place.trouble("locked out")
        assert asker.reason("finnhub", "NVDA") == "unauthorized"

    def test_a_broken_service_is_told(self, asker: Asker) -> None:
        asker.place.trouble("broken")
        assert asker.reason("finnhub", "NVDA") == "provider_error"
        assert asker.reason("yahoo", "NVDA", "1d") == "provider_error"

    def test_an_unreachable_service_is_told(self, asker: Asker) -> None:
        asker.place.trouble("gone")
        assert asker.reason("finnhub", "NVDA") == "unreachable"
        assert asker.reason("yahoo", "NVDA", "1d") == "unreachable"
