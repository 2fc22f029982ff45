"""A symbol that no source knows any more, or that stays silent, is told so, and never dropped."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bus.testing import Deck, given, microseconds
from market.messages.fetcher import (
    CollectorState,
    CollectorStatus,
    CycleFinished,
    FetchNow,
    SourceCalled,
)
from market.messages.history import Listing, ListingChanged, ListingState
from market.sessions import bars_of, day_start_us, latest_session, session_on
from services.fetcher.actor import build
from services.fetcher.core.answers import Answer, Failure, QuoteAnswer
from services.fetcher.core.declaration import Options
from services.fetcher.core.state import Collector
from services.fetcher.effects import (
    Fetch,
    Fetched,
    FetchFailed,
    Open,
    ReadSessions,
    SessionsRead,
)
from tests.services.fetcher.kit import OPTIONS, flat, table

Answers = Callable[[Fetch, int], Answer | Failure]

SESSIONS = table("2025-01-06", "2027-01-04")
WATCHING = replace(OPTIONS, sources=OPTIONS.real, watchlist=("NVDA",), interval_seconds=3_600)
GONE = Failure("unknown_symbol", "No data found, symbol may be delisted", None, "c0ffee")
DOWN = Failure("unreachable", "nobody listens")
RENAMED = Failure("invalid", "the answer is about 'META'", None, "beef", named="META")


def traded(effect: Fetch, now_us: int) -> Answer:
    """What a source tells of a symbol whose last trade was at that instant."""
    session = latest_session(SESSIONS, now_us)
    assert session is not None
    at_us = min(now_us, session.close_us)
    if effect.call.timeframe is None:
        return Answer(quote=QuoteAnswer(price=100.0, market_time_us=at_us))
    if effect.call.timeframe == "1d":
        return Answer(bars=flat(day_start_us(session.date)), answer_hash="d00d")
    return Answer(bars=flat(bars_of(session, "1h")[0].start_us))


def stopped_at(at: str) -> Answers:
    return lambda effect, now_us: traded(effect, min(now_us, microseconds(at)))


def refusing(failure: Failure, *only: str) -> Answers:
    return lambda effect, now_us: (
        failure if not only or effect.call.source in only else traded(effect, now_us)
    )


class Life:
    """A collector of NVDA, which is given ``answers``, beside SPY and QQQ."""

    def __init__(self, options: Options = WATCHING) -> None:
        self.answers: Answers = traded
        self.others: Answers = traded
        self.deck: Deck[Collector] = given(build(options), ("2026-01-02T14:00:00", SESSIONS))
        self.deck.tell("2026-01-02T15:00:00", Open())
        self.now_us = self.deck.now_us

    def until(self, at: str) -> None:
        """Let time pass, from alarm to alarm."""
        end_us = microseconds(at)
        while self.now_us < end_us:
            tick = self.deck.tick(self.now_us)
            effects, self.deck.effects = self.deck.effects, []
            work = [one for one in effects if isinstance(one, Fetch | ReadSessions)]
            for effect in work:
                self.do(effect)
            if not work:
                self.now_us = min(end_us, max(tick.next_us or end_us, self.now_us + 1))

    def do(self, effect: Fetch | ReadSessions) -> None:
        if isinstance(effect, ReadSessions):
            self.deck.tell(self.now_us, SessionsRead(effect.call, SESSIONS))
            return
        answers = self.answers if effect.call.ticker == "NVDA" else self.others
        answer = answers(effect, self.now_us)
        if isinstance(answer, Failure):
            self.deck.tell(self.now_us, FetchFailed(effect.call, answer))
        else:
            self.deck.tell(self.now_us, Fetched(effect.call, self.now_us, answer))

    @property
    def told(self) -> list[ListingChanged]:
        return [event for event in self.deck.said if isinstance(event, ListingChanged)]

    @property
    def states(self) -> list[ListingState]:
        return [event.state for event in self.told]

    @property
    def status(self) -> CollectorState:
        reply = self.deck.ask(self.now_us, CollectorStatus()).reply
        assert isinstance(reply, CollectorState)
        return reply

    def calls(self, since: str) -> list[SourceCalled]:
        return [
            fact.event
            for fact in self.deck.facts
            if isinstance(fact.event, SourceCalled)
            and fact.event.ticker == "NVDA"
            and fact.at_us >= microseconds(since)
        ]


def test_a_symbol_that_every_source_denies_in_three_sessions_is_told_with_what_they_said() -> None:
    life = Life()
    life.until("2026-01-05T14:00:00")
    life.answers = refusing(GONE)
    life.until("2026-01-07T14:00:00")
    assert life.states == []
    life.until("2026-01-07T21:30:00")
    (told,) = life.told
    friday = session_on(SESSIONS, "2026-01-02")
    assert friday is not None
    assert (told.ticker, told.state, told.last_trade_us) == ("NVDA", "unknown", friday.close_us)
    evidence = [(one.source, one.said, one.sessions, one.answer_hash) for one in told.evidence]
    assert sorted(evidence) == [
        (source, GONE.message, 3, "c0ffee") for source in ("finnhub", "yahoo")
    ]
    assert life.status.watchlist == ("SPY", "QQQ", "NVDA")
    assert [(one.ticker, one.state) for one in life.status.listings] == [("NVDA", "unknown")]


@pytest.mark.parametrize(
    "answers",
    [
        refusing(DOWN),
        refusing(GONE, "yahoo"),
        refusing(Failure("no_data", "nothing in the window")),
        refusing(Failure("rate_limited", "too many", 3_600.0)),
    ],
    ids=["an outage", "one source alone", "nothing in the window", "a pause"],
)
def test_nothing_is_concluded_from(answers: Answers) -> None:
    life = Life()
    life.until("2026-01-05T14:00:00")
    life.answers = answers
    life.until("2026-01-08T22:00:00")
    assert life.told == []


def test_what_one_source_denies_while_the_other_is_down_is_not_told() -> None:
    life = Life()
    life.until("2026-01-05T14:00:00")
    life.answers = lambda effect, now_us: GONE if effect.call.source == "yahoo" else DOWN
    life.until("2026-01-08T22:00:00")
    assert life.told == []


def test_a_ticker_that_nobody_ever_knew_is_a_slip_and_no_delisting() -> None:
    life = Life()
    life.answers = refusing(GONE)
    life.until("2026-01-09T22:00:00")
    assert life.told == []


def test_a_symbol_whose_last_trade_stays_days_behind_is_silent_while_the_market_trades() -> None:
    life = Life()
    life.answers = stopped_at("2026-01-05T16:00:00")
    life.until("2026-01-07T22:00:00")
    assert life.states == []
    life.until("2026-01-08T22:00:00")
    (told,) = life.told
    assert told.state == "silent"
    assert told.because == "the last trade is of 2026-01-05, 3 sessions ago, while SPY trades"
    assert [(one.said, one.sessions) for one in told.evidence] == [("an answer with trades", 3)]


def test_nobody_insists_any_longer_on_the_days_of_a_symbol_that_is_silent() -> None:
    life = Life()
    life.answers = stopped_at("2026-01-05T16:00:00")
    life.until("2026-01-07T22:00:00")
    assert [(one.ticker, one.day) for one in life.status.settling] == [("NVDA", "2026-01-07")]
    life.until("2026-01-08T22:00:00")
    assert life.states == ["silent"]
    assert life.status.settling == ()


def test_a_market_that_stands_still_as_a_whole_makes_nobody_silent() -> None:
    life = Life()
    life.answers = life.others = stopped_at("2026-01-05T16:00:00")
    life.until("2026-01-09T22:00:00")
    assert life.told == []


def test_a_source_that_answers_under_another_symbol_is_believed_about_the_name() -> None:
    life = Life()
    life.until("2026-01-05T14:00:00")
    life.answers = lambda effect, now_us: RENAMED if effect.call.source == "yahoo" else GONE
    life.until("2026-01-07T22:00:00")
    (told,) = life.told
    assert (told.state, told.named) == ("renamed", "META")
    assert told.because == "yahoo answers as META"
    assert [(one.source, one.answer_hash) for one in told.evidence] == [("yahoo", "beef")]


def test_a_symbol_that_trades_again_is_listed_again() -> None:
    life = Life()
    life.until("2026-01-05T14:00:00")
    life.answers = refusing(GONE)
    life.until("2026-01-08T22:00:00")
    life.answers = traded
    life.until("2026-01-10T00:00:00")
    assert life.states == ["unknown", "listed"]
    assert life.status.listings == ()


@pytest.mark.parametrize(
    "answers",
    [
        refusing(GONE),
        stopped_at("2026-01-02T22:00:00"),
        stopped_at("2026-01-02T20:00:00"),
        lambda effect, now_us: RENAMED if effect.call.source == "yahoo" else GONE,
    ],
    ids=["unknown", "silent", "older than what is known", "renamed"],
)
def test_who_is_not_listed_is_asked_for_once_a_day_and_missing_in_every_cycle(
    answers: Answers,
) -> None:
    life = Life()
    life.until("2026-01-02T22:00:00")
    life.answers = answers
    life.until("2026-01-08T22:00:00")
    (told,) = life.told
    said = len(life.deck.said)
    life.until("2026-01-15T22:00:00")
    calls = life.calls("2026-01-09T00:00:00")
    kinds = {(one.source, one.capability, one.timeframe) for one in calls}
    assert 0 < len(calls) <= 8 * len(kinds)
    cycles = [event for event in life.deck.said[said:] if isinstance(event, CycleFinished)]
    assert len(cycles) >= 5 * 7
    reason = f"{told.state}: {told.because}; asked for once a day"
    missing = [{one.ticker: one.reason for one in cycle.missing} for cycle in cycles]
    assert all(one in ({}, {"NVDA": reason}) for one in missing)
    assert missing.count({}) <= 7


def test_somebody_who_asks_for_it_is_answered_at_once_all_the_same() -> None:
    life = Life()
    life.until("2026-01-02T22:00:00")
    life.answers = refusing(GONE)
    life.until("2026-01-08T22:30:00")
    assert life.states == ["unknown"]
    life.deck.tell("2026-01-08T23:00:00", FetchNow("NVDA"))
    life.until("2026-01-08T23:00:10")
    assert life.calls("2026-01-08T23:00:00")


def test_the_status_tells_since_when_and_why() -> None:
    life = Life()
    life.answers = stopped_at("2026-01-02T20:00:00")
    life.until("2026-01-08T22:00:00")
    at_us = next(f.at_us for f in life.deck.facts if isinstance(f.event, ListingChanged))
    because = "the last trade is of 2026-01-02, 3 sessions ago, while SPY trades"
    friday = session_on(SESSIONS, "2026-01-02")
    assert friday is not None
    assert life.status.listings == (Listing("NVDA", "silent", because, at_us, friday.close_us),)
