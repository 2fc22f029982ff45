"""Which rows of an answer are told, which form, which are left out."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bus.testing import microseconds
from market.messages.fetcher import BARS_MAX, Bars
from market.sessions import HOUR_US, NO_SESSIONS, day_start_us
from services.fetcher.core.answers import Answer, Columns
from services.fetcher.core.bars import TAIL_ROWS, bars_said, close_us, in_session, rows_of
from services.fetcher.core.state import Row
from tests.services.fetcher.kit import table

SESSIONS = table("2025-11-03", "2026-12-31")
MONDAY = day_start_us("2026-01-05")


def columns(start_us: tuple[int, ...], close: float = 10.0) -> Columns:
    size = len(start_us)
    return Columns(
        start_us=start_us,
        open=(10.0,) * size,
        high=(11.0,) * size,
        low=(9.0,) * size,
        close=(close,) * size,
        volume=(100.0,) * size,
        splits=(1.0,) * size,
        dividends=(0.0,) * size,
    )


def said(
    found: Columns, timeframe: str, asked: str, tail: tuple[Row, ...] = ()
) -> tuple[Bars, ...]:
    return bars_said(
        Answer(bars=found),
        "SPY",
        "1d" if timeframe == "1d" else "1h",
        "yahoo",
        asked_us=microseconds(asked),
        table=SESSIONS,
        tail=tail,
    )


def test_a_day_forms_until_it_had_closed_when_it_was_asked_for() -> None:
    day = columns((MONDAY,))
    forming = [said(day, "1d", at)[0].forming for at in ("15:00", "20:59:59", "21:00:14")]
    assert forming == [True, True, True]
    assert not said(day, "1d", "21:00:15")[0].forming


def test_an_hour_forms_until_its_end_and_the_last_one_until_the_close() -> None:
    ten, last = microseconds("15:30"), microseconds("20:30")
    assert said(columns((ten,)), "1h", "16:30:14")[0].forming
    assert not said(columns((ten,)), "1h", "16:30:15")[0].forming
    assert said(columns((last,)), "1h", "21:00:14")[0].forming
    assert not said(columns((last,)), "1h", "21:00:15")[0].forming


def test_the_row_that_yahoo_adds_at_the_close_is_left_out_and_counted() -> None:
    hours = (microseconds("19:30"), microseconds("20:30"), microseconds("21:00"))
    (bars,) = said(columns(hours), "1h", "22:00")
    assert (bars.start_us, bars.refused_rows) == (hours[:2], 1)
    assert bars.refused_because == "1 outside of the sessions"


def test_a_day_without_a_session_is_left_out() -> None:
    days = tuple(day_start_us(f"2026-01-0{day}") for day in (1, 2, 3, 5))
    (bars,) = said(columns(days), "1d", "22:00")
    assert (bars.start_us, bars.refused_rows) == ((days[1], days[3]), 2)


def test_beyond_the_table_every_row_is_believed_and_closes_at_the_ordinary_hour() -> None:
    christmas = day_start_us("2019-12-25")
    assert in_session(SESSIONS, "1d", christmas)
    assert close_us(SESSIONS, "1d", christmas) == microseconds("2019-12-25T21:00:00")
    assert close_us(NO_SESSIONS, "1d", day_start_us("2026-07-01")) == microseconds(
        "2026-07-01T20:00:00"
    )
    assert close_us(NO_SESSIONS, "1h", 5) == 5 + HOUR_US


def test_an_answer_of_nothing_in_session_says_nothing() -> None:
    assert said(columns((microseconds("22:00"),)), "1h", "23:00") == ()


@given(size=st.integers(1, 1_700), asked=st.integers(0, 1_700))
def test_chunks_hold_every_row_once_in_order(size: int, asked: int) -> None:
    starts = tuple(MONDAY - (4_000 - n) * HOUR_US * 24 for n in range(size))
    found = bars_said(
        Answer(bars=columns(starts)),
        "SPY",
        "1d",
        "yahoo",
        asked_us=MONDAY,
        table=NO_SESSIONS,
        tail=(),
    )
    assert [start for bars in found for start in bars.start_us] == list(starts)
    assert all(len(bars.start_us) <= BARS_MAX for bars in found)
    assert not any(bars.forming for bars in found[:-1])


@given(known=st.integers(1, 30), changed=st.integers(0, 29), more=st.integers(0, 5))
def test_what_was_said_alike_is_not_said_again_but_for_the_last_row(
    known: int, changed: int, more: int
) -> None:
    starts = tuple(MONDAY - (100 - n) * 24 * HOUR_US for n in range(known + more))
    before = columns(starts[:known])
    first = bars_said(
        Answer(bars=before), "SPY", "1d", "yahoo", asked_us=MONDAY, table=NO_SESSIONS, tail=()
    )
    tail = rows_of(first[0])
    closes = [10.0] * (known + more)
    if changed < known:
        closes[changed] = 10.5
    after = replace(columns(starts), close=tuple(closes))
    (again,) = bars_said(
        Answer(bars=after), "SPY", "1d", "yahoo", asked_us=MONDAY, table=NO_SESSIONS, tail=tail
    )
    expected = min(changed, known, known + more - 1)
    assert again.start_us == starts[expected:]


def test_a_tail_keeps_the_last_rows_only() -> None:
    starts = tuple(MONDAY + n * HOUR_US for n in range(BARS_MAX))
    (bars,) = bars_said(
        Answer(bars=columns(starts)),
        "SPY",
        "1h",
        "yahoo",
        asked_us=MONDAY,
        table=NO_SESSIONS,
        tail=(),
    )
    rows = rows_of(bars)
    assert [row.start_us for row in rows] == list(starts[-TAIL_ROWS:])
    assert all(earlier < later for earlier, later in pairwise(rows))


def test_splits_and_dividends_are_told_where_there_are_any() -> None:
    plain = columns((day_start_us("2026-01-02"), MONDAY))
    with_split = replace(plain, splits=(1.0, 10.0), dividends=(0.0, 0.25))
    (without,) = said(plain, "1d", "22:00")
    (told,) = said(with_split, "1d", "22:00")
    assert (without.splits, without.dividends) == ((), ())
    assert (told.splits, told.dividends) == ((1.0, 10.0), (0.0, 0.25))
