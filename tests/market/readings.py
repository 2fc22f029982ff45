"""Daily readings to decide on: a plain one, any, and the mirror image of one."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from market.evidence import Known, TickerEvidence
from market.messages.analyzer import AnalysisSettings
from market.messages.indicators import Level, Reading
from market.sessions import DAY_US, day_start_us

FRIDAY = day_start_us("2026-01-02")
MONDAY = day_start_us("2026-01-05")


def support(price: float) -> Level:
    return Level(price, "support", touches=2, strength=1.0, last_touch_us=0)


def resistance(price: float) -> Level:
    return Level(price, "resistance", touches=2, strength=1.0, last_touch_us=0)


def reading(**changes: Any) -> Reading:
    """A calm rise at 100 with an ATR of 2; every vote is between its ends."""
    calm = Reading(
        bar_start_us=FRIDAY,
        bars_used=1250,
        first_start_us=FRIDAY - 1800 * DAY_US,
        close=100.0,
        previous_close=99.0,
        volume=1_200_000.0,
        rsi=60.0,
        macd=0.8,
        macd_signal=0.5,
        macd_histogram=0.3,
        obv=5_000_000.0,
        ema20=98.0,
        ema50=96.0,
        ema200=90.0,
        atr=2.0,
        roc20=0.04,
        sd20=0.01,
        volume_sma20=1_000_000.0,
        volume_sum20=20_000_000.0,
        obv_change20=3_000_000.0,
        cmf20=0.05,
        trend=None,
        levels=(),
        bars_seq=1,
    )
    return msgspec.structs.replace(calm, **changes)


def falling(**changes: Any) -> Reading:
    """The mirror image of the calm rise."""
    return msgspec.structs.replace(mirrored(reading()), **changes)


def known(of: Reading, seq: int = 3) -> Known:
    return Known(seq, at_us=0, reading=of)


def evidence(of: Reading, spy: Reading | None = None, qqq: Reading | None = None) -> TickerEvidence:
    """NVDA's evidence of a reading, as seq 3, with the market's as 1 and 2."""
    market = {"SPY": spy and known(spy, 1), "QQQ": qqq and known(qqq, 2)}
    there = {key: value for key, value in market.items() if value}
    return TickerEvidence("NVDA", known(of), there, settings_seq=0)


def mirrored(of: Reading) -> Reading:
    """The same bar with every price reflected in the close, and every flow reversed."""

    def price(value: float | None) -> float | None:
        return None if value is None else 2 * of.close - value

    def flow(value: float | None) -> float | None:
        return None if value is None else -value

    return msgspec.structs.replace(
        of,
        previous_close=price(of.previous_close),
        rsi=None if of.rsi is None else 100 - of.rsi,
        macd=flow(of.macd),
        macd_signal=flow(of.macd_signal),
        ema20=price(of.ema20),
        ema50=price(of.ema50),
        ema200=price(of.ema200),
        roc20=flow(of.roc20),
        obv_change20=flow(of.obv_change20),
        cmf20=flow(of.cmf20),
        levels=tuple(
            (support if v.kind == "resistance" else resistance)(2 * of.close - v.price)
            for v in of.levels
        ),
    )


@st.composite
def readings(draw: st.DrawFn, bars_min: int = 1) -> Reading:
    """Any reading a market may give: cents to thousands, quiet to wild, some values undefined."""
    close = draw(st.floats(0.05, 5000))
    atr = close * draw(st.floats(0.001, 0.2))

    def maybe(low: float, high: float) -> float | None:
        return draw(st.none() | st.floats(low, high))

    def near() -> float | None:
        distance = maybe(-12, 12)
        return None if distance is None else max(0.01, close + distance * atr)

    prices = draw(st.lists(st.floats(-6, 6), max_size=6))
    levels = [close + atr * p for p in prices if close + atr * p > 0 and p]
    return reading(
        bars_used=draw(st.integers(bars_min, 5000)),
        close=close,
        previous_close=near(),
        volume=draw(st.floats(0, 1e9)),
        rsi=maybe(0, 100),
        macd=maybe(-3 * atr, 3 * atr),
        macd_signal=maybe(-3 * atr, 3 * atr),
        ema20=near(),
        ema50=near(),
        ema200=near(),
        atr=draw(st.just(atr) | st.sampled_from([None, 0.0])),
        roc20=maybe(-0.9, 3),
        sd20=maybe(0, 0.2),
        volume_sma20=maybe(0, 1e9),
        volume_sum20=maybe(0, 2e10),
        obv_change20=maybe(-2e10, 2e10),
        cmf20=maybe(-1, 1),
        levels=tuple(support(p) if p < close else resistance(p) for p in levels if p != close),
    )


def all_evidence() -> st.SearchStrategy[TickerEvidence]:
    """Any evidence: any reading, with or without the market's."""
    return st.builds(evidence, readings(), spy=st.none() | readings(), qqq=st.none() | readings())


@st.composite
def all_settings(draw: st.DrawFn) -> AnalysisSettings:
    """Any settings within their bounds, with weight for something."""
    names = ("technical_analysis", "market_context", "sentiment", "volume", "seasonality")
    weights = {name: draw(st.floats(0.01, 1)) for name in names}
    return AnalysisSettings(
        weights=weights,  # type: ignore[arg-type]
        buy_above=draw(st.floats(50, 70)),
        sell_below=draw(st.floats(30, 50)),
        minimum_present_weight=draw(st.floats(0, 1)),
        minimum_r_r=draw(st.floats(0, 3)),
        equity=draw(st.floats(1_000, 1e7)),
        risk_percent=draw(st.floats(0.01, 5)),
        max_position_percent=draw(st.floats(1, 100)),
        slippage_basis_points=draw(st.floats(0, 50)),
        commission_per_share=draw(st.floats(0, 0.05)),
    )
