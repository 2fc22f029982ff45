"""The oracle finds each broken promise, and nothing on a tape that keeps them all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from bus.codec import Draft, Record, checksum
from bus.message import Event
from tests.torture.journal import BEFORE, JOINED, Row
from tests.torture.oracle import Oracle
from tests.torture.words import CODEC, Echoed, Noted, turn_of

SAID: dict[str, Callable[[int], tuple[Draft, ...]]] = {"P": partial(turn_of, "P")}


def on_tape(producer: str, mark: int, *drafts: Draft) -> list[Record]:
    return [
        Record(0, draft.subject, 0, 0, producer, mark, draft.version, bytes(draft.body))
        for draft in drafts
    ]


def by_echo(*events: Event) -> list[Record]:
    return on_tape("echo", 0, *map(CODEC.draft, events))


def tape() -> list[Record]:
    """Two turns of two and three quotes, a word on each, and two notes."""
    records = [
        *on_tape("P", 1, *turn_of("P", 1)),
        *on_tape("P", 2, *turn_of("P", 2)),
        *by_echo(Noted(1), *[Echoed("P0", of) for of in range(1, 6)], Noted(2)),
    ]
    return numbered(records)


def numbered(records: list[Record]) -> list[Record]:
    return [record._replace(seq=seq) for seq, record in enumerate(records, 1)]


def findings(records: list[Record], **notes: list[Row]) -> set[str]:
    oracle = Oracle(SAID)
    oracle.look(records)
    oracle.finish()
    rows = [Row(record.seq, checksum(record)) for record in records]
    oracle.told("P", notes.get("told", [Row(1, 2), Row(2, 5)]))
    oracle.answered(notes.get("answered", [Row(1, 6), Row(2, 12)]))
    oracle.heard("listener", notes.get("heard", rows))
    oracle.seen("onlooker", notes.get("seen", rows[3:]))
    assert set(oracle.counts) == {finding.wrong for finding in oracle.findings}
    return set(oracle.counts)


def test_a_tape_that_keeps_every_promise_is_found_in_order() -> None:
    assert findings(tape()) == set()


@pytest.mark.parametrize(
    ("missing", "wrong"),
    [(0, "lost"), (4, "lost"), (5, "lost"), (6, "lost"), (10, "lost")],
)
def test_what_is_missing_on_the_tape_is_lost(missing: int, wrong: str) -> None:
    records = tape()
    del records[missing]

    assert wrong in findings(numbered(records))


@pytest.mark.parametrize("again", [0, 4, 5, 6, 11])
def test_what_is_twice_on_the_tape_is_doubled(again: int) -> None:
    assert "doubled" in findings(numbered([*tape(), tape()[again]]))


def test_a_hole_between_two_seqs_is_a_loss() -> None:
    records = tape()
    del records[4]

    assert "lost" in findings(records)


def test_another_body_than_was_said_is_silently_wrong() -> None:
    records = tape()
    records[2] = records[2]._replace(body=msgspec.msgpack.encode({"ticker": "P0"}))

    assert findings(records) == {"silently_wrong"}


@pytest.mark.parametrize(
    ("who", "rows", "wrong"),
    [
        pytest.param("told", [Row(1, 2), Row(3, 9)], "lost", id="acknowledged, not on the tape"),
        pytest.param("told", [Row(1, 1)], "silently_wrong", id="acknowledged at another seq"),
        pytest.param("told", [Row(2, 5), Row(2, 5)], "doubled", id="acknowledged twice"),
        pytest.param("answered", [Row(3, 12)], "lost", id="answered, not on the tape"),
        pytest.param("answered", [Row(2, 11)], "silently_wrong", id="answered too early"),
        pytest.param("seen", [Row(-4, -1)], "silently_wrong", id="seen before it was written"),
        pytest.param("seen", [Row(13, -1)], "silently_wrong", id="seen and never written"),
        pytest.param("seen", [Row(4, 7)], "silently_wrong", id="seen as another"),
        pytest.param("seen", [Row(4, -1), Row(4, -1)], "out_of_order", id="seen twice"),
    ],
)
def test_what_a_party_was_told_and_the_tape_does_not_bear_out_is_found(
    who: str, rows: list[Row], wrong: str
) -> None:
    assert findings(tape(), **{who: rows}) == {wrong}


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([Row(3, BEFORE), Row(4, JOINED), Row(5, -1), Row(6, -1)], set()),
        ([Row(3, BEFORE), Row(2, JOINED), Row(3, -1)], {"lost"}),
        ([Row(3, BEFORE), Row(4, JOINED), Row(6, -1)], {"lost"}),
        ([Row(3, BEFORE), Row(4, JOINED), Row(5, -1), Row(5, -1)], {"doubled"}),
        ([Row(3, BEFORE), Row(4, JOINED), Row(5, 7)], {"silently_wrong"}),
    ],
)
def test_a_joiner_must_hear_everything_from_the_head_on(rows: list[Row], wrong: set[str]) -> None:
    oracle = Oracle(SAID)
    oracle.look(tape())
    oracle.joined("joiner", rows)

    assert set(oracle.counts) == wrong


@pytest.mark.parametrize(
    ("order", "wrong"),
    [([1, 2, 2], "doubled"), ([1, 3], "lost"), ([1, 2], "lost"), ([1, 2, 13], "silently_wrong")],
)
def test_a_listener_must_have_every_record_once_and_in_order(order: list[int], wrong: str) -> None:
    assert wrong in findings(tape(), heard=[Row(seq, -1) for seq in order])
