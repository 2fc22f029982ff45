"""The queues before the sources: however they came about, they are those of the state."""

from __future__ import annotations

from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from bus.laws import START_US, STEP_US
from bus.message import Event, Fact
from market.messages.fetcher import (
    CollectorStarted,
    CycleStarted,
    FetchRequested,
    SourceCalled,
    SourceGated,
    WatchlistAdded,
)
from services.fetcher.core.fold import FOLDS
from services.fetcher.core.outlook import OpenLane
from services.fetcher.core.queues import Queues
from services.fetcher.core.state import Collector
from tests.services.fetcher import test_laws
from tests.services.fetcher.kit import OPTIONS, table

SECOND = 1_000_000
OPENING: tuple[Event, ...] = (
    table("2026-01-05", "2026-01-09"),
    *(WatchlistAdded(ticker) for ticker in ("SPY", "QQQ", "NVDA")),
    CollectorStarted(),
    CycleStarted("start"),
)


def folded(state: Collector, *events: Event, at_us: int = START_US) -> Collector:
    for event in events:
        state = FOLDS[type(event)](state, Fact(0, at_us, event))
    return state


def seen(queues: Queues) -> tuple[object, ...]:
    lines = {place: line for place, line in queues.lines.items() if line}
    flights = {(one.ticker, one.timeframe): one for one in queues.flights}
    return lines, queues.pending, flights, queues.resting, queues.next_us


def looked(state: Collector, now_us: int = START_US) -> Queues:
    queues = Queues(OPTIONS)
    queues.look(state, now_us)
    return queues


def order(lines: list[OpenLane]) -> list[tuple[str, str]]:
    return [(lane.key, lane.kind) for lane in lines]


@settings(max_examples=200, deadline=None)
@drawn(
    st.lists(
        st.tuples(
            test_laws.TestCollector.events,
            st.integers(0, 90 * SECOND),
            st.booleans(),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_whatever_happened_between_two_looks_they_are_as_if_looked_at_for_the_first_time(
    steps: list[tuple[Event, int, bool, bool]],
) -> None:
    now_us, state, queues = START_US, folded(Collector(), *OPENING), Queues(OPTIONS)
    for event, wait_us, looks, drafted in steps:
        now_us += wait_us
        after = folded(state, event, at_us=now_us)
        if looks:
            queues.look(after, now_us)
        state = state if drafted else after
        if looks and not drafted:
            assert seen(queues) == seen(looked(state, now_us))
    queues.look(state, now_us)
    assert seen(queues) == seen(looked(state, now_us))


def test_a_breaker_whose_time_is_over_holds_nobody_even_before_that_is_told() -> None:
    shut = SourceGated("finnhub", "quote", "open", "down", START_US + SECOND)
    state = folded(Collector(), *OPENING, shut)
    queues = looked(state)
    assert ("finnhub", "quote") not in queues.lines
    queues.look(state, START_US + SECOND)
    assert seen(queues) == seen(looked(state, START_US + SECOND))
    assert len(queues.lines["finnhub", "quote"]) == 3


def test_time_that_goes_back_is_taken_as_it_is() -> None:
    state = folded(Collector(), *OPENING, FetchRequested("NVDA"))
    queues = looked(state, START_US + 3_600 * STEP_US)
    queues.look(state, START_US)
    assert seen(queues) == seen(looked(state))


def test_lanes_stand_in_line_by_urgency_then_by_rank() -> None:
    state = folded(Collector(), *OPENING)
    assert order(looked(state).lines["finnhub", "quote"]) == [
        ("SPY", "quote"),
        ("QQQ", "quote"),
        ("NVDA", "quote"),
    ]
    wished = folded(state, FetchRequested("NVDA"), at_us=START_US + SECOND)
    assert order(looked(wished, START_US + SECOND).lines["yahoo", "1d"])[0] == ("NVDA", "1d")


def test_a_lane_under_way_stands_in_no_line() -> None:
    call = SourceCalled("yahoo", "bars", "SPY", "1d", START_US + SECOND)
    queues = looked(folded(Collector(), *OPENING, call))
    assert order(queues.lines["yahoo", "1d"]) == [("QQQ", "1d"), ("NVDA", "1d")]
    assert list(queues.flights) == [call]
