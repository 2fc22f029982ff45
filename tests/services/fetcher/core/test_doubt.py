"""Which prices wait for a confirmation, and what confirms them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.messages.fetcher import Reason, SourceCalled
from services.fetcher.core.answers import Columns, Failure, QuoteAnswer
from services.fetcher.core.doubt import (
    PATIENCE_UNIT_US,
    PATIENCE_US,
    Judged,
    doubted_since_us,
    judged,
    judged_bars,
    quote_doubt,
)
from services.fetcher.core.state import Lane, Refusal, Row, Series

NOW_US = 1_767_625_200_000_000
CALL = SourceCalled("yahoo", "bars", "NVDA", "1d")
KNOWN = Series(lanes={"quote": Lane(price=100.0, source="finnhub")})


def columns(*closes: float, first: int = 0, splits: tuple[float, ...] = ()) -> Columns:
    size = len(closes)
    return Columns(
        start_us=tuple(range(first, first + size)),
        open=closes,
        high=closes,
        low=closes,
        close=closes,
        volume=(1.0,) * size,
        splits=splits or (1.0,) * size,
        dividends=(0.0,) * size,
    )


def tail(*closes: float) -> tuple[Row, ...]:
    return tuple(Row(at, 0, close) for at, close in enumerate(closes))


def doubtful(source: str, value: float, since_us: int, reason: Reason = "doubtful") -> Refusal:
    return Refusal(source, reason, since_us, since_us, 1, value, since_us)


def doubt(price: float, *refusals: Refusal, series: Series = KNOWN) -> str:
    """What is held against Finnhub's price now."""
    quote = series.lane("quote")
    lanes = {**series.lanes, "quote": Lane(price=quote.price, refusals=refusals)}
    asked = QuoteAnswer(price=price, market_time_us=NOW_US)
    return quote_doubt(Series(lanes=lanes), asked, "finnhub", NOW_US)


@pytest.mark.parametrize("price", [80.0, 100.0, 120.0])
def test_a_price_within_a_fifth_of_the_last_one_is_believed(price: float) -> None:
    assert doubt(price) == ""


@pytest.mark.parametrize("price", [79.9, 120.1, 10_000.0, 1.0])
def test_a_price_that_jumps_waits_and_says_how_far_it_jumped(price: float) -> None:
    assert "from the last good 100" in doubt(price)


def test_a_fall_after_earnings_is_believed_as_soon_as_the_other_source_says_it_too() -> None:
    assert doubt(70.0, doubtful("yahoo", 71.0, NOW_US)) == ""
    assert doubt(70.0, doubtful("yahoo", 80.0, NOW_US))
    assert doubt(70.0, doubtful("yahoo", 70.0, NOW_US, "invalid"))
    assert doubt(70.0, doubtful("yahoo", 0.0, NOW_US))


def test_a_price_that_its_source_goes_on_saying_is_believed_after_a_minute() -> None:
    assert doubt(70.0, doubtful("finnhub", 71.0, NOW_US - PATIENCE_US)) == ""
    assert doubt(70.0, doubtful("finnhub", 71.0, NOW_US - PATIENCE_US + 1))
    assert doubt(70.0, doubtful("finnhub", 90.0, NOW_US - PATIENCE_US))


def test_another_unit_must_be_said_for_a_day_unless_the_other_source_says_it_too() -> None:
    assert doubt(10_000.0, doubtful("finnhub", 10_000.0, NOW_US - PATIENCE_US))
    assert doubt(10_000.0, doubtful("finnhub", 10_000.0, NOW_US - PATIENCE_UNIT_US)) == ""
    assert doubt(10_000.0, doubtful("yahoo", 10_000.0, NOW_US)) == ""


def test_a_price_near_the_newest_bars_is_believed_whatever_the_last_quote_was() -> None:
    known = Series(lanes={**KNOWN.lanes, "1d": Lane(price=10_000.0, source="yahoo")})
    assert doubt(10_100.0, series=known) == ""


def test_at_first_sight_a_price_is_held_against_the_close_that_came_with_it() -> None:
    def first(previous_close: float | None) -> str:
        quote = QuoteAnswer(price=10.0, market_time_us=NOW_US, previous_close=previous_close)
        return quote_doubt(Series(), quote, "finnhub", NOW_US)

    assert first(None) == first(9.5) == ""
    assert first(1_000.0) == "10 is -99% from the last good 1000"


def test_a_doubt_lasts_from_the_first_time_while_the_price_stays_about_the_same() -> None:
    before = doubtful("yahoo", 70.0, NOW_US - 9)
    assert doubted_since_us(before, "doubtful", 71.0, NOW_US) == NOW_US - 9
    assert doubted_since_us(before, "doubtful", 90.0, NOW_US) == NOW_US
    assert doubted_since_us(None, "doubtful", 70.0, NOW_US) == NOW_US


def test_a_last_bar_that_jumps_waits_and_those_before_it_do_not() -> None:
    assert judged(columns(100.0, 101.0, 70.0), "1d", (), sure=False) == Judged([0, 1], 70.0, 0)
    assert judged(columns(100.0, 101.0, 70.0), "1d", (), sure=True) == Judged([0, 1, 2], 0.0, 0)


