"""Which bars are missing between those that are known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bus.testing import microseconds
from market.messages.fetcher import Timeframe
from market.sessions import DAY_US, NO_SESSIONS, Session, bars_of, day_start_us
from services.fetcher.core.gaps import asks_from_us, missing
from services.fetcher.core.state import Row
from tests.services.fetcher.kit import table

SESSIONS = table("2025-11-03", "2026-12-31")
DECEMBER: dict[Timeframe, list[int]] = {
    timeframe: [
        bar.start_us
        for row in zip(SESSIONS.date, SESSIONS.open_us, SESSIONS.close_us, strict=True)
        if "2025-11-24" <= row[0] <= "2025-12-05"
        for bar in bars_of(Session(*row), timeframe)
    ]
    for timeframe in ("1d", "1h")
}


def rows(*starts: int) -> tuple[Row, ...]:
    return tuple(Row(at, 0, 1.0) for at in starts)


def test_holidays_weekends_and_early_closes_are_no_gaps() -> None:
    assert missing(SESSIONS, "1d", rows(*DECEMBER["1d"])) == ()
    assert missing(SESSIONS, "1h", rows(*DECEMBER["1h"])) == ()


def test_a_day_that_no_answer_brought_is_missing() -> None:
    days = [day_start_us(f"2026-01-{day:02d}") for day in (5, 6, 8, 9)]
    assert missing(SESSIONS, "1d", rows(*days)) == (day_start_us("2026-01-07"),)


def test_an_hour_that_no_answer_brought_is_missing() -> None:
    hours = [microseconds(at) for at in ("14:30", "15:30", "17:30", "18:30")]
    assert missing(SESSIONS, "1h", rows(*hours)) == (microseconds("16:30"),)


def test_beyond_the_table_nothing_is_known_to_be_missing() -> None:
    days = [day_start_us(f"2026-01-{day:02d}") for day in (5, 9)]
    assert missing(NO_SESSIONS, "1d", rows(*days)) == ()
    assert missing(SESSIONS, "1d", rows(day_start_us("2024-01-05"), *days)) == ()
    assert missing(SESSIONS, "1d", rows(days[0])) == missing(SESSIONS, "1d", ()) == ()


def test_an_answer_is_asked_for_from_before_the_gap() -> None:
    assert asks_from_us(10 * DAY_US, ()) == 10 * DAY_US
    assert asks_from_us(10 * DAY_US, (7 * DAY_US, 8 * DAY_US)) == 6 * DAY_US


@given(st.data(), st.sampled_from(["1d", "1h"]))
def test_exactly_what_was_left_out_between_the_first_and_the_last_is_missing(
    data: st.DataObject, name: str
) -> None:
    everything = DECEMBER["1d" if name == "1d" else "1h"]
    inner = everything[1:-1]
    left_out = set(data.draw(st.lists(st.sampled_from(inner), max_size=9)))
    kept = [at for at in everything if at not in left_out]
    found = missing(SESSIONS, "1d" if name == "1d" else "1h", rows(*kept))
    assert found == tuple(sorted(left_out))
