"""How a door says no: {"error": {"code", "message", "remedy"}}, and the HTTP status of the code."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bus.actor import Refused
from bus.errors import BusError
from market.symbols import BadTicker

STATUS: Final[dict[str, int]] = {
    "bad_argument": 400,
    "bad_body": 400,
    "bad_frame": 400,
    "bad_instant": 400,
    "bad_message": 400,
    "bad_settings": 400,
    "bad_subject": 400,
    "bad_ticker": 400,
    "invalid_settings": 400,
    "unknown_message": 400,
    "unauthorized": 401,
    "foreign_host": 403,
    "foreign_origin": 403,
    "no_data": 404,
    "not_found": 404,
    "not_tracked": 404,
    "unknown_symbol": 404,
    "unknown_verb": 404,
    "method_not_allowed": 405,
    "truncated": 410,
    "message_too_large": 413,
    "internal_error": 500,
    "not_ready": 503,
    "overloaded": 503,
    "storage_failed": 503,
    "unavailable": 503,
}
"""The status of each code; a refusal with any other code conflicts with the deck's state: 409."""

_CONFLICT = 409


class Failure(msgspec.Struct, frozen=True):
    """What went wrong: a stable code for programs, a message and its remedy for people."""

    code: str
    message: str
    remedy: str = ""

    @property
    def status(self) -> int:
        """The HTTP status of the code."""
        return STATUS.get(self.code, _CONFLICT)

    def body(self) -> dict[str, Any]:
        """The error shape."""
        return {"error": msgspec.to_builtins(self)}


def failure_of(error: Exception) -> Failure:
    """What an error means for the asker; one that nobody foresaw tells nothing of the inside."""
    if isinstance(error, Refused | BusError):
        return Failure(error.code, error.message, error.remedy)
    if isinstance(error, BadTicker):
        return Failure("bad_ticker", f"{error.text[:40]!r} is not a ticker", error.remedy)
    if isinstance(error, TimeoutError):
        return Failure("unavailable", "the deck did not answer in time", "try again")
    return Failure(
        "internal_error",
        "the gateway failed to do this",
        "its log names the reason: ./tapedeck log",
    )
