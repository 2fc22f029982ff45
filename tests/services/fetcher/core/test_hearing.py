"""A second of trades comes to one tick a ticker, and a minute of nonsense to one line a reason."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market.messages.stream import Refused
from services.fetcher.core.hearing import (
    TOLD_EVERY_SECONDS,
    Conflation,
    Refusal,
    Tally,
    Tick,
    Trade,
)

TRADES = st.lists(
    st.builds(
        Trade,
        st.sampled_from(["SPY", "QQQ", "NVDA"]),
        st.floats(0.01, 1_000.0),
        st.integers(1, 50),
    ),
    max_size=40,
)


def test_the_last_trade_counts_and_the_range_of_all() -> None:
    conflation = Conflation()
    for price, at_us in ((10.0, 1), (12.0, 2), (9.0, 3), (11.0, 3)):
        assert conflation.hear(Trade("SPY", price, at_us)) is None
    assert conflation.take() == (Tick("SPY", 11.0, 3, 12.0, 9.0),)
    assert conflation.take() == ()


def test_a_trade_that_is_older_than_one_before_it_is_refused_even_after_that_was_taken() -> None:
    conflation = Conflation()
    conflation.hear(Trade("SPY", 10.0, 5_000_000))
    conflation.take()
    assert conflation.hear(Trade("SPY", 11.0, 4_000_000)) == Refusal(
        "disorder", "SPY 11, 1000 ms late"
    )
    assert conflation.take() == ()


def test_what_is_forgotten_may_begin_anew() -> None:
    conflation = Conflation()
    conflation.hear(Trade("SPY", 10.0, 5))
    conflation.forget(["SPY", "QQQ"])
    assert conflation.take() == ()
    assert conflation.hear(Trade("SPY", 11.0, 4)) is None


@given(TRADES)
def test_each_ticker_has_one_tick_which_is_its_newest_trade(trades: list[Trade]) -> None:
    conflation = Conflation()
    heard = [trade for trade in trades if conflation.hear(trade) is None]
    ticks = conflation.take()
    assert [tick.ticker for tick in ticks] == list(dict.fromkeys(one.ticker for one in trades))
    for tick in ticks:
        own = [trade for trade in heard if trade.ticker == tick.ticker]
        assert (tick.price, tick.at_us) == own[-1][1:]
        assert tick.at_us == max(trade.at_us for trade in trades if trade.ticker == tick.ticker)
        assert (tick.high, tick.low) == (max(one.price for one in own), min(o.price for o in own))


def test_what_is_refused_is_told_at_once_and_then_once_a_minute_with_its_count() -> None:
    tally = Tally()
    assert tally.take(0.0) == ()
    tally.add(Refusal("unreadable", "first"))
    assert tally.take(10.0) == (Refused("unreadable", 1, "first"),)
    for number in range(3):
        tally.add(Refusal("unreadable", f"{number}"))
    tally.add(Refusal("stamp", "old"))
    assert tally.take(10.0 + TOLD_EVERY_SECONDS - 0.1) == ()
    assert tally.take(10.0 + TOLD_EVERY_SECONDS) == (
        Refused("unreadable", 3, "0"),
        Refused("stamp", 1, "old"),
    )
    assert tally.take(1_000.0) == ()
