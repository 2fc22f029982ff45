"""What all of them carry: the quote of a share, 212 bytes as a MessagePack map."""

from __future__ import annotations

import msgspec

from bus.codec import Codec, Draft
from market.messages import CONTRACT
from market.messages.fetcher import Quote

BODY_BYTES = 212
TICKERS = 500
_HASH = "5b1f" * 10

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Quote).decode


def quote(number: int, at_us: int | None = None) -> Quote:
    """The quote of a number; ``at_us`` is the instant it is said, where delays are measured."""
    cents = number % 977
    return Quote(
        f"T{number % TICKERS:03d}",
        190.25 + cents / 100,
        "finnhub",
        (1 << 50) + number if at_us is None else at_us,
        open=189.5,
        high=199.75,
        low=188.25,
        previous_close=189.125,
        volume=51_234_567.0 + number,
        answer_hash=_HASH,
    )


def body(number: int, at_us: int | None = None) -> bytes:
    """The bytes that a peer carries: the same as our event's body."""
    return _encode(quote(number, at_us))


def said_us(data: bytes) -> int:
    """When the quote in these bytes was said; validates it as a consumer of ours does."""
    return _decode(data).market_time_us


def drafts(count: int) -> list[Draft]:
    """Our events, ready to be appended.

    Bodies are made before the clock starts, for everybody: the bus is measured, not the encoder.
    """
    codec = Codec(CONTRACT)
    return [codec.draft(quote(number)) for number in range(count)]


def bodies(count: int) -> list[tuple[str, bytes]]:
    """The peers' messages, ready to be sent: subject and body."""
    return [(subject(number), body(number)) for number in range(count)]


def subject(number: int) -> str:
    """The subject of a quote, the same for everybody."""
    return quote(number).subject
