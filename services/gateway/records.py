"""A record of the tape as the doors show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bus.codec import Codec, Record
from bus.errors import BadMessage
from market.messages import CONTRACT
from market.symbols import is_simulated
from services.gateway.answers import EventsAnswer, TapeEvent

BRIEF_BYTES_MAX = 16 << 10
"""Above quotes, readings and decisions (4 KiB), below a history: 500 bars have some 25 KiB."""

_CODEC = Codec(CONTRACT)


def shown(record: Record) -> TapeEvent:
    """The event with its fields by name, brought up to the contract's present version."""
    return TapeEvent(record.seq, record.at_us, record.subject, record.producer, _body(record))


def listed(records: Sequence[Record], next_seq: int, seq: int) -> EventsAnswer:
    """Events as a verb answers them, and whether anything in them is simulated."""
    events = tuple(map(shown, records))
    simulated = any(is_invented(event.subject, event.event) for event in events)
    return EventsAnswer(simulated, events, next_seq, seq)


def is_invented(subject: str, body: Mapping[str, Any] | None) -> bool:
    """Whether an event is simulated: its key bears the mark, or it says so itself."""
    return any(map(is_simulated, subject.split("."))) or bool((body or {}).get("simulated"))


def brief(record: Record) -> TapeEvent:
    """The same for the live stream: a large body is left out, and asked for when it is wanted."""
    if len(record.body) <= BRIEF_BYTES_MAX:
        return shown(record)
    return TapeEvent(record.seq, record.at_us, record.subject, record.producer, None)


def _body(record: Record) -> dict[str, Any] | None:
    try:
        body: dict[str, Any] = msgspec.to_builtins(_CODEC.fact(record).event)
    except BadMessage:
        return _raw_body(record)
    return body


def _raw_body(record: Record) -> dict[str, Any] | None:
    """What another deck wrote is shown as it lies there, if it is a map at all."""
    try:
        return msgspec.msgpack.decode(record.body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None
