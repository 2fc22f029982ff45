"""What is known of tickers: at a glance, all of it, or one part."""

from __future__ import annotations

from bus.actor import Refused
from market.messages.cache import BarSeries, NewsKnown, ReadBars, ReadNews, Snapshot, TickerSnapshot
from market.messages.fetcher import CollectorState, CollectorStatus
from services.gateway.answers import (
    IndicatorsAnswer,
    LevelsAnswer,
    WatchlistAnswer,
    WatchlistRow,
)
from services.gateway.arguments import (
    Arguments,
    BarsWanted,
    NewsWanted,
    TickerAsOf,
    TickerTimeframe,
)
from services.gateway.talk import Talk
from services.gateway.talks.parts import known_or_refused, unknown


def watchlist(arguments: Arguments) -> Talk:
    """Every tracked ticker at a glance."""
    state: CollectorState = yield CollectorStatus()
    rows: list[WatchlistRow] = []
    for ticker in state.watchlist:
        try:
            snapshot: TickerSnapshot | None = yield Snapshot(ticker)
        except Refused:
            snapshot = None  # tracked a moment ago: the cache has not heard of it yet
        rows.append(_row(ticker, ticker in state.protected, snapshot))
    return WatchlistAnswer(any(row.simulated for row in rows), tuple(rows))


def _row(ticker: str, protected: bool, snapshot: TickerSnapshot | None) -> WatchlistRow:
    if snapshot is None:
        return WatchlistRow(ticker, protected, False, True, *(None,) * 8, seq=0)
    quote, decision = snapshot.quote, snapshot.decision
    reading = snapshot.indicators.timeframes.get("1d") if snapshot.indicators else None
    known = snapshot.known.get("decision")
    return WatchlistRow(
        ticker=ticker,
        protected=protected,
        simulated=snapshot.simulated,
        stale=snapshot.stale,
        price=quote.price if quote else None,
        change_percent=_change_percent(quote.price, quote.previous_close) if quote else None,
        source=quote.source if quote else None,
        age_seconds=snapshot.age_seconds,
        rsi=reading.rsi if reading else None,
        trend=reading.trend.name if reading and reading.trend else None,
        signal=decision.signal if decision else None,
        decision_seq=known.seq if known else None,
        seq=snapshot.seq,
    )


def _change_percent(price: float, previous_close: float | None) -> float | None:
    return (price - previous_close) / previous_close * 100 if previous_close else None


def snapshot(arguments: TickerAsOf) -> Talk:
    """All that is known of a ticker."""
    known: TickerSnapshot = yield Snapshot(arguments.key, arguments.as_of_us)
    return known_or_refused(known)


def indicators(arguments: TickerAsOf) -> Talk:
    """The readings of a ticker."""
    known = known_or_refused((yield Snapshot(arguments.key, arguments.as_of_us)))
    return IndicatorsAnswer(
        ticker=known.ticker,
        seq=known.seq,
        simulated=known.simulated,
        stale=known.stale,
        timeframes=known.indicators.timeframes if known.indicators else {},
        forming=known.forming.timeframes if known.forming else {},
    )


def levels(arguments: TickerTimeframe) -> Talk:
    """Support, resistance and trend of a ticker."""
    known = known_or_refused((yield Snapshot(arguments.key, arguments.as_of_us)))
    timeframes = known.indicators.timeframes if known.indicators else {}
    reading = timeframes.get(arguments.timeframe)
    return LevelsAnswer(
        ticker=known.ticker,
        timeframe=arguments.timeframe,
        seq=known.seq,
        simulated=known.simulated,
        stale=known.stale,
        price=known.quote.price if known.quote else None,
        trend=reading.trend if reading else None,
        levels=reading.levels if reading else (),
    )


def news(arguments: NewsWanted) -> Talk:
    """The newest headlines of a ticker, or of all."""
    known: NewsKnown = yield ReadNews(arguments.key, arguments.limit, arguments.as_of_us)
    return known


def bars(arguments: BarsWanted) -> Talk:
    """The last bars of a ticker."""
    series: BarSeries = yield ReadBars(
        arguments.key,
        arguments.timeframe,
        arguments.limit,
        arguments.as_of_us,
        arguments.adjusted,
    )
    if not series.start_us:
        raise unknown(series.ticker, f"no {arguments.timeframe} bars are known of")
    return series
