"""No window of any source ever holds more calls than it may, however the calls come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.core.budget import MINUTE_US, SECOND_US, counted, free_at, within_minute
from services.fetcher.core.declaration import Declaration


def source(per_minute: int, per_second: int) -> Declaration:
    return Declaration(
        name="finnhub",
        capabilities=("quote",),
        worker="finnhub",
        together=4,
        lost_after_seconds=15.0,
        per_minute=per_minute,
        per_second=per_second,
    )


@given(
    waits=st.lists(st.integers(0, 20 * SECOND_US), max_size=120),
    per_minute=st.integers(1, 10),
    per_second=st.integers(1, 4),
)
def test_calls_made_when_they_are_free_never_exceed_a_window(
    waits: list[int], per_minute: int, per_second: int
) -> None:
    asked = source(per_minute, per_second)
    calls: tuple[int, ...] = ()
    made: list[int] = []
    now_us = 0
    for wait_us in waits:
        now_us = free_at(calls, asked, now_us + wait_us)
        calls = counted(calls, now_us)
        made.append(now_us)
    for window_us, limit in ((MINUTE_US, per_minute), (SECOND_US, per_second)):
        assert all(sum(at <= one < at + window_us for one in made) <= limit for at in made)


@given(st.lists(st.integers(0, 200 * SECOND_US), max_size=80).map(sorted))
def test_what_is_forgotten_no_longer_counts(stamps: list[int]) -> None:
    asked, now_us = source(5, 3), 200 * SECOND_US
    calls: tuple[int, ...] = ()
    for stamp in stamps:
        calls = counted(calls, stamp)
    assert free_at(calls, asked, now_us) == free_at(tuple(stamps), asked, now_us)


def test_a_source_without_bounds_is_always_free() -> None:
    assert free_at((5, 6, 7), source(0, 0), 8) == 8


def test_a_call_counts_for_a_minute_and_the_time_it_may_travel() -> None:
    assert within_minute((0, 5 * SECOND_US), 60 * SECOND_US) == (0, 5 * SECOND_US)
    assert within_minute((0, 5 * SECOND_US), 62 * SECOND_US) == (5 * SECOND_US,)
