"""A talk is what a verb does: a generator that asks for one thing after another, then answers.

Talks are pure, so that a test holds one by hand; the event loop and the control socket each hold
them in their own way.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias

import msgspec

from bus.message import Command, Query
from services.gateway.deck import Deck


class ReadTape(msgspec.Struct, frozen=True):
    """Asks for the records of these seqs: a list of `Record`, without those not on the tape."""

    seqs: tuple[int, ...]


class ReadKept(msgspec.Struct, frozen=True):
    """Asks for the raw answers whose hash begins so: a tuple of `Kept`."""

    beginning: str


class Briefly(msgspec.Struct, frozen=True):
    """Asks a service, and waits no longer: whoever needs a part of the answer goes without it."""

    message: Query[Any]
    within_seconds: float = 1.0


class AskTime(msgspec.Struct, frozen=True):
    """Asks what time it is, in microseconds UTC."""


class Answered(msgspec.Struct, frozen=True):
    """The talk is over, and this is its answer."""

    answer: Any


class Asking(NamedTuple):
    """A message to a service, and for how many seconds its answer is waited for."""

    message: Command | Query[Any]
    within_seconds: float


Here: TypeAlias = ReadTape | ReadKept | AskTime
Request: TypeAlias = Command | Query[Any] | Briefly | Here
Talk: TypeAlias = Generator[Request, Any, msgspec.Struct]


def advance(talk: Talk, reply: Any = None, error: Exception | None = None) -> Request | Answered:
    """Give the talk what it asked for (None to begin), or the error; get what it asks next."""
    try:
        return talk.throw(error) if error else talk.send(reply)
    except StopIteration as end:
        return Answered(end.value)


def patience(request: Command | Query[Any] | Briefly, left_seconds: float) -> Asking:
    """What is asked of the deck, and how long that may take."""
    if isinstance(request, Briefly):
        return Asking(request.message, min(left_seconds, request.within_seconds))
    return Asking(request, left_seconds)


def reply_here(deck: Deck, request: Here) -> Any:
    """The reply to what no service is needed for; blocks for milliseconds."""
    if isinstance(request, ReadTape):
        return deck.tape().get(request.seqs)
    if isinstance(request, ReadKept):
        return deck.kept(request.beginning)
    return time.time_ns() // 1_000
