"""The imitated market is one consistent, repeatable truth."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.bars import bar_of_bars, bar_of_ticks, single
from tests.fakes.listings import LISTINGS
from tests.fakes.market import History, Market, heard_ticks, history, ticks
from tests.test_fakes.moments import CLOSED, OPEN

ROOT = Path(__file__).parents[2]
SYMBOLS = sorted(LISTINGS)
instants = st.integers(int(OPEN) - 30 * 86_400, int(CLOSED))


def history_at(symbol: str, at_seconds: float) -> History:
    return history(LISTINGS[symbol], int(at_seconds))


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_there_is_enough_history_near_the_level_of_the_listing(symbol: str) -> None:
    daily = Market().truth(symbol, OPEN).daily
    level = LISTINGS[symbol].level
    assert len(daily) >= 1_600
    assert all(level / 4 < bar.low <= bar.high < level * 4 for bar in daily)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_every_bar_holds_its_own_prices_and_time_goes_forward(symbol: str) -> None:
    truth = Market().truth(symbol, OPEN)
    for bars in (truth.daily, truth.hourly):
        assert all(bar.low <= min(bar.open, bar.close) for bar in bars)
        assert all(bar.high >= max(bar.open, bar.close) for bar in bars)
        assert all(bar.volume > 0 for bar in bars)
        assert all(a.start_seconds < b.start_seconds for a, b in pairwise(bars))


@settings(max_examples=30, deadline=None)
@given(instants)
def test_days_hours_and_the_quote_are_made_of_the_same_ticks(at_seconds: int) -> None:
    now = history_at("NVDA", at_seconds)
    today = now.days[-1]
    traded = heard_ticks(now, today)
    assert bar_of_ticks(traded) == bar_of_bars(today.hours) == today.bar
    assert traded[-1].price == now.last.price == Market().truth("NVDA", at_seconds).quote.price
    assert traded[-1].at_seconds <= now.last.at_seconds <= at_seconds


def test_the_ticks_of_a_finished_hour_add_up_to_that_hour() -> None:
    for day in history_at("SPY", CLOSED).days[-250:]:
        for hour in day.hours:
            assert bar_of_ticks(ticks("SPY", hour, day.session)) == hour


@pytest.mark.parametrize("at_seconds", [OPEN, CLOSED])
def test_a_quote_is_of_the_last_day_and_the_close_before_it(at_seconds: float) -> None:
    truth = Market().truth("AAPL", at_seconds)
    yesterday, today = truth.daily[-2:]
    named = truth.quote
    assert single([named.open, named.high, named.low, named.price, named.previous_close]) == [
        today.open,
        today.high,
        today.low,
        today.close,
        yesterday.close,
    ]


@settings(max_examples=30, deadline=None)
@given(instants, instants)
def test_what_is_past_never_changes(one: int, other: int) -> None:
    earlier, later = sorted((one, other))
    before, after = Market().truth("QQQ", earlier), Market().truth("QQQ", later)
    finished = len(before.daily) - (1 if before.is_open else 0)
    assert before.daily[:finished] == after.daily[:finished]


def test_another_process_serves_the_same_numbers() -> None:
    code = (
        "import sys; from tests.fakes.market import Market;"
        f"sys.stdout.write(repr(Market().truth('BRK-B', {OPEN}).daily[-1]))"
    )
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, capture_output=True, check=True, text=True, cwd=ROOT)
    assert answer.stdout == repr(Market().truth("BRK-B", OPEN).daily[-1])


def test_dividends_part_the_adjusted_closes_from_the_closes_before_them() -> None:
    truth = Market().truth("SPY", CLOSED)
    last = truth.dividends[-1]
    apart = [
        bar.start_seconds
        for bar, adjusted in zip(truth.daily, truth.adjusted_closes, strict=True)
        if adjusted != bar.close
    ]
    assert apart[-1] < last.ex_seconds
    assert last.ex_seconds == next(
        bar.start_seconds for bar in truth.daily if bar.start_seconds > apart[-1]
    )


def test_a_time_before_the_second_session_is_refused_with_the_remedy() -> None:
    for at_seconds in (0, 1_451_930_000):  # 1970, and 2016-01-04 in the afternoon
        with pytest.raises(ValueError, match="set the clock two sessions later"):
            Market().truth("SPY", at_seconds)
