"""How long the collector waits after each kind of no."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.messages.fetcher import Reason, SourceCalled
from services.fetcher.core.answers import Failure
from services.fetcher.core.failover import order, retry_at_us
from services.fetcher.core.health import Health
from services.fetcher.core.jitter import fraction
from services.fetcher.core.state import Lane, Refusal
from services.fetcher.sources import finnhub, yahoo
from tests.services.fetcher.kit import OPTIONS

NOW_US = 1_767_625_200_000_000
CALL = SourceCalled("yahoo", "bars", "NVDA", "1d")


def wait_seconds(
    failure: Failure, times: int = 0, pauses: int = 0, now_us: int = NOW_US, ticker: str = "NVDA"
) -> float:
    """How long Yahoo is left alone with a ticker's days after so many refusals."""
    refusals = (Refusal("yahoo", failure.reason, 0, 0, times),) if times else ()
    call = SourceCalled("yahoo", "bars", ticker, "1d")
    lane, health = Lane(refusals=refusals), Health(pauses=pauses)
    return (retry_at_us(lane, health, yahoo.DECLARED, call, failure, now_us) - now_us) / 1e6


def test_quotes_come_from_finnhub_first_and_bars_from_yahoo_alone() -> None:
    assert [one.name for one in order(OPTIONS, "NVDA", "quote")] == ["finnhub", "yahoo"]
    assert [one.name for one in order(OPTIONS, "NVDA", "1d")] == ["yahoo"]
    assert [one.name for one in order(OPTIONS, "NVDA~sim", "1d")] == ["simulated"]


@given(times=st.integers(0, 60), now_us=st.integers(0, 2**50), ticker=st.text(max_size=8))
def test_a_pause_after_a_failure_lies_under_a_bound_that_doubles(
    times: int, now_us: int, ticker: str
) -> None:
    waited = wait_seconds(Failure("unreachable", ""), times, now_us=now_us, ticker=ticker)
    assert 0.5 <= waited <= max(0.5, min(300.0, 2.0 * 2**times)) + 1e-6


def test_two_tickers_do_not_come_back_at_the_same_moment() -> None:
    waits = {wait_seconds(Failure("unreachable", ""), 5, ticker=f"A{n}") for n in range(50)}
    assert len(waits) == 50


@pytest.mark.parametrize("reason", ["unknown_symbol", "no_data"])
def test_nothing_there_is_believed_for_ten_minutes_then_for_longer(reason: Reason) -> None:
    waits = [wait_seconds(Failure(reason, ""), times) / 60 for times in range(8)]
    assert waits == [10, 20, 40, 80, 160, 320, 360, 360]


def test_a_source_rests_as_long_as_it_says_within_reason() -> None:
    told = [None, 0.0, 7.0, 1e9]
    waits = [wait_seconds(Failure("rate_limited", "", seconds)) for seconds in told]
    assert waits == [300, 1, 7, 3_600]


def test_a_source_that_throttles_again_rests_twice_as_long() -> None:
    waits = [wait_seconds(Failure("rate_limited", ""), pauses=pauses) for pauses in range(6)]
    assert waits == [300, 600, 1_200, 2_400, 3_600, 3_600]


def test_a_wrong_key_is_not_tried_again_and_a_forbidden_thing_after_a_day() -> None:
    call = SourceCalled("finnhub", "quote", "NVDA")
    lane, health = Lane(), Health()
    wrong = retry_at_us(lane, health, finnhub.DECLARED, call, Failure("unauthorized", ""), NOW_US)
    assert wrong == 0
    assert wait_seconds(Failure("forbidden", "")) == 86_400


@given(st.lists(st.text() | st.integers(), max_size=4))
def test_a_fraction_follows_from_its_words_alone(words: list[str | int]) -> None:
    assert 0.0 <= fraction(*words) < 1.0
    assert fraction(*words) == fraction(*words)


def test_fractions_are_spread_evenly() -> None:
    found = [fraction("spread", n) for n in range(2_000)]
    assert sum(found) / len(found) == pytest.approx(0.5, abs=0.03)
    assert all(sum(n / 10 <= one < (n + 1) / 10 for one in found) > 120 for n in range(10))
