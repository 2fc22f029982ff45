"""What several talks need: part of an answer where a service is absent, a refusal of nothing."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from bus.actor import Refused
from bus.errors import BusError
from market.messages.cache import TickerSnapshot
from market.symbols import plain
from services.gateway.talk import Request


def unless_absent(request: Request) -> Generator[Request, Any, Any]:
    """The reply, or None where its service does not answer: half an answer is better than none."""
    try:
        return (yield request)
    except BusError:
        return None


def known_or_refused(snapshot: TickerSnapshot) -> TickerSnapshot:
    """The snapshot, if anything is in it; else a refusal."""
    if snapshot.quote or snapshot.indicators or snapshot.forming or snapshot.decision:
        return snapshot
    raise unknown(snapshot.ticker, "nothing is known of")


def unknown(ticker: str, what: str) -> Refused:
    """The refusal where nothing is known; ``what`` comes before the ticker."""
    remedy = f"if it is not tracked, add it: ./tapedeck add {plain(ticker)}"
    return Refused("not_found", f"{what} {ticker}", remedy)
