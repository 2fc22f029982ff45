"""The one line the terminal says after the start: where the deck is, what it tracks, from whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bus.actor import Refused
from bus.errors import BusError
from services.gateway.answers import CacheStateAnswer, CollectorAnswer
from services.gateway.arguments import Arguments
from services.gateway.deck import Deck
from services.gateway.holding import hold
from services.gateway.talks.cache import cache
from services.gateway.talks.collector import status

ASK_SECONDS = 2.0
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 60.0
"""With providers that swallow every packet the first prices take that long."""


async def greet(
    deck: Deck, where: str, say: Callable[[str], object], patience_seconds: float = PATIENCE_SECONDS
) -> None:
    """Say the line once the first prices are there, or when the patience is at its end."""
    line = f"Tapedeck is at {where}; its services do not answer yet: ./tapedeck health"
    try:
        async with asyncio.timeout(patience_seconds):
            while True:
                collector, held = await _state(deck)
                if collector:
                    line = sentence(where, collector, held)
                if held and held.entries:
                    break
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        say(line)
    else:
        say(line)


def sentence(where: str, collector: CollectorAnswer, held: CacheStateAnswer | None) -> str:
    """The line."""
    sources = sorted({entry.source for entry in held.entries if entry.source} if held else ())
    from_whom = f"prices from {', '.join(sources)}" if sources else "no prices yet"
    if collector.simulated or "simulated" in sources:
        from_whom = "SIMULATED prices, as no provider was reached"
    rests = "" if collector.running else "; the collector is stopped: ./tapedeck start"
    return f"Tapedeck is at {where}; it tracks {', '.join(collector.watchlist)}; {from_whom}{rests}"


async def _state(deck: Deck) -> tuple[CollectorAnswer | None, CacheStateAnswer | None]:
    try:
        collector = await hold(deck, status(Arguments()), ASK_SECONDS)
        return collector, await hold(deck, cache(Arguments()), ASK_SECONDS)
    except (BusError, Refused):
        return None, None
