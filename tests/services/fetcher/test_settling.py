"""The daily settlement insists on the day's bar; what a source tells otherwise later is said."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bus.testing import Deck, given, microseconds
from market.messages.fetcher import Bars, CollectorState, CollectorStatus
from market.messages.history import (
    Action,
    BarsCorrected,
    CorporateActions,
    Correction,
    DayUnsettled,
    Settling,
)
from market.sessions import day_of, day_start_us
from services.fetcher.actor import build
from services.fetcher.core.answers import Answer, Columns, Failure
from services.fetcher.core.histories import ACTIONS_KEPT
from services.fetcher.core.settling import TIMES_MAX
from services.fetcher.core.state import Collector
from services.fetcher.effects import Fetch, Fetched, FetchFailed, Open, ReadSessions, SessionsRead
from tests.services.fetcher.kit import KEYLESS, flat, table

SESSIONS = table("2025-01-06", "2027-01-04")
COLLECTOR = build(replace(KEYLESS, sources=KEYLESS.real))
FRIDAY, MONDAY, TUESDAY = map(day_start_us, ("2026-01-02", "2026-01-05", "2026-01-06"))
CLOSED = "21:15:20"
NOTHING = Failure("no_data", "nothing")


def opened(at: str = "15:00") -> Deck[Collector]:
    deck = given(COLLECTOR, ("14:00", SESSIONS))
    deck.tell(at, Open())
    return deck


def asked_for_days(deck: Deck[Collector], at: str | int) -> Fetch | None:
    """The call for SPY's days that is made now; whatever else is asked for comes to nothing."""
    for _ in range(20):
        deck.tick(at)
        found = [one for one in deck.effects if isinstance(one, Fetch | ReadSessions)]
        deck.effects.clear()
        for effect in found:
            if isinstance(effect, ReadSessions):
                deck.tell(at, SessionsRead(effect.call, SESSIONS))
            elif (effect.call.ticker, effect.call.timeframe) == ("SPY", "1d"):
                return effect
            else:
                deck.tell(at, FetchFailed(effect.call, NOTHING))
        if not found:
            return None
    raise AssertionError("never quiet")


def answer(deck: Deck[Collector], at: str | int, bars: Columns, refused: int = 0) -> Fetch:
    effect = asked_for_days(deck, at)
    assert effect is not None
    answered = Answer(bars=bars, answer_hash=f"of {at}", refused_rows=refused)
    deck.tell(at, Fetched(effect.call, deck.now_us, answered))
    return effect


def told(deck: Deck[Collector]) -> list[DayUnsettled]:
    return [event for event in deck.said if isinstance(event, DayUnsettled)]


def status(deck: Deck[Collector]) -> CollectorState:
    reply = deck.ask(deck.now_us, CollectorStatus()).reply
    assert isinstance(reply, CollectorState)
    return reply


def test_a_day_that_is_not_there_after_the_close_is_asked_for_until_it_comes() -> None:
    deck = opened()
    answer(deck, "15:00", flat(FRIDAY, MONDAY))
    answer(deck, CLOSED, flat(FRIDAY))
    again_us = microseconds("21:16:20")
    assert told(deck) == [
        DayUnsettled(
            "SPY",
            "2026-01-05",
            "the answer ends with 2026-01-02",
            1,
            again_us,
            "yahoo",
            f"of {CLOSED}",
        )
    ]
    assert status(deck).settling == (Settling("SPY", "2026-01-05", 1, again_us),)
    assert asked_for_days(deck, "21:16:19") is None

    answer(deck, "21:16:20", flat(FRIDAY, MONDAY))
    bars = [event for event in deck.said if isinstance(event, Bars)][-1]
    assert (bars.start_us[-1], bars.forming) == (MONDAY, False)
    assert status(deck).settling == ()
    assert asked_for_days(deck, "23:00") is None


def test_a_day_whose_row_was_refused_is_asked_for_again_with_the_reason() -> None:
    deck = opened(CLOSED)
    answer(deck, CLOSED, flat(FRIDAY), refused=1)
    reason = "the answer ends with 2026-01-02, 1 of its rows are not believable"
    assert [event.because for event in told(deck)] == [reason]


def test_a_day_that_is_skipped_is_said_to_be_skipped_and_not_to_be_forming() -> None:
    deck = opened("2026-01-06T15:00")
    answer(deck, "2026-01-06T15:00", flat(FRIDAY, TUESDAY))
    reason = "the answer goes on without it to 2026-01-06"
    assert [(event.day, event.because) for event in told(deck)] == [("2026-01-05", reason)]


def test_a_symbol_that_begins_to_trade_today_lacks_no_day_of_before() -> None:
    deck = opened("2026-01-06T15:00")
    answer(deck, "2026-01-06T15:00", flat(TUESDAY))
    assert told(deck) == []
    assert status(deck).settling == ()


def test_a_day_that_never_comes_is_given_up_and_that_is_said() -> None:
    deck = opened(CLOSED)
    at: str | int = CLOSED
    for times in range(1, TIMES_MAX + 1):
        answer(deck, at, flat(FRIDAY))
        assert [event.times for event in told(deck)] == list(range(1, times + 1))
        at = told(deck)[-1].retry_at_us
    assert at == 0
    lasted_us = deck.now_us - microseconds(CLOSED)
    assert 3_600_000_000 < lasted_us < 2 * 3_600_000_000
    assert asked_for_days(deck, "2026-01-06T14:00:00") is None
    assert status(deck).settling == (Settling("SPY", "2026-01-05", TIMES_MAX, 0),)

    answer(deck, "2026-01-06T14:30:20", flat(FRIDAY, MONDAY))
    assert status(deck).settling == ()


