"""How the stream's effects are carried out; the key is in no word that leaves here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from msgspec.structs import replace

from bus.actor import Effect
from bus.message import Command
from services.fetcher.effects import FetchFailed
from services.fetcher.stream.effects import Connect, Connected, HangUp, Heard, Listen

if TYPE_CHECKING:
    from services.fetcher.ports import Ports

log = structlog.get_logger()


def connect(effect: Connect, ports: Ports) -> Command:
    """Open the connection."""
    call = effect.call
    failure = ports.trades.connect(call.deadline_us, effect.tickers)
    if failure is None:
        log.info("stream.opened", source=call.source, tickers=len(effect.tickers))
        return Connected(call)
    failure = replace(failure, message=_masked(failure.message, ports))
    say = log.error if failure.reason == "unauthorized" else log.info
    say("stream.refused", source=call.source, reason=failure.reason, message=failure.message)
    return FetchFailed(call, failure)


def listen(effect: Listen, ports: Ports) -> Command:
    """Listen for a second."""
    told = ports.trades.listen(effect.attempt, effect.tickers)
    refused = tuple(replace(one, example=_masked(one.example, ports)) for one in told.refused)
    for one in refused:
        log.warning("trades.refused", fault=one.fault, count=one.count, example=one.example)
    if told.failure:
        log.info("stream.lost", reason=told.failure.reason, message=told.failure.message)
    return Heard(effect.attempt, told.ticks, refused, told.failure)


def hang_up(effect: HangUp, ports: Ports) -> None:
    """Close the connection."""
    ports.trades.hang_up(effect.attempt)


PERFORMERS: dict[type[Effect], Callable[[Any, Ports], Command | None]] = {
    Connect: connect,
    Listen: listen,
    HangUp: hang_up,
}
"""Every effect of the stream, with what carries it out."""


def _masked(text: str, ports: Ports) -> str:
    """A source's own words may repeat the key."""
    key = ports.finnhub_key.reveal()
    return text.replace(key, "***") if key else text
