"""The simulated market: the same for ever, consistent with itself, and something like a market."""

from __future__ import annotations

import math
from datetime import date
from itertools import groupby
from statistics import correlation, fmean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.testing import microseconds
from market.messages.fetcher import SourceCalled, Timeframe
from market.sessions import HOUR_US, NO_SESSIONS, bar_close_us, session_at
from services.fetcher.core.answers import Answer, Columns
from services.fetcher.core.bars import day_of, new_york_date
from services.fetcher.effects import Simulate
from services.fetcher.sources import simulated
from tests.services.fetcher.kit import table

SESSIONS = table("2025-01-06", "2027-01-04")
SEED = 7
NOW_US = microseconds("2026-01-05T16:47:13")
INSTANTS = st.integers(microseconds("2025-01-10T00:00:00"), microseconds("2026-12-30T00:00:00"))


def look(ticker: str, timeframe: Timeframe | None, now_us: int, latest_us: int = 0) -> Answer:
    call = SourceCalled("simulated", "bars" if timeframe else "quote", f"{ticker}~sim", timeframe)
    answer = simulated.look(Simulate(call, now_us, latest_us, SESSIONS, SEED))
    assert isinstance(answer, Answer)
    return answer


def bars(ticker: str, timeframe: Timeframe, now_us: int, latest_us: int = 0) -> Columns:
    found = look(ticker, timeframe, now_us, latest_us).bars
    assert found
    return found


def rows(columns: Columns) -> dict[int, tuple[float, ...]]:
    fields = (columns.open, columns.high, columns.low, columns.close, columns.volume)
    return dict(zip(columns.start_us, zip(*fields, strict=True), strict=True))


def test_the_first_look_brings_five_years_of_days_and_two_of_hours() -> None:
    assert len(bars("SPY", "1d", NOW_US)) == 1_260
    assert len(bars("SPY", "1h", NOW_US)) > 3_400


def test_these_prices_never_change_in_any_version() -> None:
    days = rows(bars("SPY", "1d", NOW_US))
    hours = rows(bars("NVDA", "1h", NOW_US))
    day, hour = microseconds("2025-12-31T00:00:00"), microseconds("2025-12-31T15:30:00")
    assert days[day] == (472.03, 472.03, 465.88, 466.08, 55_086_078.0)
    assert hours[hour] == (215.80, 216.00, 214.66, 215.17, 3_626_164.0)


@settings(max_examples=20)
@given(first=INSTANTS, second=INSTANTS, timeframe=st.sampled_from(["1d", "1h"]))
def test_a_closed_bar_is_the_same_whenever_it_is_asked_for(
    first: int, second: int, timeframe: Timeframe
) -> None:
    early, late = sorted((first, second))
    five_days = 5 * 24 * HOUR_US
    known = rows(bars("NVDA", timeframe, early, early - five_days))
    again = rows(bars("NVDA", timeframe, late, early - five_days))
    for start_us, row in known.items():
        close_us = bar_close_us(SESSIONS, timeframe, start_us)
        if close_us is not None and close_us <= early:
            assert again[start_us] == row


@settings(max_examples=20)
@given(now_us=INSTANTS)
def test_days_are_made_of_their_hours_and_the_quote_is_the_last_price(now_us: int) -> None:
    since = now_us - 10 * 24 * HOUR_US
    days, hours = rows(bars("QQQ", "1d", now_us, since)), rows(bars("QQQ", "1h", now_us, since))
    of_day = {
        day: [row for _, row in group]
        for day, group in groupby(hours.items(), lambda item: new_york_date(item[0]).isoformat())
    }
    for start_us, (opening, high, low, close, volume) in days.items():
        parts = of_day[day_of(start_us)]
        assert (opening, close) == (parts[0][0], parts[-1][3])
        assert high == max(part[1] for part in parts)
        assert low == min(part[2] for part in parts)
        assert volume == sum(part[4] for part in parts)
    quote = look("QQQ", None, now_us).quote
    assert quote
    last, before = list(days.values())[-1], list(days.values())[-2]
    assert (quote.price, quote.previous_close) == (last[3], before[3])
    assert (quote.open, quote.high, quote.low, quote.volume) == (last[0], last[1], last[2], last[4])


