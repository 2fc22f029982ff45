"""What is spoken in the bus's own tests: a counter counts on command and doubles what it hears."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from bus.actor import Actor, Need, Refused
from bus.message import (
    Command,
    Contract,
    DeadLetter,
    Durability,
    Event,
    Fact,
    LetterReplayed,
    Message,
    Query,
    ReplayLetter,
)


class Counted(Event, frozen=True):
    """Something was counted."""

    stream: ClassVar[str] = "count.made"
    keyed_by: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    number: int


class Doubled(Event, frozen=True):
    """What was counted, times two: the counter's own word."""

    stream: ClassVar[str] = "count.doubled"
    keyed_by: ClassVar[tuple[str, ...]] = ("name",)
    durability: ClassVar[Durability] = "synced"

    name: str
    number: int


class Noted(Event, frozen=True):
    """A text of any length was noted."""

    stream: ClassVar[str] = "note.taken"
    keyed_by: ClassVar[tuple[str, ...]] = ("book", "page")

    book: str
    text: str
    page: str = ""


class Count(Command, frozen=True):
    """Have the counter count this, unless it has."""

    service: ClassVar[str] = "counter"

    name: str
    number: int


class Supply(Command, frozen=True):
    """Have the supplier see to it that a name is counted."""

    service: ClassVar[str] = "supplier"

    name: str


class Sum(Message, frozen=True):
    """A name's numbers together."""

    name: str
    number: int


class HowMuch(Query[Sum], frozen=True):
    """Ask for a name's sum; at least one number must be known, or the supplier is asked."""

    service: ClassVar[str] = "counter"
    reply: ClassVar[type[Sum]] = Sum

    name: str


CONTRACT = Contract(
    [Counted, Doubled, Noted, Count, Supply, HowMuch, DeadLetter, LetterReplayed, ReplayLetter]
)

NEED_SECONDS = 5.0


class Tally(msgspec.Struct, frozen=True):
    """What the counter knows: each number it heard, in order, and what it said."""

    counted: tuple[tuple[str, int], ...] = ()
    doubled: tuple[tuple[str, int], ...] = ()


def counter() -> Actor[Tally]:
    """A fresh counter; a test may add to it or leave it."""
    actor = Actor("counter", Tally)

    @actor.evolve(Counted)
    def count(tally: Tally, fact: Fact[Counted]) -> Tally:
        event = fact.event
        return Tally((*tally.counted, (event.name, event.number)), tally.doubled)

    @actor.evolve(Doubled)
    def note(tally: Tally, fact: Fact[Doubled]) -> Tally:
        event = fact.event
        return Tally(tally.counted, (*tally.doubled, (event.name, event.number)))

    @actor.react(Counted)
    def double(tally: Tally, fact: Fact[Counted]) -> list[Event]:
        return [Doubled(fact.event.name, fact.event.number * 2)]

    @actor.decide(Count)
    def decide(tally: Tally, command: Count, now_us: int) -> list[Event]:
        if command.number < 0:
            raise Refused("negative", f"{command.number} cannot be counted", "count upwards")
        known = (command.name, command.number) in tally.counted
        return [] if known else [Counted(command.name, command.number)]

    @actor.answer(HowMuch)
    def answer(tally: Tally, query: HowMuch, now_us: int) -> Sum | Need:
        numbers = [number for name, number in tally.counted if name == query.name]
        if not numbers:
            return Need(Supply(query.name), NEED_SECONDS, otherwise=Sum(query.name, -1))
        return Sum(query.name, sum(numbers))

    return actor


def fragile_counter() -> Actor[Tally]:
    """A counter that cannot take the number 13."""
    actor = counter()
    fold = actor.folds.pop(Counted).function

    @actor.evolve(Counted)
    def count(tally: Tally, fact: Fact[Counted]) -> Tally:
        if fact.event.number == 13:
            raise ValueError("unlucky")
        counted: Tally = fold(tally, fact)
        return counted

    return actor
