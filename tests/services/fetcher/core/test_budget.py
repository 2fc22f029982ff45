"""No window of any source ever holds more calls than it may, however the calls come and travel."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.core.budget import (
    FORGOTTEN_US,
    MINUTE_US,
    SECOND_US,
    allowed,
    begun,
    ended,
    free_at,
    reserve,
    slowed,
    used,
)
from services.fetcher.core.declaration import Declaration
from services.fetcher.core.health import Health


def source(per_minute: int, per_second: int = 0, reserved: int = 0) -> Declaration:
    return Declaration(
        name="finnhub",
        capabilities=("quote",),
        worker="finnhub",
        together=4,
        lost_after_seconds=15.0,
        per_minute=per_minute,
        per_second=per_second,
        reserve_per_minute=reserved,
    )


def densest(made: list[int], window_us: int) -> int:
    return max((sum(at <= one < at + window_us for one in made) for at in made), default=0)


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 20 * SECOND_US), st.integers(0, 15 * SECOND_US), st.booleans()),
        max_size=80,
    ),
    per_minute=st.integers(1, 10),
    per_second=st.integers(1, 4),
)
def test_calls_never_exceed_a_window_where_they_arrive_however_long_they_travel(
    steps: list[tuple[int, int, bool]], per_minute: int, per_second: int
) -> None:
    asked = source(per_minute, per_second)
    health = Health()
    under_way: list[tuple[int, int]] = []
    arrived: list[int] = []
    now_us = 0
    for wait_us, travel_us, at_once in steps:
        now_us += wait_us
        for end_us, said_us in sorted(one for one in under_way if one[0] <= now_us):
            health = ended(health, said_us, end_us)
        under_way = [one for one in under_way if one[0] > now_us]
        if free_at(health, asked, now_us, urgent=True) > now_us:
            continue
        health = begun(health, now_us)
        under_way.append((now_us + travel_us, now_us))
        arrived.append(now_us if at_once else now_us + travel_us)
    assert densest(arrived, MINUTE_US) <= per_minute
    assert densest(arrived, SECOND_US) <= per_second


@given(st.lists(st.integers(0, 200 * SECOND_US), max_size=80).map(sorted))
def test_what_is_forgotten_no_longer_counts(stamps: list[int]) -> None:
    asked, now_us = source(5, 3), 200 * SECOND_US
    health = Health()
    for stamp in stamps:
        health = ended(begun(health, stamp), stamp, stamp)
    everything = Health(calls=tuple(stamps))
    kept = free_at(health, asked, now_us, urgent=True)
    assert kept == free_at(everything, asked, now_us, urgent=True)


def test_a_source_without_bounds_is_always_free() -> None:
    assert free_at(Health(calls=(5, 6, 7)), source(0), 8, urgent=False) == 8


def test_a_call_counts_while_it_is_under_way_and_for_a_minute_from_its_end() -> None:
    health = begun(begun(Health(), 5 * SECOND_US), 7 * SECOND_US)
    assert used(health, 100 * SECOND_US) == 2
    health = ended(health, 5 * SECOND_US, 9 * SECOND_US)
    assert used(health, 69 * SECOND_US - 1) == 2
    assert used(health, 69 * SECOND_US) == 1


def test_a_call_whose_end_nobody_told_is_forgotten_and_counts_if_it_ends_after_all() -> None:
    health = begun(begun(Health(), 0), FORGOTTEN_US)
    assert health.under_way == (FORGOTTEN_US,)
    assert used(ended(health, 0, FORGOTTEN_US), FORGOTTEN_US) == 2


@given(made=st.integers(0, 10), per_minute=st.integers(1, 10), reserved=st.integers(0, 12))
def test_the_last_calls_of_a_minute_are_for_who_waits(
    made: int, per_minute: int, reserved: int
) -> None:
    asked, health = source(per_minute, reserved=reserved), Health(calls=(1,) * made)
    kept = min(reserved, per_minute // 2)
    assert (free_at(health, asked, 1, urgent=False) == 1) == (made < per_minute - kept)
    assert (free_at(health, asked, 1, urgent=True) == 1) == (made < per_minute)


def test_a_429_halves_what_is_allowed_and_every_quiet_minute_gives_one_back() -> None:
    asked = source(30, reserved=3)
    health = Health(slowed_per_minute=slowed(Health(), asked, 0), slowed_from_us=MINUTE_US)
    at = [0, 1, 2, 3, 16, 99]
    assert [allowed(health, asked, minute * MINUTE_US) for minute in at] == [15, 15, 16, 17, 30, 30]
    assert slowed(health, asked, 3 * MINUTE_US) == 8
    assert slowed(Health(slowed_per_minute=1), asked, 0) == 1


@given(per_minute=st.integers(1, 60), reserved=st.integers(0, 60), at_us=st.integers(0, 2**50))
def test_however_slow_a_source_has_become_a_cycle_is_let_through(
    per_minute: int, reserved: int, at_us: int
) -> None:
    asked = source(60, reserved=reserved)
    health = Health(slowed_per_minute=per_minute, slowed_from_us=at_us)
    assert reserve(health, asked, at_us) < allowed(health, asked, at_us)
