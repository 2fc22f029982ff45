"""What whoever reads a tape may rely on, whatever the tape is made of; tests to inherit."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.message import Event, Fact
from bus.ports import TapeReading
from tests.bus.rig import CODEC
from tests.bus.words import Counted, Doubled, Noted

TIMES_US = (10, 10, 20, 20, 20, 35, 40)
EVENTS: tuple[Event, ...] = (
    Counted("A", 1),
    Counted("B", 2),
    Noted("diary", "x" * 70_000),
    Doubled("A", 2),
    Counted("A", 3),
    Noted("diary", "", page="2"),
    Counted("B", 4),
)
FACTS: list[Fact[Any]] = [
    Fact(seq, at_us, event)
    for seq, (at_us, event) in enumerate(zip(TIMES_US, EVENTS, strict=True), 1)
]

_quick = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


class TapeReadingConformance:
    """Inherit, and give a fixture ``tape`` that holds the facts, and one, ``empty_tape``."""

    @_quick
    @given(after=st.integers(0, 9), limit=st.integers(1, 9))
    def test_a_page_holds_what_follows_in_order_and_no_more_than_asked_for(
        self, tape: TapeReading, after: int, limit: int
    ) -> None:
        page = [CODEC.fact(record) for record in tape.read(after, limit)]

        assert page == FACTS[after : after + limit]

    @_quick
    @given(seqs=st.lists(st.integers(-1, 12), unique=True, max_size=8))
    def test_single_records_come_in_order_and_without_those_that_are_not_there(
        self, tape: TapeReading, seqs: list[int]
    ) -> None:
        found = [CODEC.fact(record) for record in tape.get(seqs)]

        assert found == [fact for fact in FACTS if fact.seq in seqs]

    @_quick
    @given(at_us=st.integers(0, 50))
    def test_an_instant_is_the_last_seq_at_or_before_it(
        self, tape: TapeReading, at_us: int
    ) -> None:
        assert tape.seq_at(at_us) == sum(time <= at_us for time in TIMES_US)

    def test_first_and_head_are_the_first_and_the_last_seq(self, tape: TapeReading) -> None:
        assert (tape.first(), tape.head()) == (1, len(FACTS))

    def test_from_the_last_of_a_subject_links_lead_back_through_all_of_it(
        self, tape: TapeReading
    ) -> None:
        for subject in {fact.event.subject for fact in FACTS}:
            led, seq = list[int](), tape.last(subject)
            while seq:
                led.append(seq)
                [record] = tape.get([seq])
                seq = record.prev

            assert led[::-1] == [fact.seq for fact in FACTS if fact.event.subject == subject]

    def test_a_subject_that_nothing_was_said_of_has_no_last(self, tape: TapeReading) -> None:
        assert (tape.last("count.made"), tape.last("count.made.C")) == (0, 0)

    def test_an_empty_tape_has_nothing(self, empty_tape: TapeReading) -> None:
        assert (empty_tape.read(0, 5), empty_tape.get([1])) == ([], [])
        assert (empty_tape.head(), empty_tape.seq_at(50), empty_tape.last("a.b.c")) == (0, 0, 0)
        assert empty_tape.first() == 1
