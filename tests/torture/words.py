"""What is said under torture: quotes by producers, and the words of an actor that echoes them.

A producer's turn is known by its number alone, so that the tape can be held against what must have
been said, byte for byte.
"""

from __future__ import annotations

import zlib
from typing import ClassVar

import msgspec

from bus.actor import Actor
from bus.codec import Codec, Draft
from bus.message import Command, Contract, DeadLetter, Durability, Event, Fact
from market.messages.fetcher import Quote


class Echoed(Event, frozen=True):
    """The quote at seq ``of`` was heard: said once for each."""

    stream: ClassVar[str] = "torture.echoed"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)

    ticker: str
    of: int


class Noted(Event, frozen=True):
    """A number was noted because somebody asked for it."""

    stream: ClassVar[str] = "torture.noted"
    durability: ClassVar[Durability] = "synced"

    number: int


class Padded(Event, frozen=True):
    """So many bytes, for whoever has too little to carry."""

    stream: ClassVar[str] = "torture.padded"
    keyed_by: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    number: int
    padding: str


class Note(Command, frozen=True):
    """Have the echo note the number, unless it has."""

    service: ClassVar[str] = "echo"

    number: int


CONTRACT = Contract([Quote, Echoed, Noted, Padded, Note, DeadLetter])
CODEC = Codec(CONTRACT)


class Account(msgspec.Struct, frozen=True):
    """What was heard on a subject: how much, and a digest of what, in which order."""

    count: int = 0
    digest: int = 0


class Heard(msgspec.Struct, frozen=True):
    """The echo's state; any fact lost, doubled, changed or moved makes it another one."""

    accounts: dict[str, Account] = {}
    noted: int = 0


def echo() -> Actor[Heard]:
    """Says one word for each quote, and notes each number it is told to once."""
    actor = Actor("echo", Heard)

    @actor.evolve(Quote, Echoed)
    def enter(heard: Heard, fact: Fact[Event]) -> Heard:
        subject = fact.event.subject
        account = heard.accounts.get(subject, Account())
        digest = zlib.crc32(msgspec.msgpack.encode((fact.seq, fact.event)), account.digest)
        entered = {**heard.accounts, subject: Account(account.count + 1, digest)}
        return Heard(entered, heard.noted)

    @actor.evolve(Noted)
    def note(heard: Heard, fact: Fact[Noted]) -> Heard:
        return Heard(heard.accounts, fact.event.number)

    @actor.react(Quote)
    def answer_back(heard: Heard, fact: Fact[Quote]) -> list[Event]:
        return [Echoed(fact.event.ticker, fact.seq)]

    @actor.decide(Note)
    def decide(heard: Heard, command: Note, now_us: int) -> list[Event]:
        return [Noted(command.number)] if command.number > heard.noted else []

    return actor


def turn_of(name: str, number: int) -> tuple[Draft, ...]:
    """What a producer says in its turn of this number: one to three quotes."""
    quotes = [quote(name, number, part) for part in range(1 + number % 3)]
    return tuple(CODEC.draft(each) for each in quotes)


def quote(name: str, number: int, part: int) -> Quote:
    """A quote that tells its turn by its market time."""
    return Quote(f"{name}{part}", 100.0 + number % 7, "yahoo", market_time_us=number)


def padded_turn(name: str, number: int, size: int) -> tuple[Draft, ...]:
    """One event of about so many bytes."""
    return (CODEC.draft(Padded(name, number, "x" * size)),)
