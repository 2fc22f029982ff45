"""The wire: what is written is read back, by us and by a stranger's msgpack; garbage is refused."""

from __future__ import annotations

from typing import Any, ClassVar

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.codec import (
    BODY_BYTES_MAX,
    HEARTBEAT_SUBJECT,
    LIVE_BODY_BYTES_MAX,
    PACKED_MAX,
    TURN_EVENTS_MAX,
    Append,
    Appended,
    AppendRefused,
    Bye,
    Codec,
    Draft,
    Frame,
    Header,
    Heartbeat,
    Hello,
    Record,
    Reply,
    Request,
    Welcome,
    check_frame,
    check_turn,
    checksum,
    decode_frames,
    decode_live,
    encode_frame,
    encode_frames,
    encode_heartbeat,
    encode_live,
)
from bus.errors import BadMessage, MessageTooLarge
from bus.message import Contract, Counters, Event, Fact
from bus.subject import LENGTH_MAX
from tests.bus.rig import CODEC
from tests.bus.words import CONTRACT, Count, Counted, HowMuch, Noted

NUMBERS = st.integers(-(1 << 62), 1 << 62)
SEQS = st.integers(0, 1 << 53)
NAMES = st.text(min_size=1, max_size=20)
BODIES = st.dictionaries(
    NAMES, st.none() | st.integers(-9, 9) | st.floats() | st.text(), max_size=4
)
RAWS = BODIES.map(lambda body: msgspec.Raw(msgspec.msgpack.encode(body)))
SUBJECTS = st.from_regex(r"[a-z]{1,8}\.[a-z]{1,8}\.[A-Z]{1,5}(\.1d)?", fullmatch=True)
DRAFTS = st.builds(Draft, SUBJECTS, NUMBERS, RAWS, st.none() | NUMBERS)
COUNTERS = st.builds(Counters, *[st.integers(0, 1 << 62)] * 4)
DURABILITIES = st.sampled_from(["logged", "synced"])

PACKED: st.SearchStrategy[Append | Appended | AppendRefused] = st.one_of(
    st.builds(
        Append,
        NAMES,
        NUMBERS,
        NUMBERS,
        NUMBERS,
        DURABILITIES,
        st.lists(DRAFTS, max_size=3).map(tuple),
    ),
    st.builds(Appended, NUMBERS, NUMBERS, NUMBERS, NUMBERS, DURABILITIES),
    st.builds(AppendRefused, NUMBERS, NAMES, st.text(), st.text(), NUMBERS),
)
FRAMES: st.SearchStrategy[Frame] = st.one_of(
    PACKED,
    st.builds(Hello, NAMES, NUMBERS, NUMBERS, st.booleans(), NUMBERS, COUNTERS),
    st.builds(Bye, NAMES, NUMBERS),
    st.builds(Welcome, NUMBERS, NUMBERS, NAMES, NUMBERS, NUMBERS),
    st.builds(Request, NUMBERS, NAMES, NAMES, RAWS, NUMBERS, st.binary(max_size=9)),
    st.builds(Reply, NUMBERS, st.binary(max_size=9), RAWS, st.text(), st.text(), st.text()),
)

RECORDS = st.builds(
    Record,
    seq=SEQS,
    subject=SUBJECTS,
    at_us=SEQS,
    prev=SEQS,
    producer=NAMES,
    heard=st.integers(-1, 1 << 53),
    version=st.integers(1, 99),
    body=BODIES.map(msgspec.msgpack.encode),
)

RECORD = Record(7, "count.made.A", 1_000, 3, "counter", 6, 1, CODEC.body(Counted("A", 1)))


@given(FRAMES)
def test_a_frame_is_read_back_as_it_was_written(frame: Frame) -> None:
    assert decode_frames(encode_frame(frame)) == (frame,)


@given(st.lists(PACKED, min_size=1, max_size=5))
def test_frames_that_travel_together_are_read_back_in_their_order(
    frames: list[Append | Appended | AppendRefused],
) -> None:
    assert list(decode_frames(encode_frames(frames))) == frames