@settings(max_examples=20)
@given(start=INSTANTS, seconds=st.lists(st.integers(1, 3_000), min_size=2, max_size=8))
def test_a_forming_bar_only_grows(start: int, seconds: list[int]) -> None:
    session = session_at(SESSIONS, start)
    now_us, before = start, None
    for more in seconds:
        now_us += more * 1_000_000
        if session is None or not session.open_us <= now_us < session.close_us:
            return
        _, high, low, _, volume = list(rows(bars("SPY", "1d", now_us, now_us)).values())[-1]
        if before:
            assert high >= before[0]
            assert low <= before[1]
            assert volume >= before[2]
        before = (high, low, volume)


def test_the_price_moves_with_the_clock() -> None:
    prices = []
    for minute in range(0, 60, 5):
        quote = look("SPY", None, microseconds(f"16:{minute:02d}")).quote
        assert quote
        assert quote.market_time_us == microseconds(f"16:{minute:02d}")
        prices.append(quote.price)
    assert len(set(prices)) > 6


def test_after_the_close_the_quote_stands_at_the_close() -> None:
    evening, night = (look("SPY", None, microseconds(at)).quote for at in ("21:00", "23:30"))
    assert evening == night
    assert evening
    assert evening.market_time_us == microseconds("21:00")


def test_holidays_weekends_and_early_closes_are_those_of_the_table() -> None:
    now_us = microseconds("2026-01-05T23:00:00")
    days = {
        day_of(start) for start in bars("SPY", "1d", now_us, now_us - 45 * 24 * HOUR_US).start_us
    }
    assert {"2025-11-27", "2025-12-25", "2026-01-01", "2026-01-03"} & days == set()
    hours = bars("SPY", "1h", now_us, now_us - 45 * 24 * HOUR_US).start_us
    black_friday = [at for at in hours if new_york_date(at) == date(2025, 11, 28)]
    assert len(black_friday) == 4


def test_beyond_the_table_every_weekday_has_its_ordinary_hours() -> None:
    found = simulated.sessions(
        NO_SESSIONS, microseconds("2026-07-06T23:00:00"), date(2026, 6, 1), 9
    )
    assert [session.date for session in found[-3:]] == ["2026-07-02", "2026-07-03", "2026-07-06"]
    assert found[-1].open_us == microseconds("2026-07-06T13:30:00")
    assert found[-1].close_us == microseconds("2026-07-06T20:00:00")


def test_another_ticker_and_another_seed_are_another_series() -> None:
    assert bars("NVDA", "1d", NOW_US).close != bars("AAPL", "1d", NOW_US).close
    call = SourceCalled("simulated", "bars", "NVDA~sim", "1d")
    other = simulated.look(Simulate(call, NOW_US, 0, SESSIONS, SEED + 1))
    assert isinstance(other, Answer)
    assert other.bars
    assert other.bars.close != bars("NVDA", "1d", NOW_US).close


@pytest.mark.parametrize("ticker", ["SPY", "QQQ", "NVDA", "AAPL", "F"])
def test_it_looks_like_a_market(ticker: str) -> None:
    """Volatility as of a stock, in clusters; fat tails; volume follows excitement; a busy open."""
    days = bars(ticker, "1d", NOW_US)
    returns = [math.log(b / a) for a, b in zip(days.close, days.close[1:], strict=False)]
    sizes = [abs(one) for one in returns]
    yearly = pstdev(returns) * math.sqrt(252)
    assert 0.08 < yearly < 0.60
    assert correlation(sizes[:-1], sizes[1:]) > 0.05
    assert fmean(one**4 for one in returns) / pstdev(returns) ** 4 > 3.0
    assert min(days.low) > 0.2 * days.close[0]
    assert max(days.high) < 5 * days.close[0]
    hours = bars(ticker, "1h", NOW_US)
    by_hour = [fmean(hours.volume[n:3_000:7]) for n in range(7)]
    assert by_hour[0] > by_hour[3] < 2 * by_hour[6]


def test_most_tickers_go_with_the_market() -> None:
    def returns(ticker: str) -> list[float]:
        days = bars(ticker, "1d", NOW_US)
        return [b / a - 1 for a, b in zip(days.close, days.close[1:], strict=False)]

    assert correlation(returns("SPY"), returns("QQQ")) > 0.8
    assert correlation(returns("SPY"), returns("NVDA")) > 0.2
