"""What is not believed of an answer."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.fetcher.core.answers import Answer, Columns, Failure, QuoteAnswer
from services.fetcher.core.validate import (
    FUTURE_US,
    OLDER_US,
    bars_fault,
    believable,
    price_or_none,
    quote_fault,
    valid_bars,
)

NOW_US = 1_767_625_200_000_000
NUMBERS = st.floats() | st.floats(0.01, 1_000)


def columns(rows: list[tuple[float, float, float, float, float]]) -> Columns:
    size = len(rows)
    opening, high, low, close, volume = zip(*rows, strict=True) if rows else ((),) * 5
    return Columns(
        start_us=tuple(range(size)),
        open=opening,
        high=high,
        low=low,
        close=close,
        volume=volume,
        splits=(1.0,) * size,
        dividends=(0.0,) * size,
    )


GOOD = (10.0, 11.0, 9.0, 10.5, 100.0)


@pytest.mark.parametrize(
    "bad",
    [
        (math.nan, 11.0, 9.0, 10.5, 100.0),
        (10.0, math.inf, 9.0, 10.5, 100.0),
        (10.0, 11.0, 0.0, 10.5, 100.0),
        (-10.0, 11.0, -11.0, 10.5, 100.0),
        (10.0, 10.2, 9.0, 10.5, 100.0),
        (10.0, 11.0, 10.2, 10.5, 100.0),
        (10.0, 11.0, 9.0, 10.5, -1.0),
        (10.0, 11.0, 9.0, 10.5, math.nan),
    ],
)
def test_a_bad_row_is_left_out_and_counted(bad: tuple[float, float, float, float, float]) -> None:
    answer = valid_bars(columns([GOOD, bad, GOOD]))
    assert isinstance(answer, Answer)
    assert answer.refused_rows == 1
    assert answer.bars
    assert answer.bars.start_us == (0, 2)


@pytest.mark.parametrize("start_us", [(0, 0, 1), (0, 5, 4), (3, 2, 4)])
def test_a_row_that_does_not_follow_the_one_before_is_left_out(start_us: tuple[int, ...]) -> None:
    answer = valid_bars(replace(columns([GOOD] * 3), start_us=start_us))
    assert isinstance(answer, Answer)
    assert answer.bars
    assert len(answer.bars) == 2


def test_an_answer_with_too_many_bad_rows_is_not_believed_at_all() -> None:
    bad = (0.0,) * 5
    assert isinstance(valid_bars(columns([GOOD] * 80 + [bad] * 8)), Answer)
    failure = valid_bars(columns([GOOD] * 80 + [bad] * 9), "hash")
    assert failure == Failure("invalid", "9 of 89 bars are not believable", None, "hash")


def test_an_answer_without_rows_is_no_data() -> None:
    assert valid_bars(columns([])) == Failure("no_data", "the answer has no bars")


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=12))
def test_whatever_comes_in_only_believable_rows_in_order_come_out(
    rows: list[tuple[float, float, float, float, float]],
) -> None:
    answer = valid_bars(columns(rows))
    if isinstance(answer, Answer):
        assert answer.bars
        assert all(believable(answer.bars, row) for row in range(len(answer.bars)))
        assert len(answer.bars) + answer.refused_rows == len(rows)
        assert list(answer.bars.start_us) == sorted(set(answer.bars.start_us))


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf])
def test_a_price_that_is_none_is_refused(price: float) -> None:
    assert quote_fault(QuoteAnswer(price=price, market_time_us=NOW_US), 0, NOW_US)


@pytest.mark.parametrize("at_us", [0, -5, NOW_US + FUTURE_US + 1])
def test_a_price_of_no_possible_time_is_refused(at_us: int) -> None:
    assert "time" in quote_fault(QuoteAnswer(price=1.0, market_time_us=at_us), 0, NOW_US)


def test_a_price_older_than_the_known_one_is_refused_but_for_a_little() -> None:
    def fault(age_us: int) -> str:
        return quote_fault(QuoteAnswer(price=1.0, market_time_us=NOW_US - age_us), NOW_US, NOW_US)

    assert (fault(0), fault(OLDER_US)) == ("", "")
    assert fault(OLDER_US + 1_000_000) == (
        "the last trade is 61 s older than the one already known"
    )


def test_a_companion_that_is_no_price_is_left_out() -> None:
    found = [price_or_none(price) for price in (None, 0.0, -1.0, math.nan, math.inf, 2.5)]
    assert found == [None, None, None, None, None, 2.5]


@pytest.mark.parametrize(
    ("begins_us", "as_of_us", "fault"),
    [
        (NOW_US - 1, NOW_US, ""),
        (NOW_US, 0, ""),
        (NOW_US + 1_000_000, NOW_US, "a bar begins 1 s after it was asked for"),
        (NOW_US, NOW_US - OLDER_US, ""),
        (NOW_US, NOW_US - 86_400_000_000, "the bars end 86400 s before the price that is known"),
    ],
)
def test_bars_of_another_time_are_not_believed(begins_us: int, as_of_us: int, fault: str) -> None:
    answer = valid_bars(replace(columns([GOOD]), start_us=(begins_us,)))
    assert isinstance(answer, Answer)
    told = bars_fault(replace(answer, as_of_us=as_of_us), "SPY", "1h", NOW_US, latest_us=NOW_US)
    assert told == fault