def test_more_frames_in_a_message_than_anybody_packs_are_no_message() -> None:
    frames = [Appended(1, 1, 1, 1, "logged")] * (PACKED_MAX + 1)

    assert refusal(decode_frames, encode_frames(frames)) is BadMessage


@given(FRAMES)
def test_strangers_read_a_frame_as_an_array_that_begins_with_its_name(frame: Frame) -> None:
    name, *fields = msgpack.unpackb(encode_frame(frame))

    assert name in {"hello", "bye", "welcome", "append", "appended", "refused", "request", "reply"}
    assert len(fields) == len(frame.__struct_fields__)


@given(FRAMES)
def test_we_read_what_strangers_write(frame: Frame) -> None:
    written: bytes = msgpack.packb(msgpack.unpackb(encode_frame(frame)))

    assert decode_frames(written) == (frame,)


@given(RECORDS)
def test_a_live_frame_gives_the_record_of_the_tape(record: Record) -> None:
    assert decode_live(encode_live(record)) == record


@given(RECORDS)
def test_strangers_split_a_live_frame_at_its_nul_and_unpack_one_array(record: Record) -> None:
    subject, _, rest = encode_live(record).partition(b"\0")
    header, body = msgpack.unpackb(rest)

    assert subject.decode() == record.subject
    assert header == {
        "seq": record.seq,
        "prev": record.prev,
        "at": record.at_us,
        "by": record.producer,
        "heard": record.heard,
        "v": record.version,
    }
    assert msgpack.packb(body) == msgpack.packb(msgpack.unpackb(record.body))


def test_a_body_beyond_64_kib_goes_live_as_its_header_alone() -> None:
    long = msgspec.msgpack.encode("x" * LIVE_BODY_BYTES_MAX)
    frame = encode_live(RECORD._replace(body=long))

    assert decode_live(frame) == Header(seq=7, prev=3, at=1_000, by="counter", heard=6, v=1)
    assert msgpack.unpackb(frame.partition(b"\0")[2])[1] is None


def test_a_heartbeat_is_a_live_frame_of_its_own_subject() -> None:
    frame = encode_heartbeat(Heartbeat("t", 12, 99, "disk full"))
    subject, _, rest = frame.partition(b"\0")

    assert decode_live(frame) == Heartbeat("t", 12, 99, "disk full")
    assert subject.decode() == HEARTBEAT_SUBJECT
    assert msgpack.unpackb(rest) == [
        {"tape": "t", "head": 12, "at": 99, "degraded": "disk full"},
        None,
    ]


@given(st.binary(max_size=200) | RECORDS.map(encode_live) | FRAMES.map(encode_frame), st.data())
def test_garbage_is_refused_as_a_bad_message_and_as_nothing_else(
    data: bytes, choices: st.DataObject
) -> None:
    spoilt = bytearray(data)
    for _ in range(choices.draw(st.integers(0, 3))):
        place = choices.draw(st.integers(0, max(0, len(spoilt) - 1)))
        spoilt[place : place + 1] = choices.draw(st.binary(max_size=4))
    assert {refusal(decode, bytes(spoilt)) for decode in (decode_frames, decode_live)} <= {
        None,
        BadMessage,
    }


