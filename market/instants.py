"""Instants for readers: microseconds inside, ISO-8601 in UTC outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

UNIT = "_us"
"""Ends the name of every field that holds microseconds UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def iso(at_us: int) -> str:
    """The instant as ISO-8601: ``2026-11-20T15:42:00Z``, six digits where it has a fraction."""
    return (_EPOCH + at_us * _MICROSECOND).isoformat().replace("+00:00", "Z")


def jsonable(value: Any) -> Any:
    """The value as JSON has it: structs are maps, ``at_us`` is ``at`` in ISO-8601, null for 0."""
    return _timed(msgspec.to_builtins(value))


def _timed(value: Any) -> Any:
    if isinstance(value, dict):
        return dict(_field(name, item) for name, item in value.items())
    if isinstance(value, list | tuple):
        return [_timed(item) for item in value]
    return value


def _field(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith(UNIT):
        return name.removesuffix(UNIT), _instants(value)
    return name, _timed(value)


def _instants(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_instants(item) for item in value]
    return iso(value) if value else None
