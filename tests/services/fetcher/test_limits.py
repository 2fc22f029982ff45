"""Whatever is wished for, fails and dies, no window of a provider ever holds too many calls."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bus.testing import Deck, given, microseconds
from market.messages.fetcher import (
    CollectorState,
    CollectorStatus,
    FetchNow,
    Reason,
    SourceCalled,
    SourceShared,
    SourceSlowed,
)
from services.fetcher.actor import build
from services.fetcher.core.answers import Answer, Failure, QuoteAnswer
from services.fetcher.core.declaration import Declaration, Options
from services.fetcher.core.state import Collector
from services.fetcher.effects import Fetch, Fetched, FetchFailed, Open
from services.fetcher.sources import calendar
from tests.services.fetcher.kit import table

SESSIONS = table("2025-01-06", "2027-01-04")
SECOND = 1_000_000
START = microseconds("15:00")
NAMES = ("NVDA", "AAPL", "MSFT", "AMZN")
FINNHUB = Declaration(
    name="finnhub",
    capabilities=("quote",),
    worker="finnhub",
    together=3,
    per_minute=6,
    per_second=2,
    reserve_per_minute=2,
    adaptive=True,
    lost_after_seconds=15.0,
)
OPTIONS = Options(sources=(FINNHUB,), calendar=calendar.DECLARED, watchlist=NAMES)

WAITS = st.integers(0, 20 * SECOND)
REASONS: st.SearchStrategy[Reason] = st.sampled_from(
    ["unreachable", "provider_error", "invalid", "rate_limited", "no_data", "forbidden"]
)
STEPS = st.one_of(
    st.just("tick"),
    st.sampled_from(NAMES).map(lambda name: f"wish {name}"),
    st.booleans().map(lambda early: f"answer {early}"),
    st.tuples(REASONS, st.booleans()).map(lambda pair: f"fail {pair[1]} {pair[0]}"),
    st.booleans().map(lambda early: f"die {early}"),
)


@dataclass
class Story:
    """A collector with one source, when its calls arrived, and what its 429s forbid."""

    options: Options = OPTIONS
    now_us: int = START
    arrived: list[int] = field(default_factory=list)
    paused_until_us: int = 0

    def __post_init__(self) -> None:
        self.deck: Deck[Collector] = given(build(self.options), ("14:00", SESSIONS))
        self.deck.tell(START, Open())
        self.tick()

    @property
    def calls(self) -> list[Fetch]:
        return [one for one in self.deck.effects if isinstance(one, Fetch)]

    def tick(self) -> None:
        before = len(self.deck.said)
        self.deck.tick(self.now_us)
        if any(
            isinstance(event, SourceCalled) and event.source == "finnhub"
            for event in self.deck.said[before:]
        ):
            assert self.now_us >= self.paused_until_us

    def take(self, step: str, wait_us: int) -> None:
        """One thing happens; a call arrives when it was said (early) or when it ends."""
        self.now_us += wait_us
        match step.split():
            case ["wish", name]:
                self.deck.tell(self.now_us, FetchNow(name))
            case ["answer", early]:
                self._end(early == "True", None)
            case ["fail", early, reason]:
                self._end(early == "True", reason)
            case ["die", early]:
                self._die(early == "True")
        self.tick()

    def _end(self, early: bool, reason: str | None) -> None:
        if not self.calls:
            return
        effect = self.calls[0]
        self.deck.effects.remove(effect)
        call, at_us = effect.call, effect.at_us
        self._arrive(effect, early)
        if reason is None:
            quote = QuoteAnswer(price=100.0, market_time_us=at_us)
            self.deck.tell(self.now_us, Fetched(call, at_us, Answer(quote=quote)))
            return
        if reason == "rate_limited":
            self.paused_until_us = max(self.paused_until_us, self.now_us + 30 * SECOND)
        failure = Failure(reason, "no", 30.0)  # type: ignore[arg-type]
        self.deck.tell(self.now_us, FetchFailed(call, failure))

    def _arrive(self, effect: Fetch, early: bool) -> None:
        """A worker gives up before the deadline, so nothing arrives after it."""
        late_us = min(self.now_us, effect.call.deadline_us)
        self.arrived.append(effect.at_us if early else late_us)

    def _die(self, early: bool) -> None:
        for effect in self.calls:
            self._arrive(effect, early)
        past = [(fact.at_us, fact.event) for fact in self.deck.facts]
        self.deck = given(build(self.options), *past)
        self.deck.tell(self.now_us, Open())


def densest(stamps: list[int], window_us: int) -> int:
    return max((sum(at <= one < at + window_us for one in stamps) for at in stamps), default=0)


@settings(max_examples=40, deadline=None)
@drawn(st.lists(st.tuples(STEPS, WAITS), max_size=40))
def test_no_window_is_ever_over_its_limit_and_no_pause_is_broken(
    steps: list[tuple[str, int]],
) -> None:
    story = Story()
    for step, wait_us in steps:
        story.take(step, wait_us)
    story.take("die True", 0)
    assert densest(story.arrived, 60 * SECOND) <= FINNHUB.per_minute
    assert densest(story.arrived, SECOND) <= FINNHUB.per_second


def test_a_429_that_comes_after_its_call_was_given_up_is_a_pause_all_the_same() -> None:
    story = Story()
    story.take("tick", 15 * SECOND)
    story.take("fail False rate_limited", SECOND)
    gate = story.deck.state.gate_of("finnhub", "quote")
    assert (gate.state, gate.retry_at_us) == ("paused", story.paused_until_us)


def test_a_crash_loop_makes_no_more_calls_than_one_process_would() -> None:
    story = Story()
    for _ in range(110):
        story.take("answer False", SECOND // 4)
        story.take("die False", SECOND // 4)
    assert densest(story.arrived, 60 * SECOND) == FINNHUB.per_minute - FINNHUB.reserve_per_minute


def test_who_asks_gets_the_reserve_that_a_cycle_leaves() -> None:
    story = Story(replace(OPTIONS, watchlist=(*NAMES, "META", "TSLA")))
    for _ in range(12):
        story.take("answer True", SECOND)
    assert len(story.arrived) == 4
    for name in ("AMZN", "TSLA"):
        story.take(f"wish {name}", SECOND)
        story.take("answer True", 0)
    assert [call.ticker for call in calls(story)[4:]] == ["AMZN", "TSLA"]
    assert densest(story.arrived, 60 * SECOND) == 6


def calls(story: Story) -> list[SourceCalled]:
    return [
        one for one in story.deck.said if isinstance(one, SourceCalled) and one.source == "finnhub"
    ]


def test_a_429_halves_the_budget_once_a_pause_and_the_status_shows_it() -> None:
    story = Story()
    story.take("fail True rate_limited", SECOND)
    story.take("fail True rate_limited", 0)
    told = [event for event in story.deck.said if isinstance(event, SourceSlowed)]
    assert told == [SourceSlowed("finnhub", 3, START + 31 * SECOND)]
    answer = story.deck.ask(story.now_us, CollectorStatus()).reply
    assert isinstance(answer, CollectorState)
    (budget,) = answer.budgets
    assert (budget.limit, budget.declared, budget.reserve) == (3, 6, 1)


@pytest.mark.parametrize(("told", "others"), [(4, 2), (2, None), (99, 4)])
def test_calls_of_others_with_our_key_count_as_ours(told: int, others: int | None) -> None:
    story = Story()
    effect = story.calls[0]
    quote = QuoteAnswer(price=100.0, market_time_us=START)
    answer = Answer(quote=quote, used_told=told)
    story.deck.tell(START, Fetched(effect.call, START, answer))
    shared = [event.others for event in story.deck.said if isinstance(event, SourceShared)]
    assert shared == ([others] if others else [])
