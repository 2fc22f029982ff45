"""What the child is asked and answers: MessagePack in frames, four bytes of length before each."""

from __future__ import annotations

from typing import Literal

import msgspec

LENGTH_BYTES = 4
FRAME_BYTES_MAX = 16 * 1024 * 1024

Library = Literal["browser", "calendar", "tables"]


class Load(msgspec.Struct, frozen=True, tag="load"):
    """Load a library now, so that the next question's time is its own."""

    library: Library


class AskPage(msgspec.Struct, frozen=True, tag="page"):
    """A page of the web, asked for once; the child gives up by itself after ``seconds``.

    With ``sent``, which is JSON, it is asked for by POST.
    """

    url: str
    params: dict[str, str]
    seconds: float
    sent: bytes = b""


class AskSessions(msgspec.Struct, frozen=True, tag="sessions"):
    """The sessions of an exchange between two ISO dates, both included."""

    exchange: str
    first: str
    last: str


class AskTable(msgspec.Struct, frozen=True, tag="table"):
    """The rows of a Parquet file's bytes, the first so many."""

    body: bytes
    rows_max: int


Request = Load | AskPage | AskSessions | AskTable


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    """The library is there."""


class Page(msgspec.Struct, frozen=True, tag="page"):
    """A whole answer of any status; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str


class SessionTable(msgspec.Struct, frozen=True, tag="sessions"):
    """The sessions, in columns."""

    date: list[str]
    open_us: list[int]
    close_us: list[int]


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A table as CSV."""

    body: bytes


class Failed(msgspec.Struct, frozen=True, tag="failed", kw_only=True):
    """The question was not answered: the names of the error's classes, most special first."""

    kinds: list[str]
    message: str


Answered = Loaded | Page | SessionTable | Text | Failed

decode_request = msgspec.msgpack.Decoder(Request).decode
decode_answer = msgspec.msgpack.Decoder(Answered).decode


def framed(message: Request | Answered) -> bytes:
    """The bytes of one frame."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def length_of(head: bytes) -> int:
    """The length that a frame's first bytes tell; ValueError beyond the bound."""
    length = int.from_bytes(head, "big")
    if length > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {length} bytes is larger than {FRAME_BYTES_MAX}")
    return length
