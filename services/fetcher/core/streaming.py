"""The stream of trades: for whom it is held and when, and what its events do to what is known.

One connection tells the trades of as many tickers as its source allows, the first of the watchlist;
all others, and those that are silent, are polled as without it. It is held while the market is
open by the calendar, and for what never closes at any time. A connection is tried again after a
pause that doubles with each one in a row that did not last, whatever ended it: a refusal, a cut,
the death of the process.
"""

from __future__ import annotations

from itertools import islice

from msgspec.structs import replace

from bus.message import Fact
from market.messages.fetcher import FetchRefused, Quote, SourceCalled
from market.messages.stream import StreamClosed, StreamOpened
from market.sessions import market_state, next_session, session_at
from market.symbols import is_share
from market.venues import hours_of, venue_of
from services.fetcher.core import trust
from services.fetcher.core.declaration import Declaration, Options
from services.fetcher.core.failover import BACKOFF_SECONDS, doubled
from services.fetcher.core.jitter import fraction
from services.fetcher.core.state import (
    NO_FRAME,
    Collector,
    Flight,
    Frame,
    Lane,
    Refusal,
    Series,
    Stream,
    with_lane,
)

SECOND_US = 1_000_000

ALL = "-"
"""A connection is opened for all tickers at once: its call names this in their place."""

STEADY_US = 60 * SECOND_US
"""A connection that lasted so long was a good one: the next one need not wait."""

LIVE_US = 60 * SECOND_US
"""A ticker whose last trade came so lately is live: a cycle need not ask for its price."""

FRAME_LASTS_US = 900 * SECOND_US
"""Trades tell no open, high, low and last close; a source that is polled tells them so often."""


def is_coin(ticker: str) -> bool:
    """Whether it is traded around the clock, for dollars: BTC-USD."""
    return venue_of(ticker) == "crypto" and ticker.endswith("-USD")


def source_of(options: Options) -> Declaration | None:
    """Who streams trades, the first choice."""
    return next((one for one in options.real if "trades" in one.capabilities), None)


def wanted(state: Collector, options: Options, now_us: int) -> tuple[str, ...]:
    """The tickers to be streamed now, the first of the watchlist; none where none is."""
    source = source_of(options)
    if source is None or not state.running:
        return ()
    open_now = market_state(state.table, now_us) == "open"
    if not open_now and "crypto" not in state.venues:
        return ()
    traded = (
        ticker for ticker in state.watchlist if is_coin(ticker) or (open_now and is_share(ticker))
    )
    return tuple(islice(traded, source.streams))


def heard(state: Collector, options: Options, source: str, now_us: int) -> tuple[str, ...]:
    """The tickers whose trades the source tells just now."""
    stream = state.stream
    return wanted(state, options, now_us) if stream.opened_us and stream.source == source else ()


def turns_us(state: Collector, now_us: int) -> int:
    """When the market opens or closes next; 0 where that is not known."""
    if under_way := session_at(state.table, now_us):
        return under_way.close_us
    coming = next_session(state.table, now_us)
    return coming.open_us if coming else 0


def may_try_us(state: Collector, source: Declaration) -> int:
    """When a connection may be tried: after the breaker's rest, and the pause after the last."""
    stream = state.stream
    return max(state.gate_of(source.name, "trades").until_us, stream.tried_us + _pause_us(stream))


def lane_of(stream: Stream) -> Lane:
    """The attempt under way as a lane, so that failures are classified like those of all calls."""
    if not stream.attempts:
        return Lane(flight=stream.flight)
    refusal = Refusal(stream.source, "unreachable", stream.tried_us, 0, max(0, stream.attempts - 1))
    return Lane(flight=stream.flight, refusals=(refusal,))


def called(state: Collector, fact: Fact[SourceCalled]) -> Collector:
    """A connection is being opened."""
    call, stream = fact.event, state.stream
    stream = Stream(
        source=call.source,
        attempt=call.deadline_us,
        attempts=stream.attempts + 1,
        tried_us=fact.at_us,
        flight=Flight(call.source, fact.at_us, call.deadline_us),
    )
    return replace(state, stream=stream)


