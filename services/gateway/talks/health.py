"""Whether the deck is ready."""

from __future__ import annotations

import msgspec

from bus.errors import BusError
from bus.message import BusState, BusStatus
from services.gateway.answers import BusHealth, HealthAnswer
from services.gateway.arguments import Arguments
from services.gateway.failures import Failure
from services.gateway.talk import Talk

EXPECTED = ("bus", "fetcher", "indicators", "cache", "analyzer")
"""The services without which no decision is made."""


def health(arguments: Arguments) -> Talk:
    """Whether the deck is ready; it answers without a bus too."""
    try:
        state: BusState = yield BusStatus()
    except BusError as error:
        return _unready(EXPECTED, "", Failure("not_ready", error.message, "see ./tapedeck log"))
    ready = {service.name for service in state.services if service.ready} | {"bus"}
    missing = tuple(name for name in EXPECTED if name not in ready)
    if missing or state.degraded:
        why = state.degraded or f"not ready: {', '.join(missing)}"
        failure = Failure("not_ready", why, "wait a moment, or see ./tapedeck log")
        return _unready(missing, state.degraded, failure, state)
    return HealthAnswer(True, (), "", state.head, state.services, _bus(state))


def _unready(
    missing: tuple[str, ...], degraded: str, error: Failure, state: BusState | None = None
) -> HealthAnswer:
    if state is None:
        return HealthAnswer(False, missing, degraded, 0, (), error=error)
    known = (state.head, state.services, _bus(state))
    return HealthAnswer(False, missing, degraded, *known, error=error)


def _bus(state: BusState) -> BusHealth:
    return msgspec.convert(state, BusHealth, from_attributes=True)
