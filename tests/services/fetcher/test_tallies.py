"""What came of the calls is counted by the tape, and told of each source."""

from __future__ import annotations

from bus.testing import Deck, given
from market.messages.fetcher import (
    CollectorStarted,
    CollectorState,
    CollectorStatus,
    FetchRefused,
    RawLost,
    SourceCalled,
    SourceState,
    WatchlistAdded,
)
from services.fetcher.actor import build
from services.fetcher.core.answers import Answer, Failure, QuoteAnswer
from services.fetcher.core.state import Collector
from services.fetcher.effects import Fetched, FetchFailed
from tests.services.fetcher.kit import OPTIONS, table

AT = "15:00"
PRICE = QuoteAnswer(price=100.0, market_time_us=1_767_625_200_000_000)


def deck() -> Deck[Collector]:
    return given(
        build(OPTIONS),
        ("14:00", table("2025-01-06", "2027-01-04")),
        ("14:00", WatchlistAdded("SPY")),
        ("14:00", CollectorStarted()),
    )


def calling(deck: Deck[Collector]) -> SourceCalled:
    call = SourceCalled("finnhub", "quote", "SPY", None, 1_767_625_260_000_000)
    deck.hear((AT, call))
    return call


def told(deck: Deck[Collector], source: str = "finnhub") -> SourceState:
    state = deck.ask(AT, CollectorStatus()).reply
    assert isinstance(state, CollectorState)
    return next(one for one in state.sources if one.source == source)


def test_calls_are_counted_by_what_came_of_them() -> None:
    one = deck()
    one.tell(AT, Fetched(calling(one), one.now_us, Answer(quote=PRICE)))
    one.tell(AT, FetchFailed(calling(one), Failure("provider_error", "502")))
    one.tell(AT, FetchFailed(calling(one), Failure("provider_error", "502")))
    found = told(one)
    assert (found.calls, found.outcomes) == (3, {"answered": 1, "provider_error": 2})
    assert found.refusals == {"provider_error": 2}
    assert told(one, "yahoo").calls == 0


def test_a_refusal_beside_an_answer_is_one_of_the_refusals_alone() -> None:
    one = deck()
    one.hear((AT, FetchRefused("SPY", "quote", "finnhub", "doubtful", "too far", value=9.0)))
    found = told(one)
    assert (found.outcomes, found.refusals) == ({}, {"doubtful": 1})


def test_an_answer_that_could_not_be_kept_is_told_before_what_it_says() -> None:
    one, why = deck(), "the disk is full"
    answer = Answer(quote=PRICE, answer_hash="c0ffee")
    one.tell(AT, Fetched(calling(one), one.now_us, answer, not_kept=why))
    assert one.said[0] == RawLost("finnhub", "SPY", "c0ffee", why)
    failure = Failure("invalid", "no price", answer_hash="beef")
    one.tell(AT, FetchFailed(calling(one), failure, not_kept=why))
    assert RawLost("finnhub", "SPY", "beef", why) in one.said
    assert (told(one).raw_lost, told(one).raw_lost_because) == (2, why)


def test_a_kept_answer_says_nothing_of_it() -> None:
    one = deck()
    one.tell(AT, Fetched(calling(one), one.now_us, Answer(quote=PRICE)))
    assert not [event for event in one.said if isinstance(event, RawLost)]
