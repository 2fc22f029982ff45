"""What the analyzer hears, made short: evidence, prices, calls, refusals, the calendar."""

from __future__ import annotations

from typing import Any

from bus.testing import microseconds
from market.messages.fetcher import (
    Bars,
    FetchRefused,
    Quote,
    Reason,
    Sessions,
    Source,
    SourceCalled,
)
from market.messages.indicators import Indicators
from market.sessions import day_start_us
from market.symbols import is_simulated
from tests.market.readings import reading

FRIDAY, MONDAY, TUESDAY = (day_start_us(f"2026-01-0{day}") for day in (2, 5, 6))

CALENDAR = Sessions(
    exchange="XNYS",
    date=("2026-01-02", "2026-01-05", "2026-01-06"),
    open_us=tuple(microseconds(f"2026-01-0{day}T14:30Z") for day in (2, 5, 6)),
    close_us=tuple(microseconds(f"2026-01-0{day}T21:00Z") for day in (2, 5, 6)),
)


def indicators(key: str, bar_start_us: int = FRIDAY, **changes: Any) -> Indicators:
    """A calm rise at a daily bar, or what is changed about it."""
    return Indicators(key, {"1d": reading(bar_start_us=bar_start_us, **changes)}, settings_seq=0)


def source_of(key: str) -> Source:
    return "simulated" if is_simulated(key) else "yahoo"


def quote(key: str, price: float = 101.0, at: str = "09:30") -> Quote:
    return Quote(key, price, source_of(key), market_time_us=microseconds(at))


def bars(key: str) -> Bars:
    """An answer with one daily bar."""
    one = (100.0,)
    return Bars(key, "1d", source_of(key), False, (FRIDAY,), one, one, one, one, one)


def call(key: str, until: str = "09:42") -> SourceCalled:
    """A call for daily bars."""
    return SourceCalled(source_of(key), "bars", key, "1d", deadline_us=microseconds(until))


def refusal(key: str, reason: Reason = "unreachable") -> FetchRefused:
    """Daily bars that were refused."""
    return FetchRefused(key, "bars", source_of(key), reason, "", "1d")
