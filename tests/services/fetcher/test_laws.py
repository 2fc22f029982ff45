"""The collector keeps the laws of every actor, whatever its past."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st
from msgspec.structs import replace

from bus.laws import START_US, STEP_US, ActorLaws
from market.messages.exchange import MarketStatus
from market.messages.fetcher import (
    AddTicker,
    Bars,
    BarsMissing,
    Capability,
    CollectorStarted,
    CollectorStopped,
    CycleFinished,
    CycleStarted,
    FetchNow,
    FetchRefused,
    FetchRequested,
    GateState,
    HistoryBackfilled,
    Quote,
    RawLost,
    Reason,
    RemoveTicker,
    Restart,
    Sessions,
    Source,
    SourceCalled,
    SourceGated,
    SourceShared,
    SourceSlowed,
    Start,
    Stop,
    Timeframe,
    WatchlistAdded,
    WatchlistRemoved,
)
from market.messages.history import (
    Action,
    BackfillCancelled,
    BarsCorrected,
    CancelBackfill,
    CorporateActions,
    Correction,
    DayUnsettled,
    ListingChanged,
    ListingState,
)
from market.messages.news import Headline, News
from market.messages.stream import Refused, StreamClosed, StreamOpened, StreamRefused
from services.fetcher.actor import build
from tests.services.fetcher.kit import OPTIONS

TICKERS = st.sampled_from(["SPY", "QQQ", "NVDA", "BRK-B"])
KEYS = st.sampled_from(["SPY", "QQQ", "NVDA", "SPY~sim", "NVDA~sim"])
DAYS = st.sampled_from(["2026-01-02", "2026-01-05"])
INSTANTS = st.integers(0, 100).map(lambda steps: START_US + steps * STEP_US)
PRICES = st.floats(0.01, 5_000, allow_nan=False)
SOURCES: st.SearchStrategy[Source] = st.sampled_from([one.name for one in OPTIONS.sources])
TIMEFRAMES: st.SearchStrategy[Timeframe] = st.sampled_from(get_args(Timeframe))
REASONS: st.SearchStrategy[Reason] = st.sampled_from(get_args(Reason))


@st.composite
def bars(draw: st.DrawFn) -> Bars:
    """A few flat bars; the collector looks at nothing but their values."""
    start = draw(st.lists(st.integers(0, 40), min_size=1, max_size=6, unique=True).map(sorted))
    prices = tuple(draw(PRICES) for _ in start)
    return Bars(
        ticker=draw(KEYS),
        timeframe=draw(TIMEFRAMES),
        source=draw(SOURCES),
        forming=draw(st.booleans()),
        start_us=tuple(START_US + 3_600 * STEP_US * n for n in start),
        open=prices,
        high=prices,
        low=prices,
        close=prices,
        volume=prices,
    )


@st.composite
def refusals(draw: st.DrawFn) -> FetchRefused:
    call = draw(calls())
    of_calendar = draw(st.booleans())
    return FetchRefused(
        ticker=call.ticker,
        capability="sessions" if of_calendar else call.capability,
        source="calendar" if of_calendar else call.source,
        reason=draw(REASONS),
        message="no",
        timeframe=call.timeframe,
        retry_at_us=draw(INSTANTS),
        named=draw(st.sampled_from(["", "META"])),
    )


GATES = st.builds(
    SourceGated,
    SOURCES,
    st.sampled_from(get_args(Capability)),
    st.sampled_from(get_args(GateState)),
    st.just("why"),
    INSTANTS,
    st.integers(0, 3),
    st.sampled_from(["", "a key", "another key"]),
)


HEADLINES = st.builds(
    Headline,
    st.sampled_from(["Shares rise", "Shares fall"]),
    st.just("A paper"),
    st.sampled_from(["", "https://example.com/1", "https://example.com/2"]),
    INSTANTS,
    st.sampled_from(["", "1", "2"]),
)
NEWS = st.builds(News, TICKERS, SOURCES, st.lists(HEADLINES, max_size=3).map(tuple))
WORDS = st.builds(
    MarketStatus,
    st.just("XNYS"),
    SOURCES,
    st.booleans(),
    st.sampled_from(["open", "closed", "unknown"]),
    INSTANTS,
)
WITHOUT_BARS: st.SearchStrategy[Capability] = st.sampled_from(["quote", "news", "market_status"])


@st.composite
def calls(draw: st.DrawFn) -> SourceCalled:
    timeframe = draw(st.none() | TIMEFRAMES)
    return SourceCalled(
        source=draw(SOURCES),
        capability="bars" if timeframe else draw(WITHOUT_BARS),
        ticker=draw(KEYS),
        timeframe=timeframe,
        deadline_us=draw(INSTANTS),
    )


STREAMED = st.builds(Quote, TICKERS, PRICES, st.just("finnhub"), INSTANTS, streamed=st.just(True))
TRADES = st.builds(
    FetchRefused,
    st.sampled_from(["SPY", "NVDA", "-"]),
    st.just("trades"),
    st.just("finnhub"),
    REASONS,
    st.just("no"),
)


class TestCollector(ActorLaws):
    actor = build(replace(OPTIONS, news_seconds=3_600, market_status_seconds=300))
    events = st.one_of(
        st.builds(CollectorStarted),
        st.builds(CollectorStopped),
        st.builds(CycleStarted, st.sampled_from(["process", "start", "clock", "close"])),
        st.builds(CycleFinished, INSTANTS, st.integers(0, 3), st.integers(0, 3)),
        st.builds(WatchlistAdded, TICKERS),
        st.builds(WatchlistRemoved, TICKERS),
        st.builds(FetchRequested, TICKERS),
        calls(),
        st.builds(Quote, KEYS, PRICES, SOURCES, INSTANTS),
        bars(),
        refusals(),
        GATES,
        NEWS,
        WORDS,
        st.builds(BarsMissing, KEYS, TIMEFRAMES, st.tuples(INSTANTS)),
        st.builds(BarsMissing, KEYS, TIMEFRAMES, st.just(()), st.tuples(INSTANTS)),
        st.builds(DayUnsettled, KEYS, DAYS, st.just("why"), st.integers(1, 8), INSTANTS, SOURCES),
        st.builds(
            BarsCorrected, KEYS, TIMEFRAMES, SOURCES, st.just((Correction(0, "close", 1.0, 2.0),))
        ),
        st.builds(CorporateActions, KEYS, SOURCES, st.just((Action("2026-01-05", "split", 2.0),))),
        st.builds(
            ListingChanged,
            KEYS,
            st.sampled_from(get_args(ListingState)),
            st.just("why"),
            INSTANTS,
        ),
        st.builds(BackfillCancelled, TICKERS),
        st.builds(HistoryBackfilled, TICKERS, st.integers(0, 2), st.just(2), st.just("bars")),
        st.builds(RawLost, SOURCES, KEYS, st.just("c0ffee"), st.just("the disk is full")),
        STREAMED,
        TRADES,
        st.builds(SourceCalled, st.just("finnhub"), st.just("trades"), st.just("-")),
        st.builds(StreamOpened, st.just("finnhub")),
        st.builds(StreamClosed, st.just("finnhub"), st.just("why")),
        st.just(StreamRefused("finnhub", (Refused("unreadable", 1, "x"),))),
        st.builds(SourceSlowed, SOURCES, st.integers(1, 30), INSTANTS),
        st.builds(SourceShared, SOURCES, st.integers(1, 30)),
        st.just(Sessions("XNYS", ("2026-01-05",), (START_US,), (START_US + 3_600 * STEP_US,))),
    )
    commands = st.one_of(
        st.builds(Start),
        st.builds(Stop),
        st.builds(Restart),
        st.builds(AddTicker, st.sampled_from(["tsla", "NVDA", "brk.b", "no ticker at all"])),
        st.builds(RemoveTicker, st.sampled_from(["NVDA", "SPY", "TSLA"])),
        st.builds(FetchNow, st.sampled_from(["", "NVDA", "AMD", "SPY~sim"])),
        st.builds(CancelBackfill, st.sampled_from(["NVDA", "SPY", "TSLA"])),
    )