FORGED = [
    b"",
    b"\0",
    b"\xc1",
    b"\x91" * 100_000,
    b"a.b.c\0" + b"\x91" * 100_000,
    b"a.b.c\0\x92" + b"\x81" * 100_000,
    b"\xdd\xff\xff\xff\xff",
    b"\x92\xa5hello\xa2\xff\xff",
    b"\xff\xfe.b.c\0\x92\x80\xc0",
    msgpack.packb(["hello", "svc", 1 << 63, 0, True, 1]),
    msgpack.packb(["hello", "", 0, 0, True, 1]),
    msgpack.packb(["hello", "x" * 200, 0, 0, True, 1]),
    msgpack.packb(["append", "svc", 1, 0, (1 << 64) - 1, "logged", []]),
    msgpack.packb(["append", "svc", 1, 0, 1, "written", []]),
    msgpack.packb(["append", "svc", 1, 0, 1, "logged", [["a.b.c", 1 << 63, {}]]]),
    msgpack.packb(["goodbye", "svc", 1]),
    msgpack.packb(["hello", "svc", 0, 0, True, 1, None]),
    msgpack.packb(["hello", "svc", 0, 0, True, 1, {"gaps": -1}]),
    msgpack.packb(["hello", "svc", 0, 0, True, 1, {"gaps": 1 << 63}]),
    msgpack.packb(["hello", "svc", 0, 0, True, 1, {"gaps": "many"}]),
    msgpack.packb({"hello": "svc"}),
]


@pytest.mark.guarantee("strangers")
@pytest.mark.parametrize("data", FORGED, ids=map(str, range(len(FORGED))))
def test_what_a_stranger_may_send_is_refused(data: bytes) -> None:
    assert [refusal(decode, data) for decode in (decode_frames, decode_live)] == [BadMessage] * 2


@pytest.mark.guarantee("bit-rot")
@given(RECORDS, st.integers(0, 7), st.data())
def test_the_checksum_covers_every_column(
    record: Record, column: int, choices: st.DataObject
) -> None:
    other: Any = choices.draw(RECORDS)[column]
    changed = record._replace(**{Record._fields[column]: other})

    assert (checksum(changed) == checksum(record)) == (changed == record)


