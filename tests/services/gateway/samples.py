"""A small deck in plain values: what its services would reply and what its tape would hold."""

from __future__ import annotations

import msgspec

from bus.codec import Codec, Record
from bus.message import BusState, Counters, Event, ServiceState
from market.messages import CONTRACT
from market.messages.analyzer import (
    Analysis,
    ComponentScores,
    Decision,
    Evidence,
    Levels,
    PositionSizing,
)
from market.messages.cache import (
    BarSeries,
    CacheEntry,
    CacheState,
    Known,
    KnownHeadline,
    NewsKnown,
    TickerSnapshot,
)
from market.messages.fetcher import Budget, CapabilityState, CollectorState, Quote, SourceState
from market.messages.indicators import Indicators, Level, Reading, Trend

NOON_US = 1_795_262_400_000_000  # 2026-11-21T12:00:00Z
DAY_US = 86_400_000_000
MET = Counters(dead_letters=1, gaps=2, resends=3, bad_frames=5)


def quote(ticker: str = "NVDA", price: float = 190.0) -> Quote:
    return Quote(ticker, price, "yahoo", NOON_US, previous_close=200.0)


def reading(close: float = 190.0) -> Reading:
    numbers: dict[str, float | None] = dict.fromkeys(
        f
        for f in Reading.__struct_fields__
        if f not in {"bar_start_us", "bars_used", "first_start_us", "trend", "levels", "bars_seq"}
    )
    numbers |= {"close": close, "volume": 1_000.0, "rsi": 28.0}
    fields = {
        "bar_start_us": NOON_US - DAY_US,
        "bars_used": 1_250,
        "first_start_us": NOON_US - 1_250 * DAY_US,
        "trend": Trend("down", -0.5, NOON_US - 9 * DAY_US),
        "levels": (Level(180.0, "support", 3, 0.8, NOON_US - 5 * DAY_US),),
        "bars_seq": 5,
    }
    return msgspec.convert(numbers | fields, Reading)


def news(*headlines: str) -> NewsKnown:
    """Headlines of NVDA, a minute apart."""
    texts = headlines or ("Chips rise", "Chips fall")
    rows = tuple(
        KnownHeadline(
            ticker="NVDA",
            headline=text,
            publisher="A paper",
            url=f"https://example.com/{number}",
            published_us=NOON_US - number * 60_000_000,
            source="finnhub",
            seq=7,
        )
        for number, text in enumerate(texts)
    )
    return NewsKnown("NVDA", 9, NOON_US, rows)


def decision(ticker: str = "NVDA") -> Decision:
    return Decision(
        ticker=ticker,
        signal="BUY",
        reason="BUY: the composite of 66.00 is at least 60",
        composite_score=66.0,
        component_scores=ComponentScores(technical_analysis=70.0),
        weights_used={"technical_analysis": 1.0},
        missing=("sentiment",),
        rules=(),
        levels=Levels(190.0, 185.0, 200.0, 2.0, "support", "resistance"),
        position_sizing=PositionSizing(100, 500.0, 1_000.0, 19_000.0, "risk_percent"),
        probability=None,
        bar_start_us=NOON_US - DAY_US,
        bars_used=1_250,
        evidence=Evidence(4, {"SPY": 3}, 0),
        simulated=False,
    )


def snapshot(
    ticker: str = "NVDA", *, stale: bool = False, simulated: bool = False
) -> TickerSnapshot:
    return TickerSnapshot(
        ticker=ticker,
        seq=7,
        at_us=NOON_US,
        simulated=simulated,
        stale=stale,
        age_seconds=12.0,
        quote=quote(ticker),
        indicators=Indicators(ticker, {"1d": reading()}, 0),
        forming=None,
        decision=decision(ticker),
        known={"quote": Known(6, NOON_US), "decision": Known(7, NOON_US)},
    )


def nothing_known(ticker: str) -> TickerSnapshot:
    return TickerSnapshot(ticker, 7, NOON_US, False, True, None, None, None, None, None, {})


def bars(ticker: str = "NVDA") -> BarSeries:
    return BarSeries(
        ticker=ticker,
        timeframe="1d",
        seq=7,
        simulated=False,
        forming=False,
        adjusted=True,
        start_us=(NOON_US - 2 * DAY_US, NOON_US - DAY_US),
        open=(10.0, 11.0),
        high=(12.0, 13.0),
        low=(9.0, 10.0),
        close=(11.0, 12.0),
        volume=(1_000.0, 2_000.0),
        known_by=(5, 5),
    )


YAHOO = SourceState(
    "yahoo",
    True,
    capabilities=(CapabilityState("bars", "half_open", "it was down"),),
    calls=9,
    outcomes={"answered": 7, "invalid": 2},
    refusals={"invalid": 2},
    raw_lost=1,
    raw_lost_because="the disk is full",
)
"""A source that has met with something."""


def collector(**changes: object) -> CollectorState:
    state = CollectorState(
        running=True,
        simulated=False,
        last_run_us=NOON_US,
        next_run_us=NOON_US + 300_000_000,
        watchlist=("SPY", "QQQ", "NVDA"),
        protected=("SPY", "QQQ"),
        market="closed",
        next_session_us=NOON_US + 2 * DAY_US,
        fetching=(),
        budgets=(Budget("finnhub", 7, 60, 60.0),),
        sources=(SourceState("yahoo", True),),
    )
    return msgspec.structs.replace(state, **changes)


def cache(*entries: CacheEntry) -> CacheState:
    held = CacheEntry("NVDA", False, False, 12.0, 190.0, "yahoo", {"1d": 1_250})
    return CacheState(seq=7, ttl_seconds=300.0, entries=entries or (held,))


def analysis(ticker: str = "NVDA", *, stale: bool = False) -> Analysis:
    return Analysis(
        ticker=ticker,
        decision=decision(ticker),
        decision_seq=7,
        decided_at_us=NOON_US,
        data_source="cache",
        simulated=False,
        stale=stale,
        stale_because="",
        current=None,
        seq=7,
        as_of_us=NOON_US,
    )


def bus(*ready: str, degraded: str = "") -> BusState:
    names = ready or ("analyzer", "cache", "fetcher", "gateway", "indicators")
    return BusState(
        tape_id="t",
        head=7,
        at_us=NOON_US,
        degraded=degraded,
        events_appended=7,
        commits=3,
        commit_ms_p50=0.4,
        commit_ms_p99=2.5,
        batch_p50=2.0,
        resends=1,
        refused=0,
        bad_frames=4,
        tape_bytes=4_096,
        services=tuple(ServiceState(name, True, 7, 0, 42, 1, 0.1, MET) for name in names),
    )


def records(*events: Event, first: int = 1, prev: int = 0) -> list[Record]:
    codec = Codec(CONTRACT)
    return [
        Record(seq, e.subject, NOON_US + seq, prev, "fetcher", seq - 1, e.version, codec.body(e))
        for seq, e in enumerate(events, first)
    ]
