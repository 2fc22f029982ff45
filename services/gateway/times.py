"""Instants as people write them at the doors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bus.actor import Refused

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def instant_us(text: str) -> int:
    """The instant of an ISO-8601 text; without an offset it is UTC; raises `Refused`."""
    try:
        instant = datetime.fromisoformat(text.strip())
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        return (instant - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError) as error:
        raise Refused(
            "bad_instant",
            f"{text[:40]!r} is not an instant",
            "write it like 2026-11-20T15:42:00Z or 2026-11-20",
        ) from error
