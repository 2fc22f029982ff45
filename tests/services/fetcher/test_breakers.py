"""Breakers through the whole collector: every move is on the tape, and outlives the process."""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec.structs import replace

from bus.testing import Deck, given, microseconds
from market.messages.fetcher import (
    CapabilityState,
    CollectorState,
    CollectorStatus,
    FetchNow,
    FetchRefused,
    SourceCalled,
    SourceGated,
    Start,
    Stop,
)
from services.fetcher.actor import build
from services.fetcher.core.declaration import Options
from services.fetcher.core.state import Collector
from services.fetcher.effects import Open
from tests.fakes import wire
from tests.fakes.finnhub import NO_ACCESS, OVER_LIMIT, WRONG_KEY
from tests.services.fetcher.kit import OPTIONS, World, http_answer, table

SESSIONS = table("2025-01-06", "2027-01-04")
NAMES = ("NVDA", "AAPL", "MSFT", "AMZN")


def options_with_key(key_hash: str) -> Options:
    finnhub, *others = OPTIONS.sources
    return replace(OPTIONS, sources=(replace(finnhub, key_hash=key_hash), *others))


def deck_with_key(key_hash: str = "k") -> Deck[Collector]:
    return given(build(options_with_key(key_hash)), ("14:00", SESSIONS))


def moves(deck: Deck[Collector], capability: str = "quote") -> list[str]:
    """The moves of one of Finnhub's breakers."""
    which = ("finnhub", capability)
    gated = [event for event in deck.said if isinstance(event, SourceGated)]
    return [event.state for event in gated if (event.source, event.capability) == which]


def died(deck: Deck[Collector], key_hash: str = "k") -> Deck[Collector]:
    """Another process on the same tape: nothing but the facts is left."""
    return given(
        build(options_with_key(key_hash)), *((fact.at_us, fact.event) for fact in deck.facts)
    )


def calls_to(deck: Deck[Collector], source: str) -> list[int]:
    return [
        fact.at_us
        for fact in deck.facts
        if isinstance(fact.event, SourceCalled) and fact.event.source == source
    ]


@pytest.fixture
def world() -> World:
    return World()


def test_every_move_of_a_breaker_is_told_in_order(world: World) -> None:
    deck = given(build(OPTIONS), ("14:00", SESSIONS))
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    world.cut_off()
    world.run(deck, "15:06")
    world.reconnect()
    world.run(deck, "15:12")
    told = moves(deck)
    assert told[0] == "open"
    assert told[-2:] == ["half_open", "closed"]
    assert all(
        pair in (["open", "half_open"], ["half_open", "open"], ["half_open", "closed"])
        for pair in map(list, pairwise(told))
    )


def test_between_two_failures_of_a_breaker_one_call_goes_out(world: World) -> None:
    deck = given(build(replace(OPTIONS, watchlist=NAMES)), ("14:00", SESSIONS))
    world.cut_off()
    deck.tell("15:00", Open())
    world.run(deck, "15:30")
    opened = [
        fact.at_us
        for fact in deck.facts
        if isinstance(fact.event, SourceGated)
        and (fact.event.source, fact.event.state) == ("finnhub", "open")
    ]
    called = calls_to(deck, "finnhub")
    between = [sum(first < at_us <= then for at_us in called) for first, then in pairwise(opened)]
    assert len(opened) > 10
    assert set(between) == {1}


def test_a_pause_outlives_the_process_and_every_start(world: World) -> None:
    deck = deck_with_key()
    world.http.down = http_answer(wire.Answer(429, OVER_LIMIT.body, headers={"Retry-After": "90"}))
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    world.http.down = None
    deck = died(deck)
    for at in ("15:00:20", "15:00:40", "15:01:00"):
        deck.tell(at, Open())
        deck.tell(at, Stop())
        deck.tell(at, Start())
        deck.tell(at, FetchNow("AAPL"))
        world.play(deck, at)
    world.run(deck, microseconds("15:01:30") - 1)
    deck.tell("15:01:30", FetchNow("MSFT"))
    world.play(deck, "15:01:30")
    later = [at_us for at_us in calls_to(deck, "finnhub") if at_us > microseconds("15:00")]
    assert min(later) == microseconds("15:01:30")


def test_what_a_key_may_not_do_outlives_the_process_and_ends_with_another_key(
    world: World,
) -> None:
    deck = deck_with_key("old")
    world.http.down = http_answer(NO_ACCESS)
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    world.http.down = None
    before = len(world.http.asked)

    same = died(deck, "old")
    same.tell("15:10", Open())
    world.play(same, "15:10")
    assert len(world.http.asked) == before

    other = died(deck, "new")
    other.tell("15:10", Open())
    world.play(other, "15:10")
    assert len(world.http.asked) > before
    assert moves(other) == ["closed"]


def test_a_wrong_key_costs_one_call_a_process(world: World) -> None:
    deck = deck_with_key()
    world.http.down = http_answer(WRONG_KEY)
    deck.tell("15:00", Open())
    world.run(deck, "15:30")
    before = len(world.http.asked)
    for minute in (31, 32, 33):
        deck = died(deck)
        deck.tell(f"15:{minute}", Open())
        world.run(deck, f"15:{minute}:50")
    assert len(world.http.asked) == before + 3


def test_after_a_day_what_was_forbidden_is_tried_with_one_call(world: World) -> None:
    deck = given(build(replace(OPTIONS, watchlist=NAMES)), ("14:00", SESSIONS))
    world.http.down = http_answer(NO_ACCESS)
    deck.tell("15:00", Open())
    world.run(deck, "2026-01-06T14:59:59")
    before = len(world.http.asked)
    world.run(deck, "2026-01-06T15:30:00")
    assert len(world.http.asked) == before + 1
    assert moves(deck) == ["forbidden", "half_open", "forbidden"]


def test_the_status_tells_each_capability_with_its_reason_and_its_next_try(world: World) -> None:
    deck = deck_with_key()
    world.http.down = http_answer(wire.Answer(429, OVER_LIMIT.body, headers={"Retry-After": "90"}))
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    answer = deck.ask("15:00:10", CollectorStatus()).reply
    assert isinstance(answer, CollectorState)
    finnhub, yahoo, _ = answer.sources
    quote, *others = finnhub.capabilities
    assert [one.capability for one in others] == ["news", "market_status"]
    assert {one.state for one in others} == {"paused"}
    assert (quote.state, quote.retry_at_us) == ("paused", microseconds("15:01:30"))
    assert quote.reason.startswith("rate limited: API limit reached.")
    assert (finnhub.usable, finnhub.retry_at_us) == (False, microseconds("15:01:30"))
    assert yahoo.capabilities == (
        CapabilityState("quote", "closed"),
        CapabilityState("bars", "closed"),
        CapabilityState("news", "closed"),
    )


def test_no_key_is_ever_told(world: World) -> None:
    deck = deck_with_key("abc")
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    told = [event for event in deck.said if isinstance(event, SourceGated | FetchRefused)]
    assert {event.key_hash for event in told if isinstance(event, SourceGated)} == {"abc"}
    assert world.key not in repr(told)
