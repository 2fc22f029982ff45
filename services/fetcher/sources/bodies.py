"""JSON bodies read into their shapes; whatever is wrong with one is a failure, never an error."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from services.fetcher.core.answers import Failure
from services.fetcher.raw import RawAnswer

T = TypeVar("T")

TEXT_MAX = 200
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What reading a hostile body may raise; a deep one exhausts the stack."""


def shaped(body: bytes, shape: type[T]) -> T | Failure:
    """The body in its shape; strict: a number that is written as a text is none."""
    try:
        return msgspec.json.decode(body, type=shape)
    except UNREADABLE as error:
        return Failure("invalid", str(error)[:TEXT_MAX] or type(error).__name__)


def not_json(raw: RawAnswer) -> Failure | None:
    """A page where JSON belongs is the provider's failure."""
    if raw.content_type == "application/json":
        return None
    return Failure("provider_error", f"{raw.content_type[:60] or 'nothing'} instead of JSON")
