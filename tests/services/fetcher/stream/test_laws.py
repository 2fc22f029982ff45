"""Whatever a stream does: a quote a second and ticker at most, and one connection at most."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.testing import microseconds
from market.messages.fetcher import Quote, SourceCalled, Start, Stop
from market.messages.stream import StreamClosed, StreamOpened
from services.fetcher.core.answers import Failure
from services.fetcher.core.hearing import Tick
from services.fetcher.stream.effects import Connected, Heard
from tests.services.fetcher.stream.kit import SECOND, Stage, price_of

START_US = microseconds("15:00:02")
BASE = price_of("SPY", "15:00")

slowly = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)


TICKS = st.tuples(
    st.sampled_from(["SPY", "QQQ", "ZZZZ"]),
    st.sampled_from([1.0, 1.001, 0.999, 1.002, 1.4, 0.01]),
    st.sampled_from([0, 0, 0, 0, -400, 200]),
)
"""Near and far, old and new, of tickers that are tracked and of others."""


@slowly
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 300, 999, 1_000, 2_500]), st.lists(TICKS, max_size=4)),
        min_size=10,
        max_size=40,
    )
)
def test_there_is_never_more_than_a_quote_a_second_of_a_ticker_on_the_tape(
    seconds: list[tuple[int, list[tuple[str, float, int]]]],
) -> None:
    stage, now_us = Stage(), START_US
    for pause_ms, told in seconds:
        now_us += pause_ms * 1_000
        ticks = tuple(
            Tick(ticker, BASE * by, now_us + late * SECOND, BASE * by, BASE * by)
            for ticker, by, late in told
        )
        stage.deck.tell(now_us, Heard(stage.deck.state.stream.attempt, ticks))
    said = defaultdict(list)
    for fact in stage.deck.facts:
        if isinstance(fact.event, Quote) and fact.event.streamed:
            said[fact.event.ticker].append(fact.at_us)
    assert set(said) <= {"SPY", "QQQ"}
    assert all(later - at >= SECOND for one in said.values() for at, later in pairwise(one))


@slowly
@given(
    st.lists(
        st.tuples(
            st.integers(1, 90), st.sampled_from(["cut", "refused", "start", "stop", "die", "late"])
        ),
        max_size=25,
    )
)
def test_a_connection_is_said_before_it_is_made_and_no_two_stand_at_once(
    steps: list[tuple[int, str]],
) -> None:
    stage, now_us = Stage(), START_US
    for seconds, what in steps:
        now_us += seconds * SECOND
        world = stage.world
        world.trades.down = Failure("provider_error", "HTTP 502") if what == "refused" else None
        world.trades.ends = Failure("unreachable", "cut") if what in ("cut", "refused") else None
        match what:
            case "start":
                stage.deck.tell(now_us, Start())
            case "stop":
                stage.deck.tell(now_us, Stop())
            case "die":
                stage.restart(now_us)
            case "late":
                stage.deck.tell(now_us, Connected(SourceCalled("finnhub", "trades", "-")))
        stage.play(now_us)
    words = [
        type(fact.event)
        for fact in stage.deck.facts
        if isinstance(fact.event, StreamOpened | StreamClosed)
        or (isinstance(fact.event, SourceCalled) and fact.event.capability == "trades")
    ]
    called = words.count(SourceCalled)
    assert called == len(stage.world.trades.attempts)
    assert all(pair != (StreamOpened, StreamOpened) for pair in pairwise(words))
    assert bool(stage.world.trades.connections) == bool(stage.deck.state.stream.opened_us)
