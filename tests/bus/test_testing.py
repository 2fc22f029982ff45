"""The test kit: past, message, outcome; it behaves as the runtime would."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as property_of
from hypothesis import strategies as st

from bus.actor import Effect, Refused, Tick
from bus.codec import Record
from bus.message import Event, Fact
from bus.ports import Saver
from bus.testing import FactTape, given, microseconds
from tests.bus.rig import CODEC
from tests.bus.words import (
    NEED_SECONDS,
    Count,
    Counted,
    Doubled,
    HowMuch,
    Noted,
    Sum,
    Supply,
    Tally,
    counter,
)

MONDAY_0930 = 1_767_605_400_000_000


class Errand(Effect, frozen=True):
    """Something to be done outside."""

    name: str


@pytest.mark.parametrize(
    ("instant", "at_us"),
    [
        ("09:30", MONDAY_0930),
        ("09:30:01", MONDAY_0930 + 1_000_000),
        ("2026-01-05T09:30", MONDAY_0930),
        ("2026-01-05T04:30-05:00", MONDAY_0930),
        (MONDAY_0930, MONDAY_0930),
    ],
)
def test_instants_are_read_as_utc(instant: str | int, at_us: int) -> None:
    assert microseconds(instant) == at_us


def test_the_past_is_known_and_nothing_is_said_about_it() -> None:
    deck = given(counter(), ("09:30", Counted("A", 1)), ("09:31", Doubled("A", 2)))

    assert deck.state == Tally((("A", 1),), (("A", 2),))
    assert (deck.said, deck.seq, deck.now_us) == ([], 2, microseconds("09:31"))


def test_facts_that_arrive_are_reacted_to_and_the_echo_is_heard() -> None:
    deck = given(counter())

    assert deck.hear(("09:30", Counted("A", 1)), ("09:30", Counted("B", 2))) == (
        Doubled("A", 2),
        Doubled("B", 4),
    )
    assert deck.state.doubled == (("A", 2), ("B", 4))
    assert [type(fact.event) for fact in deck.facts] == [Counted, Counted, Doubled, Doubled]


def test_time_never_goes_back() -> None:
    deck = given(counter(), ("09:31", Counted("A", 1)))
    deck.hear(("09:30", Counted("A", 2)))

    assert {fact.at_us for fact in deck.facts} == {microseconds("09:31")}


def test_a_command_says_its_events_and_what_they_bring_about() -> None:
    deck = given(counter())

    assert deck.tell("09:30", Count("A", 1)) == (Counted("A", 1), Doubled("A", 2))
    assert deck.tell("09:31", Count("A", 1)) == ()
    assert deck.said == [Counted("A", 1), Doubled("A", 2)]


def test_a_refusal_is_raised_and_changes_nothing() -> None:
    deck = given(counter())

    with pytest.raises(Refused, match="count upwards"):
        deck.tell("09:30", Count("A", -1))
    assert (deck.state, deck.facts) == (Tally(), [])


def test_equal_needs_are_sent_once_and_all_askers_are_answered() -> None:
    deck = given(counter())
    first, second = deck.ask("09:30", HowMuch("A")), deck.ask("09:31", HowMuch("A"))
    other = deck.ask("09:31", HowMuch("B"))
    assert deck.sent == [Supply("A"), Supply("B")]
    assert (first.reply, second.reply, other.reply) == (None, None, None)
    deck.hear(("09:31", Counted("A", 4)))

    assert (first.reply, second.reply, other.reply) == (Sum("A", 4), Sum("A", 4), None)


def test_an_asker_is_answered_otherwise_at_the_deadline_and_not_before() -> None:
    deck = given(counter())
    asked = deck.ask("09:30", HowMuch("A"))
    deck.tick(MONDAY_0930 + round(NEED_SECONDS * 1_000_000) - 1)
    assert asked.reply is None
    deck.tick(MONDAY_0930 + round(NEED_SECONDS * 1_000_000))

    assert asked.reply == Sum("A", -1)


def test_the_timer_is_asked_once_and_what_it_says_is_heard() -> None:
    actor = counter()
    actor.due(lambda tally, now_us: Tick((Counted("tick", 1), Errand("x")), now_us + 1))
    deck = given(actor)

    assert deck.tick("09:30").next_us == MONDAY_0930 + 1
    assert deck.said == [Counted("tick", 1), Doubled("tick", 2)]
    assert deck.effects == [Errand("x")]


def test_effects_are_performed_when_the_test_says_so_and_their_results_told() -> None:
    actor = counter()
    actor.due(lambda tally, now_us: Tick((Errand("A"),)))
    actor.perform(Errand)(lambda effect, ports: Count(effect.name, ports))
    deck = given(actor)
    deck.tick("09:30")

    assert deck.perform(7) == (Counted("A", 7), Doubled("A", 14))
    assert (deck.effects, deck.perform(7)) == ([], ())


def test_a_saver_is_asked_and_told_like_the_runtimes() -> None:
    saver = Noting()
    deck = given(counter(), ("09:30", Counted("A", 1)), saver=saver)
    deck.hear(("09:31", Counted("A", 2)))

    assert (saver.restored, saver.positions) == (["tape"], [1, 2, 3])
    assert deck.state.counted == (("A", 1), ("A", 2))


class Noting:
    """A saver that notes what it is told."""

    def __init__(self) -> None:
        self.restored: list[str] = []
        self.positions: list[int] = []

    def restore(self, tape_id: str) -> tuple[Tally, int]:
        self.restored.append(tape_id)
        return Tally(), 0

    def save(self, state: Tally, position: int) -> Tally:
        if not self.positions or self.positions[-1] != position:
            self.positions.append(position)
        return state

    def finish(self, state: Tally, position: int) -> None:
        raise AssertionError("a deck does not end")


def test_the_noting_saver_is_a_saver() -> None:
    saver: Saver[Tally] = Noting()

    assert saver.restore("t") == (Tally(), 0)


@property_of(st.lists(st.sampled_from("AB"), max_size=12), st.integers(0, 14), st.integers(1, 5))
def test_the_facts_of_a_deck_are_read_as_a_tape_would_be(
    names: list[str], after: int, limit: int
) -> None:
    events: list[Event] = [Counted(name, number) for number, name in enumerate(names)]
    facts: list[Fact[Any]] = [Fact(seq, 10 * seq, event) for seq, event in enumerate(events, 1)]
    tape = FactTape(facts, CODEC)

    assert [record.seq for record in tape.read(after, limit)] == [
        seq for seq in range(1, len(names) + 1) if seq > after
    ][:limit]
    assert [CODEC.fact(record) for record in tape.get([3, 1, 99])] == [
        fact for fact in facts if fact.seq in (1, 3)
    ]
    assert (tape.head(), tape.seq_at(10 * after + 5)) == (len(names), min(after, len(names)))


def test_a_record_of_a_deck_decodes_to_its_fact() -> None:
    [record] = FactTape([Fact(1, 10, Noted("b", "x"))], CODEC).read(0, 1)

    assert isinstance(record, Record)
    assert CODEC.fact(record) == Fact(1, 10, Noted("b", "x"))
