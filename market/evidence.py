"""What a decision rests on: a ticker's daily reading, and the market's as of that very bar.

The rule of simulation: the key of a series tells whether it is real or simulated, and evidence of
one reality holds nothing of the other. As of: a market reading is taken only where its bar is not
newer than the ticker's own, so that later evidence changes no earlier decision.
"""

from __future__ import annotations

import msgspec

from market.messages.analyzer import Evidence
from market.messages.fetcher import Timeframe
from market.messages.indicators import Indicators, Reading
from market.sessions import DAY_US
from market.symbols import PROTECTED, is_simulated, plain, simulated

MARKET = PROTECTED
"""The tickers that stand for the market; without the first there is no market context."""

DECIDED_ON: Timeframe = "1d"
"""The timeframe that decisions are made on."""

MARKET_BARS_KEPT = 10
"""Bars of the market that are kept, so that a ticker some days behind finds those of its day."""

MARKET_LAG_US_MAX = 7 * DAY_US
"""A market reading this much older than the ticker's bar no longer tells of the same market."""


class Known(msgspec.Struct, frozen=True):
    """A daily reading as the tape told it: the seq and the instant (microseconds) of its event."""

    seq: int
    at_us: int
    reading: Reading


class TickerEvidence(msgspec.Struct, frozen=True):
    """All that a decision on ``key`` may know; ``market`` by key, of the same reality."""

    key: str
    own: Known
    market: dict[str, Known]
    settings_seq: int

    @property
    def named(self) -> Evidence:
        """The events by their seqs, as a decision names them."""
        seqs = {key: known.seq for key, known in self.market.items()}
        return Evidence(indicators=self.own.seq, market=seqs, settings=self.settings_seq)


class Book(msgspec.Struct, frozen=True):
    """The last daily reading of every key, and the last few of the market's."""

    readings: dict[str, Known] = {}
    market: dict[str, tuple[Known, ...]] = {}


def learn(book: Book, seq: int, at_us: int, indicators: Indicators) -> Book:
    """The book after the event; one without a daily reading teaches nothing."""
    key, reading = indicators.ticker, indicators.timeframes.get(DECIDED_ON)
    if reading is None:
        return book
    known = Known(seq, at_us, reading)
    readings = {**book.readings, key: known}
    if plain(key) not in MARKET:
        return Book(readings, book.market)
    # The event is the full last word: bars that it no longer reaches were taken back.
    older = [k for k in book.market.get(key, ()) if _bar(k) < _bar(known)]
    kept = (*older, known)[-MARKET_BARS_KEPT:]
    return Book(readings, {**book.market, key: kept})


def gather(book: Book, key: str, settings_seq: int) -> TickerEvidence | None:
    """The evidence for a key, or None where it has no daily reading."""
    own = book.readings.get(key)
    if own is None:
        return None
    found = {k: _as_of(book.market.get(k, ()), _bar(own)) for k in market_keys(key)}
    market = {k: known for k, known in found.items() if known is not None}
    return TickerEvidence(key, own, market, settings_seq)


def market_keys(key: str) -> tuple[str, ...]:
    """The keys that stand for the market in the reality of ``key``."""
    return tuple(map(simulated, MARKET)) if is_simulated(key) else MARKET


def touched_by(book: Book, key: str) -> tuple[str, ...]:
    """The keys whose evidence may change with a reading of ``key``, sorted."""
    if plain(key) not in MARKET:
        return (key,)
    return tuple(sorted(k for k in book.readings if is_simulated(k) == is_simulated(key)))


def _as_of(history: tuple[Known, ...], bar_start_us: int) -> Known | None:
    """The newest reading whose bar is not newer than the given one, and not too old either."""
    earliest_us = bar_start_us - MARKET_LAG_US_MAX
    found = [known for known in history if earliest_us <= _bar(known) <= bar_start_us]
    return found[-1] if found else None


def _bar(known: Known) -> int:
    return known.reading.bar_start_us
