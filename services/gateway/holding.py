"""Holds a talk on the event loop: asks, waits, reads the tape in a thread, all by one deadline."""

from __future__ import annotations

import asyncio
from typing import Any

from bus.actor import Refused
from bus.errors import BusError, Unavailable
from services.gateway.deck import Deck
from services.gateway.talk import Answered, Here, Request, Talk, advance, patience, reply_here


async def hold(deck: Deck, talk: Talk, within_seconds: float) -> Any:
    """The talk's answer; raises what the talk raises, and `Unavailable` when the time is up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_seconds
    step = advance(talk)
    while not isinstance(step, Answered):
        try:
            reply = await _reply(deck, step, max(deadline - loop.time(), 0.001))
        except (Refused, BusError) as error:
            step = advance(talk, error=error)
        else:
            step = advance(talk, reply)
    return step.answer


async def _reply(deck: Deck, request: Request, left_seconds: float) -> Any:
    try:
        if isinstance(request, Here):
            async with asyncio.timeout(left_seconds):
                return await asyncio.to_thread(reply_here, deck, request)
        asked = patience(request, left_seconds)
        async with asyncio.timeout(asked.within_seconds):
            # The future is the deck's to complete: whoever stops waiting here must not cancel it.
            return await asyncio.shield(asyncio.wrap_future(deck.ask(*asked)))
    except TimeoutError as error:
        raise late() from error


def late() -> Unavailable:
    """The deck took too long."""
    return Unavailable(
        "the deck did not answer in time", "try again; ./tapedeck health says who is missing"
    )
