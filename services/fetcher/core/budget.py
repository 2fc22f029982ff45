"""How often a source may be asked: sliding windows over the calls that were said."""

from __future__ import annotations

from services.fetcher.core.declaration import Declaration

MINUTE_US = 60_000_000
SECOND_US = 1_000_000

TRAVEL_US = 1_000_000
"""A call is counted when it is said and judged when it arrives, which may differ by this much."""


def counted(calls: tuple[int, ...], at_us: int) -> tuple[int, ...]:
    """The calls of the last minute, with one more at ``at_us``."""
    return (*within_minute(calls, at_us), at_us)


def within_minute(calls: tuple[int, ...], now_us: int) -> tuple[int, ...]:
    """The calls that still count."""
    return tuple(call for call in calls if call > now_us - MINUTE_US - TRAVEL_US)


def free_at(calls: tuple[int, ...], source: Declaration, now_us: int) -> int:
    """When the next call fits into every window: ``now_us`` or later."""
    return max(
        _window_free_at(calls, source.per_minute, MINUTE_US + TRAVEL_US, now_us),
        _window_free_at(calls, source.per_second, SECOND_US, now_us),
    )


def _window_free_at(calls: tuple[int, ...], limit: int, window_us: int, now_us: int) -> int:
    """Calls are in order, so the ``limit``-th from the end decides when there is room again."""
    if limit == 0 or len(calls) < limit:
        return now_us
    return max(now_us, calls[-limit] + window_us)
