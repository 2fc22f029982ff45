"""The counters say how densely the providers were asked, for whom, and when told to rest."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.counters import (
    Counters,
    busiest,
    counters,
    in_pauses,
    rests_until_seconds,
)
from tests.fakes.faults import Status
from tests.fakes.spoil import spoil
from tests.fakes.wire import CONNECT, Answer, Call, Provider

CALL = Call(
    provider="finnhub",
    host="finnhub.io",
    method="GET",
    path="/api/v1/quote",
    endpoint="/quote",
    symbol="SPY",
    query={},
    at_seconds=0.0,
    token_in_header=True,
    token_in_url=False,
    status=200,
    fault=None,
)


def at(seconds: float, **changes: object) -> Call:
    return msgspec.structs.replace(CALL, at_seconds=seconds, **changes)


def test_the_calls_of_one_provider_are_counted_and_connections_are_none() -> None:
    calls = [
        at(0.0),
        at(0.5, symbol="QQQ"),
        at(1.0, endpoint=CONNECT, symbol=None),
        at(2.0, provider="yahoo"),
        at(59.9),
        at(61.0, symbol=None),
    ]
    assert counters(calls, "finnhub") == Counters(
        calls=4,
        per_minute_max=3,
        per_second_max=2,
        by_symbol={"SPY": 2, "QQQ": 1},
        in_pauses=(),
    )


@given(
    stamps=st.lists(st.integers(0, 300), max_size=60).map(sorted),
    window_seconds=st.integers(1, 90),
)
def test_the_busiest_window_is_the_busiest_of_all_windows_that_begin_with_a_stamp(
    stamps: list[int], window_seconds: int
) -> None:
    windows = [sum(one <= stamp < one + window_seconds for stamp in stamps) for one in stamps]
    assert busiest(stamps, window_seconds) == max(windows, default=0)


def test_a_call_in_a_pause_is_found_and_one_that_was_on_its_way_or_came_after_is_not() -> None:
    told = at(10.0, status=429, rests_until_seconds=40.0)
    calls = [at(9.0), told, at(10.9), at(11.1), at(39.9), at(40.0)]
    assert in_pauses(calls) == [at(11.1), at(39.9)]


@pytest.mark.parametrize(
    ("provider", "fault", "until_seconds"),
    [
        ("finnhub", Status(429, retry_after_seconds=7, reset_after_seconds=90), 1_007.0),
        ("finnhub", Status(429, reset_after_seconds=90), 1_090.0),
        ("finnhub", Status(429), 1_060.0),
        ("yahoo", Status(429), 1_300.0),
        ("yahoo", Status(503, retry_after_seconds=7), 0.0),
    ],
)
def test_a_429_tells_how_long_to_rest_and_no_other_answer_does(
    provider: Provider, fault: Status, until_seconds: float
) -> None:
    answer = spoil(fault, provider, Answer(200, b"{}"), 1_000.0)
    assert rests_until_seconds(answer, provider, 1_000.0) == until_seconds