@given(RECORDS, st.data())
def test_one_flipped_bit_of_a_body_changes_the_checksum(
    record: Record, choices: st.DataObject
) -> None:
    place = choices.draw(st.integers(0, len(record.body) * 8 - 1))
    flipped = bytearray(record.body)
    flipped[place // 8] ^= 1 << place % 8

    assert checksum(record._replace(body=bytes(flipped))) != checksum(record)


def test_an_event_goes_to_a_draft_and_comes_back_as_a_fact() -> None:
    draft = CODEC.draft(Counted("A", 5), expected=3)

    assert (draft.subject, draft.version, draft.expected) == ("count.made.A", 1, 3)
    record = RECORD._replace(subject=draft.subject, body=bytes(draft.body))
    assert CODEC.fact(record) == Fact(7, 1_000, Counted("A", 5))


@given(st.text(), st.text(max_size=9))
def test_a_body_is_a_map_by_field_name_for_strangers(text: str, page: str) -> None:
    body = CODEC.body(Noted("diary", text, page))
    written: bytes = msgpack.packb({"page": page, "text": text, "book": "diary", "news": [1]})

    assert msgpack.unpackb(body) == {"book": "diary", "text": text, "page": page}
    assert CODEC.decode(Noted, written) == Noted("diary", text, page)


@given(st.binary(max_size=60))
def test_a_body_that_is_garbage_is_a_bad_message(body: bytes) -> None:
    assert refusal(lambda data: CODEC.decode(Counted, data), body) in (None, BadMessage)


def test_a_body_of_the_wrong_type_is_a_bad_message_that_names_the_field() -> None:
    with pytest.raises(BadMessage, match=r"Counted: .*number"):
        CODEC.decode(Counted, msgpack.packb({"name": "A", "number": "many"}))


def test_a_stream_outside_the_contract_is_known_to_be_unknown() -> None:
    assert CODEC.knows("count.made.A.1d") is Counted
    assert CODEC.knows("market.quote.NVDA") is None
    assert CODEC.knows("nonsense") is None
    with pytest.raises(BadMessage, match="is of no stream of this deck"):
        CODEC.fact(RECORD._replace(subject="market.quote.NVDA"))


def test_requests_are_decoded_by_their_name() -> None:
    assert CODEC.request("Count", CODEC.body(Count("A", 1))) == Count("A", 1)
    assert CODEC.request("HowMuch", CODEC.body(HowMuch("A"))) == HowMuch("A")
    with pytest.raises(BadMessage, match="'Erase'"):
        CODEC.request("Erase", b"\x80")


@pytest.mark.guarantee("back-pressure")
def test_a_body_may_have_a_mebibyte_and_not_a_byte_more() -> None:
    frame = len(CODEC.body(Noted("b", "x" * 70_000))) - 70_000
    largest = Noted("b", "x" * (BODY_BYTES_MAX - frame))

    assert len(CODEC.body(largest)) == BODY_BYTES_MAX
    with pytest.raises(MessageTooLarge, match="split it"):
        CODEC.body(Noted("b", largest.text + "x"))


def test_the_largest_turn_fits_into_a_frame() -> None:
    body = msgspec.Raw(msgspec.msgpack.encode(bytes(4_090)))
    subject = "a.b." + "C" * (LENGTH_MAX - 4)
    drafts = (Draft(subject, 1 << 62, body, 1 << 62),) * TURN_EVENTS_MAX
    check_turn("p" * 120, drafts)
    frame = encode_frame(Append("p" * 120, 1 << 62, 1 << 62, 1 << 62, "synced", drafts))

    check_frame(frame)
    assert len(frame) > 8 << 20


class CountedThrice(Event, frozen=True):
    """The third version of a count: it has a unit, and its number is called amount."""

    stream: ClassVar[str] = "count.made"
    keyed_by: ClassVar[tuple[str, ...]] = ("name",)
    version: ClassVar[int] = 3

    name: str
    amount: int
    unit: str


def renamed(body: dict[str, Any]) -> dict[str, Any]:
    return {"name": body["name"], "amount": body["number"]}


def with_unit(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "unit": "pieces"}


NEWER = Codec(Contract([CountedThrice], {("count.made", 1): renamed, ("count.made", 2): with_unit}))


@pytest.mark.parametrize(
    ("version", "body"),
    [
        (1, {"name": "A", "number": 5}),
        (2, {"name": "A", "amount": 5}),
        (3, {"name": "A", "amount": 5, "unit": "pieces"}),
        (3, {"name": "A", "amount": 5, "unit": "pieces", "added_later": True}),
    ],
)
@pytest.mark.guarantee("upcasting")
def test_old_versions_are_brought_up_to_the_present_one(version: int, body: Any) -> None:
    record = RECORD._replace(version=version, body=msgpack.packb(body))

    assert NEWER.fact(record).event == CountedThrice("A", 5, "pieces")


@pytest.mark.guarantee("upcasting")
def test_a_version_from_the_future_is_refused_with_the_remedy() -> None:
    with pytest.raises(BadMessage, match="run the newer Tapedeck"):
        NEWER.fact(RECORD._replace(version=4))


@pytest.mark.parametrize("body", [{"name": "A"}, [], {"name": "A", "number": "many"}])
@pytest.mark.guarantee("upcasting")
def test_an_old_body_that_cannot_be_brought_up_is_a_bad_message(body: Any) -> None:
    with pytest.raises(BadMessage):
        NEWER.fact(RECORD._replace(version=1, body=msgpack.packb(body)))


@pytest.mark.guarantee("upcasting")
def test_a_version_without_its_upcaster_is_a_bad_message() -> None:
    codec = Codec(Contract([CountedThrice]))

    with pytest.raises(BadMessage, match="from version 1 to 3"):
        codec.fact(RECORD)


def test_the_contract_of_the_tests_speaks_of_all_its_words() -> None:
    own = {"count.made", "count.doubled", "note.taken"}
    assert {*own, "letter.dead", "letter.replayed"} == set(CONTRACT.events)


def refusal(decode: Any, data: bytes) -> type[Exception] | None:
    """How the bytes are refused, None if they are not."""
    try:
        decode(data)
    except Exception as error:  # noqa: BLE001 - which one it is is the question
        return type(error)
    return None
