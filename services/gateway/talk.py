"""A talk is what a verb does: a generator that asks for one thing after another, then answers.

Talks are pure, so that a test holds one by hand; the event loop and the control socket each hold
them in their own way.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeAlias

import msgspec

from bus.message import Command, Query
from services.gateway.deck import Deck


class ReadTape(msgspec.Struct, frozen=True):
    """Asks for the records of these seqs: a list of `Record`, without those not on the tape."""

    seqs: tuple[int, ...]


class ReadKept(msgspec.Struct, frozen=True):
    """Asks for the raw answers whose hash begins so: a tuple of `Kept`."""

    beginning: str


class AskTime(msgspec.Struct, frozen=True):
    """Asks what time it is, in microseconds UTC."""


class Answered(msgspec.Struct, frozen=True):
    """The talk is over, and this is its answer."""

    answer: Any


Here: TypeAlias = ReadTape | ReadKept | AskTime
Request: TypeAlias = Command | Query[Any] | Here
Talk: TypeAlias = Generator[Request, Any, msgspec.Struct]


def advance(talk: Talk, reply: Any = None, error: Exception | None = None) -> Request | Answered:
    """Give the talk what it asked for (None to begin), or the error; get what it asks next."""
    try:
        return talk.throw(error) if error else talk.send(reply)
    except StopIteration as end:
        return Answered(end.value)


def reply_here(deck: Deck, request: Here) -> Any:
    """The reply to what no service is needed for; blocks for milliseconds."""
    if isinstance(request, ReadTape):
        return deck.tape().get(request.seqs)
    if isinstance(request, ReadKept):
        return deck.kept(request.beginning)
    return time.time_ns() // 1_000
