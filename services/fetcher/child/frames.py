"""What the child is asked and answers: MessagePack in frames, four bytes of length before each."""

from __future__ import annotations

from typing import Literal

import msgspec

LENGTH_BYTES = 4
FRAME_BYTES_MAX = 16 * 1024 * 1024

Library = Literal["charts", "calendar"]


class Load(msgspec.Struct, frozen=True, tag="load"):
    """Load a library now, so that the next question's time is its own."""

    library: Library


class AskChart(msgspec.Struct, frozen=True, tag="chart"):
    """The bars of a symbol, in Yahoo's words; the child gives up by itself after ``seconds``."""

    symbol: str
    period: str
    interval: Literal["1d", "1h"]
    seconds: float


class AskSessions(msgspec.Struct, frozen=True, tag="sessions"):
    """The sessions of an exchange between two ISO dates, both included."""

    exchange: str
    first: str
    last: str


Request = Load | AskChart | AskSessions


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    """The library is there."""


class Chart(msgspec.Struct, frozen=True, tag="chart", kw_only=True):
    """A chart as yfinance has cleaned it; numbers that are none are NaN.

    ``start_us`` is as `Bars` has it; ``splits`` is 0 where there is none. The last price is that of
    the chart's meta data.
    """

    symbol: str
    price: float | None
    market_time_us: int | None
    day_volume: float | None
    start_us: list[int]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]
    splits: list[float]
    dividends: list[float]
    answer_hash: str


class SessionTable(msgspec.Struct, frozen=True, tag="sessions"):
    """The sessions, in columns."""

    date: list[str]
    open_us: list[int]
    close_us: list[int]


class Failed(msgspec.Struct, frozen=True, tag="failed", kw_only=True):
    """The question was not answered: the names of the error's classes, most special first.

    ``status`` is Yahoo's HTTP status where there was one, else 0.
    """

    kinds: list[str]
    message: str
    status: int = 0
    answer_hash: str = ""


Answered = Loaded | Chart | SessionTable | Failed

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
