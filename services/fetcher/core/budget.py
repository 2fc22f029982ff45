"""How often a source may be asked: sliding windows over its calls, a reserve, a pace that yields.

A call counts from when it is said, since it may reach the provider at once, until a minute after
it was answered, refused or lost, since it may have arrived as late as that. So no minute and no
second of the provider's ever holds more calls than the limit, however long they travel.
"""

from __future__ import annotations

from bisect import bisect_right

from msgspec.structs import replace

from services.fetcher.core.declaration import Declaration
from services.fetcher.core.health import Health

MINUTE_US = 60_000_000
SECOND_US = 1_000_000

FORGOTTEN_US = 2 * MINUTE_US
"""A call whose end nobody told, since its ticker is gone, is under way no longer than this."""


def begun(health: Health, at_us: int) -> Health:
    """One more call is under way."""
    under_way = tuple(one for one in health.under_way if one > at_us - FORGOTTEN_US)
    return replace(health, under_way=(*under_way, at_us), calls=_recent(health.calls, at_us))


def ended(health: Health, said_us: int, at_us: int) -> Health:
    """The call that was said then has been dealt with: its minute begins now."""
    under_way = list(health.under_way)
    if said_us in under_way:
        under_way.remove(said_us)
    calls = (*_recent(health.calls, at_us), at_us)
    return replace(health, under_way=tuple(under_way), calls=calls)


def used(health: Health, now_us: int) -> int:
    """How many calls of this minute there are."""
    return len(health.under_way) + len(_recent(health.calls, now_us))


def allowed(health: Health, source: Declaration, now_us: int) -> int:
    """Calls a minute: as declared, or fewer since a 429, and one more each quiet minute since."""
    if not health.slowed_per_minute:
        return source.per_minute
    quiet_minutes = max(0, now_us - health.slowed_from_us) // MINUTE_US
    return min(source.per_minute, health.slowed_per_minute + quiet_minutes)


def slowed(health: Health, source: Declaration, now_us: int) -> int:
    """Calls a minute after one more 429: half of what was allowed, but never none at all."""
    return max(1, allowed(health, source, now_us) // 2)


def reserve(health: Health, source: Declaration, now_us: int) -> int:
    """How many calls of the minute are kept for who waits; at most half of a slowed source's."""
    return min(source.reserve_per_minute, allowed(health, source, now_us) // 2)


def free_at(health: Health, source: Declaration, now_us: int, *, urgent: bool) -> int:
    """When the next call fits into every window: ``now_us`` or later."""
    limit = allowed(health, source, now_us)
    limit -= 0 if urgent else reserve(health, source, now_us)
    return max(
        _window_free_at(health, limit, MINUTE_US, now_us),
        _window_free_at(health, source.per_second, SECOND_US, now_us),
    )


def _window_free_at(health: Health, limit: int, window_us: int, now_us: int) -> int:
    """Calls are in order, so the one that is last but for the room decides when there is some."""
    if limit == 0:
        return now_us
    room = limit - len(health.under_way)
    if room <= 0:
        return now_us + window_us
    return max(now_us, health.calls[-room] + window_us) if len(health.calls) >= room else now_us


def _recent(calls: tuple[int, ...], now_us: int) -> tuple[int, ...]:
    """Calls are in order, since the tape's time never goes back."""
    return calls[bisect_right(calls, now_us - MINUTE_US) :]
