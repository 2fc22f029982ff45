"""A talk held on the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

import pytest

from bus.errors import Unavailable
from market.messages.cache import CacheStatus, FindEvents, SeqsFound
from services.gateway.arguments import Arguments, EventsWanted
from services.gateway.holding import hold
from services.gateway.talks.cache import cache
from services.gateway.talks.tape import events
from tests.services.gateway import samples
from tests.services.gateway.fakes import FakeDeck


class SlowDeck(FakeDeck):
    """Its futures wait, and could be cancelled."""

    future: Future[Any]

    def ask(self, message: object, within_seconds: float = 10.0) -> Future[Any]:
        self.future = Future()
        return self.future


def test_replies_and_records_become_the_answer() -> None:
    deck = FakeDeck({FindEvents: SeqsFound((1,), 1, 0)}, samples.records(samples.quote()))
    answer = asyncio.run(hold(deck, events(EventsWanted()), 5.0))
    assert [event.seq for event in answer.events] == [1]


def test_an_answer_that_does_not_come_in_time_is_unavailable_and_stays_the_decks_to_give() -> None:
    deck = SlowDeck()
    with pytest.raises(Unavailable, match="did not answer in time"):
        asyncio.run(hold(deck, cache(Arguments()), 0.01))
    assert not deck.future.cancelled()


def test_the_deck_is_told_how_long_it_has() -> None:
    told: list[float] = []

    class Listening(FakeDeck):
        def ask(self, message: Any, within_seconds: float = 10.0) -> Future[Any]:
            told.append(within_seconds)
            return super().ask(message, within_seconds)

    asyncio.run(hold(Listening({CacheStatus: samples.cache()}), cache(Arguments()), 3.0))
    assert 2.0 < told[0] <= 3.0