def test_the_first_row_is_held_against_the_bar_before_it() -> None:
    found = columns(70.0, first=3)
    assert judged(found, "1d", tail(99.0, 98.0, 100.0), sure=False) == Judged([], 70.0, 0)
    assert judged(found, "1d", tail(90.0, 80.0, 75.0), sure=False).rows == [0]


def test_a_fall_that_the_next_bar_keeps_is_believed() -> None:
    assert judged(columns(100.0, 60.0, 61.0), "1d", (), sure=False) == Judged([0, 1, 2], 0.0, 0)


@pytest.mark.parametrize("slip", [(10_000.0,), (1.0,), (1.0, 1.01, 0.99)])
def test_bars_that_slip_into_another_unit_and_back_are_left_out(slip: tuple[float, ...]) -> None:
    found = judged(columns(100.0, *slip, 102.0, 101.0), "1d", (), sure=False)
    last = len(slip) + 2
    assert found == Judged([0, last - 1, last], 0.0, len(slip))


def test_a_step_into_another_unit_waits_until_five_bars_have_kept_it() -> None:
    assert judged(columns(1.0, *[100.0] * 5), "1d", (), sure=False) == Judged([0], 100.0, 0)
    assert judged(columns(1.0, *[100.0] * 6), "1d", (), sure=False).held == 0.0


def test_a_split_is_no_jump() -> None:
    found = columns(1_000.0, 100.0, splits=(1.0, 10.0))
    assert judged(found, "1d", (), sure=False) == Judged([0, 1], 0.0, 0)
    assert judged(columns(1_000.0, 100.0), "1d", (), sure=False).held == 100.0


def bars(found: Columns, source: str = "yahoo", *refusals: Refusal) -> Judged | Failure:
    """What is made of Yahoo's days, where ``source`` brought those that are known."""
    lane = Lane(tail=tail(100.0, 101.0, 102.0, 103.0), source=source, refusals=refusals)
    return judged_bars(Series(lanes={"1d": lane}), lane, CALL, found, NOW_US)


def test_bars_that_agree_with_those_of_another_source_are_taken() -> None:
    agreeing = columns(100.0, 101.5, 102.0, 103.0, 104.0)
    assert bars(agreeing, "files") == Judged([0, 1, 2, 3, 4], 0.0, 0)


def test_at_a_switch_a_source_whose_bars_differ_is_refused_however_often_it_says_so() -> None:
    differing = columns(100.0, 101.0, 104.0, 103.0)
    said_for_long = doubtful("yahoo", 103.0, 0)
    for refusals in ((), (said_for_long,)):
        failure = bars(differing, "files", *refusals)
        assert isinstance(failure, Failure)
        assert failure.reason == "mismatch"
        assert failure.message == (
            "files is the source so far: 1 of 3 known bars differ, by up to 2.0%"
        )


def test_at_a_switch_a_source_without_a_bar_in_common_cannot_be_compared() -> None:
    failure = bars(columns(103.0, 104.0, first=3), "files")
    assert isinstance(failure, Failure)
    assert "no closed bar in common" in failure.message


def test_a_whole_answer_in_another_unit_waits() -> None:
    found = columns(*[10_000.0] * 8)
    failure = bars(found)
    assert isinstance(failure, Failure)
    assert (failure.reason, failure.value) == ("doubtful", 10_000.0)
    confirmed = bars(found, "yahoo", doubtful("yahoo", 10_000.0, NOW_US - PATIENCE_UNIT_US))
    assert isinstance(confirmed, Judged)


def test_a_source_may_correct_one_of_its_bars() -> None:
    assert bars(columns(100.0, 60.0, 102.0, 103.0)) == Judged([0, 1, 2, 3], 0.0, 0)


def test_what_is_simulated_is_never_doubted() -> None:
    lane = Lane(tail=tail(1.0, 1.0), source="simulated")
    call = SourceCalled("simulated", "bars", "SPY~sim", "1d")
    found = judged_bars(Series(lanes={"1d": lane}), lane, call, columns(100.0), NOW_US)
    assert found == Judged([0], 0.0, 0)


@given(
    closes=st.lists(st.floats(0.01, 1e6), min_size=1, max_size=30),
    known=st.lists(st.floats(0.01, 1e6), max_size=5),
    sure=st.booleans(),
)
def test_believed_rows_are_in_order_and_every_row_is_believed_slipped_or_waits(
    closes: list[float], known: list[float], sure: bool
) -> None:
    found = judged(columns(*closes, first=len(known)), "1d", tail(*known), sure=sure)
    assert found.rows == sorted(set(found.rows))
    assert found.held == 0.0 or found.held == closes[-1]
    if not found.held:
        assert len(found.rows) + found.slipped == len(closes)
    assert not (sure and found.held)


@given(st.lists(st.floats(0.9, 1.1), min_size=1, max_size=50), st.sampled_from(["1d", "1h"]))
def test_prices_that_move_by_less_than_a_tenth_a_bar_are_all_believed(
    steps: list[float], timeframe: str
) -> None:
    closes, price = [], 100.0
    for step in steps:
        price *= step
        closes.append(price)
    found = judged(columns(*closes), "1h" if timeframe == "1h" else "1d", (), sure=False)
    assert found == Judged(list(range(len(closes))), 0.0, 0)
