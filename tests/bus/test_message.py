"""A message class is its own contract."""

from __future__ import annotations

import types
from typing import ClassVar

import pytest

from bus.errors import BadMessage, BadSubject
from bus.message import BusStatus, Command, Contract, DeadLetter, Event, LetterReplayed
from tests.bus import words
from tests.bus.words import Count, Counted, Doubled, HowMuch, Noted, Supply


class Struck(Event, frozen=True):
    """A fact about nothing in particular."""

    stream: ClassVar[str] = "clock.struck"

    hour: int


@pytest.mark.parametrize(
    ("event", "subject"),
    [
        (Counted("A", 1), "count.made.A"),
        (Noted("diary", "x", page="7"), "note.taken.diary.7"),
        (Noted("diary", "x"), "note.taken.diary"),
        (Struck(12), "clock.struck.-"),
        (DeadLetter("counter", 4, "count.made.A", "why", 3), "letter.dead.counter"),
    ],
)
def test_an_event_knows_its_subject(event: Event, subject: str) -> None:
    assert event.subject == subject


def test_an_event_whose_key_breaks_the_grammar_has_no_subject() -> None:
    with pytest.raises(BadSubject):
        _ = Counted("A.B", 1).subject


def test_messages_cannot_be_changed() -> None:
    event = Counted("A", 1)
    with pytest.raises(AttributeError):
        event.number = 2  # type: ignore[misc]
    assert event == Counted("A", 1)


def test_a_contract_collects_what_a_module_defines_and_not_what_it_imports() -> None:
    contract = Contract.of(words)

    assert set(contract.events) == {
        *(kind.stream for kind in (Counted, Doubled, Noted)),
        DeadLetter.stream,
        LetterReplayed.stream,
    }
    assert set(contract.commands) == {"Count", "Supply", "ReplayLetter"}
    assert set(contract.queries) == {"HowMuch", "BusStatus"}


def test_two_events_of_one_stream_are_refused() -> None:
    class AlsoCounted(Event, frozen=True):
        stream: ClassVar[str] = "count.made"

    with pytest.raises(ValueError, match="said by both Counted and AlsoCounted"):
        Contract([Counted, AlsoCounted])


def test_two_commands_of_one_name_are_refused() -> None:
    def another() -> type[Command]:
        class Count(Command, frozen=True):
            service: ClassVar[str] = "other"

        return Count

    with pytest.raises(ValueError, match="said by both Count and Count"):
        Contract([Count, another()])


def test_a_request_is_found_by_its_name_and_an_unknown_one_is_told() -> None:
    contract = Contract.of(words)

    found = [contract.request(name) for name in ("Count", "Supply", "HowMuch", "BusStatus")]
    assert found == [Count, Supply, HowMuch, BusStatus]
    with pytest.raises(BadMessage, match="'Counted' is neither a command nor a query"):
        contract.request("Counted")


def test_an_empty_module_gives_a_contract_of_the_buss_own_messages() -> None:
    contract = Contract.of(types.ModuleType("empty"))

    assert set(contract.events) == {DeadLetter.stream, LetterReplayed.stream}
    assert (set(contract.commands), set(contract.queries)) == ({"ReplayLetter"}, {"BusStatus"})