def test_before_the_day_must_be_there_nobody_insists() -> None:
    deck = opened("21:05")
    answer(deck, "21:05", flat(FRIDAY))
    assert told(deck) == []


def test_a_new_process_goes_on_insisting_where_the_one_before_was() -> None:
    deck = opened(CLOSED)
    answer(deck, CLOSED, flat(FRIDAY))
    again = given(COLLECTOR, *((fact.at_us, fact.event) for fact in deck.facts))
    assert asked_for_days(again, "21:16:19") is None
    assert asked_for_days(again, "21:16:20") is not None


def test_a_collector_at_rest_does_not_insist() -> None:
    deck = opened(CLOSED)
    answer(deck, CLOSED, flat(FRIDAY))
    deck.state = replace(deck.state, running=False)
    assert asked_for_days(deck, "21:30") is None


def test_what_the_next_day_tells_otherwise_is_said_value_by_value_before_the_bars() -> None:
    deck = opened(CLOSED)
    before = flat(FRIDAY, MONDAY)
    answer(deck, CLOSED, before)
    after = replace(before, close=(100.0, 101.0), high=(100.0, 101.0), volume=(100.0, 250.0))
    answer(deck, "2026-01-06T14:30:20", after)

    said = [event for event in deck.said if isinstance(event, BarsCorrected | Bars)][-2:]
    assert said[0] == BarsCorrected(
        "SPY",
        "1d",
        "yahoo",
        (
            Correction(MONDAY, "high", 100.0, 101.0),
            Correction(MONDAY, "close", 100.0, 101.0),
            Correction(MONDAY, "volume", 100.0, 250.0),
        ),
        "of 2026-01-06T14:30:20",
    )
    assert isinstance(said[1], Bars)
    assert said[1].close[-1] == 101.0


@pytest.mark.parametrize("close", [100.0, 100.0 * (1 + 1e-9)])
def test_what_differs_in_no_digit_that_is_told_is_no_correction(close: float) -> None:
    deck = opened(CLOSED)
    answer(deck, CLOSED, flat(FRIDAY, MONDAY))
    high = (100.0, max(close, 100.0))
    again = replace(flat(FRIDAY, MONDAY), close=(100.0, close), high=high)
    answer(deck, "2026-01-06T14:30:20", again)
    assert not any(isinstance(event, BarsCorrected) for event in deck.said)


def test_the_close_of_a_forming_bar_is_no_correction() -> None:
    deck = opened()
    answer(deck, "15:00", flat(FRIDAY, MONDAY))
    answer(deck, CLOSED, replace(flat(FRIDAY, MONDAY), volume=(100.0, 900.0)))
    assert not any(isinstance(event, BarsCorrected) for event in deck.said)


def test_splits_and_dividends_are_told_once_each_and_again_if_they_change() -> None:
    deck = opened()
    paid = replace(flat(FRIDAY, MONDAY), dividends=(0.0, 1.75))
    answer(deck, "15:00", paid)
    answer(deck, "15:05:20", paid)
    answer(deck, CLOSED, replace(paid, dividends=(0.0, 1.80), splits=(2.0, 1.0)))
    said = [event for event in deck.said if isinstance(event, CorporateActions)]
    assert said == [
        CorporateActions("SPY", "yahoo", (Action("2026-01-05", "dividend", 1.75),), "of 15:00"),
        CorporateActions(
            "SPY",
            "yahoo",
            (Action("2026-01-02", "split", 2.0), Action("2026-01-05", "dividend", 1.80)),
            f"of {CLOSED}",
        ),
    ]


def test_what_fills_an_old_gap_tells_its_own_dividend_and_no_other_twice() -> None:
    days = [day_start_us(day) for day in SESSIONS.date if day <= "2026-01-05"]
    paid = tuple(0.5 if number % 10 == 0 else 0.0 for number in range(len(days)))
    history = replace(flat(*days), dividends=paid)
    lacking = history.take([number for number in range(len(days)) if number != 20])
    deck = opened()
    answer(deck, "15:00", lacking)
    assert answer(deck, "15:05:20", lacking).latest_us < days[20]
    assert answer(deck, "15:15:20", history).latest_us < days[20]
    first, second = (event for event in deck.said if isinstance(event, CorporateActions))
    assert len(first.actions) == sum(map(bool, lacking.dividends)) > ACTIONS_KEPT
    assert second.actions == (Action(day_of(days[20]), "dividend", 0.5),)


def test_a_dividend_that_is_told_otherwise_and_then_as_before_is_said_each_time() -> None:
    deck = opened()
    for at, value in (("15:00", 1.75), ("15:05:20", 1.80), ("15:10:20", 1.75)):
        answer(deck, at, replace(flat(FRIDAY, MONDAY), dividends=(0.0, value)))
    said = [event for event in deck.said if isinstance(event, CorporateActions)]
    assert [event.actions[0].value for event in said] == [1.75, 1.80, 1.75]