def opened(state: Collector, fact: Fact[StreamOpened]) -> Collector:
    """The connection stands; whether it is a good one is seen when it ends."""
    source = fact.event.source
    state = trust.ended(state, lane_of(state.stream), source, fact.at_us)
    stream = replace(state.stream, flight=None, opened_us=fact.at_us)
    return trust.answered(replace(state, stream=stream), source, "trades", fact.at_us)


def closed(state: Collector, fact: Fact[StreamClosed]) -> Collector:
    """No connection stands."""
    return ended(state, fact.at_us)


def ended(state: Collector, at_us: int) -> Collector:
    """Neither a connection nor an attempt is left, however that came about."""
    stream = state.stream
    lasted = stream.opened_us and at_us >= stream.opened_us + STEADY_US
    attempts = 0 if lasted else stream.attempts
    return replace(state, stream=replace(stream, flight=None, opened_us=0, attempts=attempts))


def refused(state: Collector, fact: Fact[FetchRefused]) -> Collector:
    """The connection was refused, or a ticker's trade was doubtful: then others are asked."""
    event = fact.event
    if event.ticker == ALL:
        state = trust.ended(state, lane_of(state.stream), event.source, fact.at_us, event.reason)
        return trust.refused(replace(state, stream=replace(state.stream, flight=None)), event)
    series = state.series.get(event.ticker)
    if series is None:
        return state
    lane = trust.refusing(series.lane("quote"), event, fact.at_us)
    lane = replace(lane, frame=lane.frame._replace(refused_us=fact.at_us))
    return with_lane(state, event.ticker, "quote", lane)


def quoted(state: Collector, fact: Fact[Quote]) -> Collector:
    """The ticker's price is fresh; a call that is under way for it goes on."""
    quote = fact.event
    lane = framed(state.of(quote.ticker).lane("quote"), quote, fact.at_us)
    lane = replace(lane, answered_us=fact.at_us, source=quote.source, refusals=())
    return with_lane(state, quote.ticker, "quote", lane)


def framed(lane: Lane, quote: Quote, at_us: int) -> Lane:
    """The lane with this price, and what stands around it."""
    frame = Frame(
        said_us=at_us,
        polled_us=lane.frame.polled_us if quote.streamed else at_us,
        refused_us=lane.frame.refused_us,
        streamed=quote.streamed,
        open=quote.open,
        high=quote.high,
        low=quote.low,
        previous_close=quote.previous_close,
    )
    return replace(lane, latest_us=quote.market_time_us, price=quote.price, frame=frame)


def live(state: Collector, now_us: int) -> tuple[str, ...]:
    """The tickers whose prices the stream keeps fresh, and whose frame is known."""
    opened_us = state.stream.opened_us
    return tuple(
        t for t, one in state.series.items() if opened_us and _live(one, opened_us, now_us)
    )


def frame_of(state: Collector, ticker: str, at_us: int) -> Frame:
    """The open, range and last close that hold for a trade: those of its own session."""
    lane = state.of(ticker).lane("quote")
    session = session_at(hours_of(ticker, state.table, at_us), at_us)
    return lane.frame if session and lane.latest_us >= session.open_us else NO_FRAME


def at_cycle(state: Collector, at_us: int) -> Collector:
    """A cycle begins: whoever is live has been brought already, and costs no call."""
    series = dict(state.series)
    for ticker in live(state, at_us):
        lane = replace(series[ticker].lane("quote"), answered_us=at_us)
        series[ticker] = replace(series[ticker], lanes={**series[ticker].lanes, "quote": lane})
    return replace(state, series=series)


def _live(series: Series, opened_us: int, now_us: int) -> bool:
    frame = series.lane("quote").frame
    polled_lately = frame.polled_us > max(opened_us, now_us - FRAME_LASTS_US)
    return frame.streamed and polled_lately and frame.said_us > now_us - LIVE_US


def _pause_us(stream: Stream) -> int:
    """Full jitter, but never less than half a second after one that did not last."""
    if not stream.attempts:
        return 0
    bound = doubled(BACKOFF_SECONDS, stream.attempts - 1)
    seconds = max(0.5, bound * fraction("trades", stream.source, stream.tried_us))
    return round(seconds * SECOND_US)
