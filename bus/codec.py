"""The wire format. Everything is MessagePack.

A body is a map by field name, whatever the transport.

Live, on the tape socket (SUB; the prefix is the subject), one frame: ``subject NUL [header, body]``
with header = {"seq", "prev", "at", "by", "heard", "v"}.

``seq`` orders the tape, ``prev`` is the last seq of the same subject (0: none), ``at`` microseconds
UTC, ``by`` the producer, ``heard`` how far it had heard when it spoke, ``v`` the version of the
body. A body over 64 KiB is nil and is read from the tape. A heartbeat is a frame of subject
``bus.heartbeat.-`` with header {"tape", "head", "at", "degraded"} and no body; it is not on the
tape.

Between a client and the broker (DEALER to ROUTER), one frame: an array that begins with the frame's
name; the classes below give its fields in order. Turns that were said together travel together, as
``["several", [frame, …]]``, and so do their answers. Frames are numbered by nothing: a lost one is
sent again, and an append that comes twice is answered twice and kept once, by the producer's
``mark``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from bus.errors import BadMessage, MessageTooLarge
from bus.message import Command, Contract, Counters, Durability, Event, Fact, Message, Query

BODY_BYTES_MAX = 1 << 20
"""One message."""
TURN_BYTES_MAX = 8 << 20
"""All events of one turn: they are one frame and one transaction."""
TURN_EVENTS_MAX = 2_048
FRAME_BYTES_MAX = TURN_BYTES_MAX + (512 << 10)
"""A turn, with the subjects of its events and what msgpack puts around them."""
DRAFT_BYTES_MAX = 135
"""Of an event in a turn, beside its body."""
LIVE_BODY_BYTES_MAX = 64 << 10
"""A larger body goes live as a header only."""

PACKED_MAX = 256
"""Turns, or answers to them, in one message."""
PACKED_BYTES_MAX = 64 << 10
"""Turns that travel together; a larger one travels alone."""

HEARTBEAT_SUBJECT = "bus.heartbeat.-"

T = TypeVar("T")

Whole = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]
"""A number that a column of the tape can hold: a peer may write 64 bits without a sign."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


class Record(NamedTuple):
    """A row of the tape: an event that is not decoded.

    ``heard`` is its producer's mark when it spoke.
    """

    seq: int
    subject: str
    at_us: int
    prev: int
    producer: str
    heard: int
    version: int
    body: bytes


record_of = tuple.__new__
"""Makes a `Record` of a row as `Record._make` does, without its own Python around it (0.08 us)."""


class Header(msgspec.Struct, frozen=True, gc=False):
    """What a live frame says beside the body."""

    seq: int
    prev: int
    at: int
    by: str
    heard: int
    v: int


class Heartbeat(msgspec.Struct, frozen=True):
    """Where the tape stands, said each second: a listener that is behind reads the tape."""

    tape: str
    head: int
    at: int
    degraded: str = ""


class _Frame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    pass


class Hello(_Frame, frozen=True, tag="hello"):
    """A client is here (said each heartbeat).

    Epoch 0 asks for a new one, which fences older processes. ``began_us`` tells which is older, by
    the machine's own count, which all its processes share.
    """

    service: Name
    epoch: Whole
    heard: Whole
    ready: bool
    pid: Whole
    counters: Counters = Counters()
    began_us: Whole = 0


class Bye(_Frame, frozen=True, tag="bye"):
    """A service ends; it is absent from here on."""

    service: Name
    epoch: Whole


class Welcome(_Frame, frozen=True, tag="welcome"):
    """The answer to `Hello`.

    The epoch to speak under, the mark kept for it, and where the tape stands.
    """

    epoch: Whole
    mark: Whole
    tape: str
    head: Whole
    at_us: Whole


class Draft(msgspec.Struct, frozen=True, array_like=True):
    """An event to be appended; with ``expected`` only if that is its subject's last seq."""

    subject: str
    version: Whole
    body: msgspec.Raw
    expected: Whole | None = None


class Append(_Frame, frozen=True, tag="append"):
    """One turn: all drafts or none, and the producer's mark moved from ``after`` to ``mark``."""

    producer: Name
    epoch: Whole
    after: Whole
    mark: Whole
    durability: Durability
    drafts: tuple[Draft, ...]


class Appended(_Frame, frozen=True, tag="appended"):
    """The turn is on the tape.

    First and last are 0 for a repeated turn older than the producer's last one.
    """

    mark: Whole
    first: Whole
    last: Whole
    at_us: Whole
    durability: Durability


class AppendRefused(_Frame, frozen=True, tag="refused"):
    """Nothing of the turn is on the tape.

    ``gap``: an earlier turn is missing, ``actual`` is the mark kept.
    """

    mark: Whole
    code: str
    message: str
    remedy: str
    actual: Whole


