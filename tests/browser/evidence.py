"""What a deck would know of an imitated ticker at an instant: told by the market's own functions.

Bars come from the imitated market; indicators and decision follow from them by the same pure
functions that the services use, so that the page is shown what it will be shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache

import msgspec

from bus.message import Event
from market.bars import Series
from market.decision.decide import decide
from market.evidence import Known, TickerEvidence, market_keys
from market.messages.analyzer import AnalysisSettings, Decision
from market.messages.fetcher import BARS_MAX, Bars, Quote, Sessions, Source, Timeframe
from market.messages.indicators import FormingIndicators, Indicators, IndicatorSettings
from market.sessions import day_start_us
from market.symbols import is_simulated, plain
from services.indicators.core.following import Change, Followed, Key, follow
from tests.fakes import sessions as calendar
from tests.fakes.bars import Bar
from tests.fakes.market import Market, Truth

BARS_KEPT: dict[Timeframe, int] = {"1d": 600, "1h": 700}

_MARKET = Market()


def listed(ticker: str) -> bool:
    """Whether the imitated market knows the ticker."""
    return ticker in _MARKET.listings


def sessions(at_us: int) -> Sessions:
    """The table of sessions around an instant."""
    today = calendar.new_york_day(at_us // 1_000_000)
    year = timedelta(days=365)
    found = list(calendar.sessions(today - year, today + year))
    return Sessions(
        exchange="XNYS",
        date=tuple(session.day.isoformat() for session in found),
        open_us=tuple(session.open_seconds * 1_000_000 for session in found),
        close_us=tuple(session.close_seconds * 1_000_000 for session in found),
    )


def quote(key: str, at_us: int) -> Quote:
    """The last price."""
    told = _truth(plain(key), at_us).quote
    return Quote(
        ticker=key,
        price=told.price,
        source=_source(key),
        market_time_us=told.at_seconds * 1_000_000,
        open=told.open,
        high=told.high,
        low=told.low,
        previous_close=told.previous_close,
    )


def bars(key: str, timeframe: Timeframe, at_us: int) -> tuple[Bars, ...]:
    """The last bars, in events of at most `BARS_MAX`."""
    truth = _truth(plain(key), at_us)
    rows = (truth.daily if timeframe == "1d" else truth.hourly)[-BARS_KEPT[timeframe] :]
    chunks = [rows[first : first + BARS_MAX] for first in range(0, len(rows), BARS_MAX)]
    return tuple(
        _bars(key, timeframe, chunk, more=chunk is not chunks[-1], forming=truth.is_open)
        for chunk in chunks
    )


@cache
def readings(key: str, at_us: int) -> dict[Key, Followed]:
    """Both timeframes with the state of their indicators."""
    changes: dict[Key, Change] = {}
    for timeframe in BARS_KEPT:
        series = Series()
        for chunk in bars(key, timeframe, at_us):
            series = series.merge(Series.of(chunk))
        changes[key, timeframe] = Change(Followed(), series, seq=1, closed_seq=1, forming_seq=1)
    return follow(changes, IndicatorSettings())


def indicators(key: str, at_us: int, seq: int) -> Indicators:
    """The readings after the last closed bars, which the event ``seq`` told."""
    told = {tf: each.now.closed for (_, tf), each in readings(key, at_us).items()}
    named = {tf: msgspec.structs.replace(r, bars_seq=seq) for tf, r in told.items() if r}
    return Indicators(key, named, settings_seq=0)


def forming(key: str, at_us: int, seq: int) -> FormingIndicators:
    """The peek at the forming bars."""
    told = {tf: each.now.forming for (_, tf), each in readings(key, at_us).items()}
    named = {tf: msgspec.structs.replace(r, bars_seq=seq) for tf, r in told.items() if r}
    return FormingIndicators(key, named, settings_seq=0)


def decision(key: str, at_us: int, seq: int, market_seq: int) -> Decision:
    """The decision by the readings of the ticker (said at ``seq``) and of the market."""
    evidence = TickerEvidence(
        key=key,
        own=_known(key, at_us, seq),
        market={one: _known(one, at_us, market_seq) for one in market_keys(key)},
        settings_seq=0,
    )
    return decide(evidence, AnalysisSettings())


def told(key: str, at_us: int, first_seq: int) -> Iterator[Event]:
    """Everything that a deck says of a ticker when it arrives, in order."""
    days, hours = bars(key, "1d", at_us), bars(key, "1h", at_us)
    bars_seq = first_seq + len(days) + len(hours)
    yield quote(key, at_us)
    yield from (*days, *hours)
    yield indicators(key, at_us, bars_seq)
    if forming(key, at_us, bars_seq).timeframes:
        yield forming(key, at_us, bars_seq)
    yield decision(key, at_us, seq=bars_seq + 1, market_seq=max(1, first_seq - 1))


def _known(key: str, at_us: int, seq: int) -> Known:
    reading = indicators(key, at_us, seq).timeframes["1d"]
    return Known(seq, at_us, reading)


def _bars(
    key: str, timeframe: Timeframe, rows: tuple[Bar, ...], *, more: bool, forming: bool
) -> Bars:
    return Bars(
        ticker=key,
        timeframe=timeframe,
        source=_source(key),
        forming=forming and not more,
        more=more,
        start_us=tuple(_start_us(row, timeframe) for row in rows),
        open=tuple(row.open for row in rows),
        high=tuple(row.high for row in rows),
        low=tuple(row.low for row in rows),
        close=tuple(row.close for row in rows),
        volume=tuple(float(row.volume) for row in rows),
    )


def _start_us(row: Bar, timeframe: Timeframe) -> int:
    if timeframe == "1h":
        return row.start_seconds * 1_000_000
    day: date = calendar.new_york_day(row.start_seconds)
    return day_start_us(day.isoformat())


def _source(key: str) -> Source:
    return "simulated" if is_simulated(key) else "yahoo"


@cache
def _truth(ticker: str, at_us: int) -> Truth:
    return _MARKET.truth(ticker, at_us // 1_000_000)
