"""The one line that the terminal says after the start."""

from __future__ import annotations

import asyncio

import pytest

from market.messages.cache import CacheEntry, CacheState, CacheStatus
from market.messages.fetcher import CollectorStatus
from services.gateway.greeting import greet
from tests.services.gateway import samples
from tests.services.gateway.fakes import FakeDeck, Replies

SIMULATED = CacheEntry("SPY~sim", True, False, 1.0, 400.0, "simulated", {})
EMPTY = CacheState(7, 300.0, ())


def said(replies: Replies) -> list[str]:
    lines: list[str] = []
    asyncio.run(greet(FakeDeck(replies), "http://127.0.0.1:8321", lines.append, 0.05))
    return lines


@pytest.mark.parametrize(
    ("collector", "cache", "line"),
    [
        (samples.collector(), samples.cache(), "it tracks SPY, QQQ, NVDA; prices from yahoo"),
        (
            samples.collector(simulated=True),
            samples.cache(SIMULATED),
            "it tracks SPY, QQQ, NVDA; SIMULATED prices, as no provider was reached",
        ),
        (
            samples.collector(running=False),
            EMPTY,
            "it tracks SPY, QQQ, NVDA; no prices yet; the collector is stopped: ./tapedeck start",
        ),
    ],
)
def test_the_line_says_where_what_and_from_whom(
    collector: object, cache: object, line: str
) -> None:
    replies: Replies = {CollectorStatus: collector, CacheStatus: cache}
    assert said(replies) == [f"Tapedeck is at http://127.0.0.1:8321; {line}"]


def test_a_deck_that_does_not_answer_is_said_so_in_the_end() -> None:
    assert said({}) == [
        "Tapedeck is at http://127.0.0.1:8321; its services do not answer yet: ./tapedeck health"
    ]