class Several(_Frame, frozen=True, tag="several"):
    """Turns, or their answers, in one message: what a message costs is paid once for all."""

    frames: Annotated[
        tuple[Append | Appended | AppendRefused, ...], msgspec.Meta(max_length=PACKED_MAX)
    ]


class Request(_Frame, frozen=True, tag="request"):
    """A command or query for a service; ``origin`` is the asker, filled in by the broker."""

    id: Whole
    service: Name
    name: str
    body: msgspec.Raw
    deadline_us: Whole
    origin: bytes = b""


class Reply(_Frame, frozen=True, tag="reply"):
    """The answer to a request; with a ``code`` it is a refusal."""

    id: Whole
    origin: bytes
    body: msgspec.Raw
    code: str = ""
    message: str = ""
    remedy: str = ""


Frame = Hello | Bye | Welcome | Append | Appended | AppendRefused | Request | Reply

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that are not what they should be."""
_NIL_BYTES = msgspec.msgpack.encode(None)
NIL = msgspec.Raw(_NIL_BYTES)

_encoder = msgspec.msgpack.Encoder()
_frames: msgspec.msgpack.Decoder[Frame | Several] = msgspec.msgpack.Decoder(Frame | Several)
_live: msgspec.msgpack.Decoder[tuple[Header, msgspec.Raw]] = msgspec.msgpack.Decoder(
    tuple[Header, msgspec.Raw]
)
_beat: msgspec.msgpack.Decoder[tuple[Heartbeat, None]] = msgspec.msgpack.Decoder(
    tuple[Heartbeat, None]
)


def encode_frame(frame: Frame) -> bytes:
    """The bytes of a frame between client and broker."""
    return _encoder.encode(frame)


def encode_frames(frames: Sequence[Append | Appended | AppendRefused]) -> bytes:
    """One message of one frame or more; at most `PACKED_MAX` of them, which the caller keeps to."""
    return _encoder.encode(frames[0] if len(frames) == 1 else Several(tuple(frames)))


def decode_frames(data: bytes) -> Sequence[Frame]:
    """The frames of a message, in the order they were said, or `BadMessage`."""
    try:
        frame = _frames.decode(data)
        return frame.frames if isinstance(frame, Several) else (frame,)
    except _UNREADABLE as error:
        raise BadMessage(f"{len(data)} bytes are no frame of this protocol ({error})") from error


def check_frame(data: bytes) -> None:
    """Raise `MessageTooLarge` for a frame that no transport carries."""
    if len(data) > FRAME_BYTES_MAX:
        raise MessageTooLarge(
            f"a frame has {len(data)} bytes", f"split it: a frame holds {FRAME_BYTES_MAX} bytes"
        )


def check_turn(producer: str, drafts: Sequence[Draft]) -> int:
    """The bytes of a turn, at most; raises `MessageTooLarge` for one that no tape takes."""
    sizes = [len(draft.body) for draft in drafts]
    if max(sizes, default=0) > BODY_BYTES_MAX or sum(sizes) > TURN_BYTES_MAX:
        raise MessageTooLarge(
            f"{producer} appends {sum(sizes)} bytes in a turn, {max(sizes)} in one event",
            f"split it: {BODY_BYTES_MAX} bytes an event, {TURN_BYTES_MAX} a turn",
        )
    if not 0 < len(sizes) <= TURN_EVENTS_MAX:
        raise MessageTooLarge(f"a turn of {len(sizes)} events", f"say 1 to {TURN_EVENTS_MAX}")
    return sum(sizes) + DRAFT_BYTES_MAX * len(sizes)


def encode_live(record: Record) -> bytes:
    """The live frame of a record; a large body is left out."""
    seq, subject, at_us, prev, producer, heard, version, body = record
    return b"".join(
        (
            subject.encode(),
            b"\0\x92\x86\xa3seq",
            _encoder.encode(seq),
            b"\xa4prev",
            _encoder.encode(prev),
            _rest_of_header(at_us, producer, heard, version),
            body if len(body) <= LIVE_BODY_BYTES_MAX else _NIL_BYTES,
        )
    )


@lru_cache(maxsize=256)
def _rest_of_header(at_us: int, producer: str, heard: int, version: int) -> bytes:
    """What the headers of one turn have in common; encoding it once took 0.3 us off an event."""
    return _encoder.encode({"at": at_us, "by": producer, "heard": heard, "v": version})[1:]


def decode_live(data: bytes) -> Record | Header | Heartbeat:
    """The record of a live frame, its header alone where the body is only on the tape, a heartbeat.

    Raises `BadMessage` for anything else.
    """
    try:
        subject, _, rest = data.partition(b"\0")
        if subject == _HEARTBEAT_BYTES:
            return _beat.decode(rest)[0]
        header, raw = _live.decode(rest)
        body = bytes(raw)
        if body == _NIL_BYTES:
            return header
        seq, prev, at_us = header.seq, header.prev, header.at
        row = (seq, subject.decode(), at_us, prev, header.by, header.heard, header.v, body)
        return record_of(Record, row)
    except _UNREADABLE as error:
        raise BadMessage(f"{len(data)} bytes are no live frame ({error})") from error


def encode_heartbeat(beat: Heartbeat) -> bytes:
    """The live frame of a heartbeat."""
    return _HEARTBEAT_BYTES + b"\0" + _encoder.encode((beat, None))


def checksum(record: Record) -> int:
    """CRC-32 over everything in the row, so that a flipped bit anywhere in it is found."""
    return zlib.crc32(_encoder.encode(record[:-1]) + record.body)


class _Reading(NamedTuple):
    """How the bodies of a subject become events: looked up once for each subject."""

    kind: type[Event]
    version: int
    decode: Callable[[bytes], Any]


class Codec:
    """Turns the contract's messages into bodies and back.

    The only place where a type meets bytes.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._decoders: dict[type, msgspec.msgpack.Decoder[Any]] = {}
        self.knows = lru_cache(maxsize=65_536)(self._known)
        """The event class of a subject's stream, None for a stream outside the contract."""
        self._reading = lru_cache(maxsize=65_536)(self._reading_of)

    def body(self, message: Message) -> bytes:
        """The body of a message; raises `BadMessage`, and `MessageTooLarge` beyond 1 MiB."""
        name = type(message).__name__
        try:
            data = _encoder.encode(message)
        except (OverflowError, TypeError, UnicodeEncodeError) as error:
            raise BadMessage(f"{name} holds what cannot be written ({error})") from error
        if len(data) > BODY_BYTES_MAX:
            raise MessageTooLarge(
                f"{name} has {len(data)} bytes", f"split it: a message holds {BODY_BYTES_MAX} bytes"
            )
        return data

    def draft(self, event: Event, expected: int | None = None) -> Draft:
        """The event ready to be appended."""
        return Draft(event.subject, event.version, msgspec.Raw(self.body(event)), expected)

    def _known(self, subject: str) -> type[Event] | None:
        return self._contract.events.get(subject[: subject.find(".", subject.find(".") + 1)])

    def _reading_of(self, subject: str) -> _Reading | None:
        kind = self.knows(subject)
        return _Reading(kind, kind.version, self._decoder(kind).decode) if kind else None

    def fact(self, record: Record) -> Fact[Any]:
        """The record as a fact, brought up to the present version; raises `BadMessage`."""
        seq, subject, at_us, _, _, _, version, body = record
        reading = self._reading(subject)
        if reading is None:
            raise BadMessage(f"{subject} (seq {seq}) is of no stream of this deck")
        if version != reading.version:
            body = self._brought_up(reading.kind, record)
        try:
            return Fact(seq, at_us, reading.decode(body))
        except _UNREADABLE as error:
            raise BadMessage(f"{reading.kind.__name__}: {error}") from error

    def request(self, name: str, body: bytes | msgspec.Raw) -> Command | Query[Any]:
        """The command or query of a request; raises `BadMessage`."""
        return self.decode(self._contract.request(name), body)

    def decode(self, kind: type[T], body: bytes | msgspec.Raw) -> T:
        """A validated value of the class; raises `BadMessage`."""
        try:
            return self._decoder(kind).decode(body)
        except _UNREADABLE as error:
            raise BadMessage(f"{kind.__name__}: {error}") from error

    def _decoder(self, kind: type[T]) -> msgspec.msgpack.Decoder[T]:
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.msgpack.Decoder(kind)
        return decoder

    def _brought_up(self, kind: type[Event], record: Record) -> bytes:
        if record.version > kind.version:
            raise BadMessage(
                f"{record.subject} (seq {record.seq}) has version {record.version}, "
                f"this deck knows {kind.version}",
                "run the newer Tapedeck that wrote it",
            )
        return _encoder.encode(self._upcast(kind, record))

    def _upcast(self, kind: type[Event], record: Record) -> dict[str, Any]:
        body = self.decode(dict[str, Any], record.body)
        try:
            for version in range(record.version, kind.version):
                body = self._contract.upcasters[kind.stream, version](body)
        except Exception as error:
            raise BadMessage(
                f"{record.subject} (seq {record.seq}) cannot be brought from version "
                f"{record.version} to {kind.version} ({error!r})"
            ) from error
        return body


_HEARTBEAT_BYTES = HEARTBEAT_SUBJECT.encode()
