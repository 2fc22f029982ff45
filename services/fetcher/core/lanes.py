"""How a lane changes when a source has dealt with its call."""

from __future__ import annotations

from msgspec.structs import replace

from services.fetcher.core.state import Flight, Lane


def answered(lane: Lane, source: str, at_us: int) -> Lane:
    """The lane after an answer: fresh, and nobody's no counts any longer."""
    return replace(lane, answered_us=at_us, source=source, refusals=(), flight=still(lane, source))


def still(lane: Lane, source: str) -> Flight | None:
    """The call under way, unless it was this source's."""
    return lane.flight if lane.flight and lane.flight.source != source else None
