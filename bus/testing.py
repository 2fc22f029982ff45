"""The test kit: given past events, when a message, then these events; on plain values, no loop.

    deck = given(analyzer, ("09:30", Quote("NVDA", price=190.0)))
    asked = deck.ask("09:41", Analyze("NVDA"))
    deck.hear(("09:41", Quote("NVDA", price=192.5)))
    assert asked.reply == ...

Times are "HH:MM[:SS]" on 2026-01-05 (a Monday), an ISO-8601 instant, or microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Generic, TypeVar

from bus.actor import Actor, Effect, Need, Refused, Spoken, Tick, spoken
from bus.codec import Codec, Record
from bus.message import Command, Event, Fact, Message, Query
from bus.ports import Saver
from bus.saving import NoSaver

S = TypeVar("S")

Instant = str | int
Moment = tuple[Instant, Event]

_DAY = "2026-01-05T"


def microseconds(instant: Instant) -> int:
    """The instant in microseconds UTC."""
    if isinstance(instant, int):
        return instant
    text = instant if "T" in instant else _DAY + instant
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000)


@dataclass
class Asked:
    """A query and its reply, None while it waits for facts."""

    query: Query[Any]
    reply: Message | Refused | None = None
    need: Need | None = None
    deadline_us: int = 0


@dataclass
class Deck(Generic[S]):
    """One actor, its tape, and everything it said, sent and asked to be done."""

    actor: Actor[S]
    state: S
    saver: Saver[S]
    facts: list[Fact[Any]] = field(default_factory=list)
    said: list[Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    sent: list[Command] = field(default_factory=list)
    waiting: list[Asked] = field(default_factory=list)

    @property
    def seq(self) -> int:
        """The head of the deck's tape."""
        return self.facts[-1].seq if self.facts else 0

    @property
    def now_us(self) -> int:
        """The time of the last fact; the tape's time never goes back."""
        return self.facts[-1].at_us if self.facts else 0

    def hear(self, *moments: Moment) -> tuple[Event, ...]:
        """Facts arrive together.

        Gives what the actor says because of them, its own echoes included.
        """
        arrived = [self._keep(at, event) for at, event in moments]
        self.state, said = self.actor.hear(self.state, arrived)
        self._save()
        return said + self._say(Spoken(said, ()), self.now_us)

    def tell(self, at: Instant, command: Command) -> tuple[Event, ...]:
        """A command arrives; gives what the actor says, or raises `Refused`."""
        now = max(microseconds(at), self.now_us)
        outcome = self.actor.handle(self.state, command, now)
        return outcome.events + self._say(outcome, now)

    def ask(self, at: Instant, query: Query[Any]) -> Asked:
        """A query arrives; its reply is there at once, or later when the facts it needs are."""
        asked = Asked(query)
        self._answer(asked, max(microseconds(at), self.now_us))
        return asked

    def tick(self, at: Instant) -> Tick:
        """Time passes: deadlines of waiting askers run out and the timer is asked once."""
        now = max(microseconds(at), self.now_us)
        for asked in [a for a in self.waiting if a.need and a.deadline_us <= now]:
            asked.reply = asked.need.otherwise if asked.need else None
            self.waiting.remove(asked)
        tick = self.actor.tick(self.state, now)
        self._say(spoken(tick.output), now)
        return tick

    def perform(self, ports: object, at: Instant | None = None) -> tuple[Event, ...]:
        """The effects so far are carried out, their results told to the actor."""
        now = self.now_us if at is None else microseconds(at)
        effects, self.effects = self.effects, []
        results = [self.actor.do(effect, ports) for effect in effects]
        return tuple(event for command in results if command for event in self.tell(now, command))

    def _keep(self, at: Instant, event: Event) -> Fact[Any]:
        fact = Fact(self.seq + 1, max(microseconds(at), self.now_us), event)
        self.facts.append(fact)
        return fact

    def _say(self, outcome: Spoken, now_us: int) -> tuple[Event, ...]:
        """Own events come back through the tape like anybody's, until nothing more is said."""
        self.said.extend(outcome.events)
        self.effects.extend(outcome.effects)
        echoes = [self._keep(now_us, event) for event in outcome.events]
        self.state, more = self.actor.hear(self.state, echoes)
        self._save()
        self._answer_waiting()
        return more + self._say(Spoken(more, ()), now_us) if more else more

    def _answer_waiting(self) -> None:
        for asked in list(self.waiting):
            self.waiting.remove(asked)
            self._answer(asked, self.now_us)

    def _answer(self, asked: Asked, now_us: int) -> None:
        answer = self.actor.reply(self.state, asked.query, now_us)
        if not isinstance(answer, Need):
            asked.reply = answer
            return
        asked_for = [other.need.command for other in self.waiting if other.need]
        if asked.need is None and answer.command and answer.command not in asked_for:
            self.sent.append(answer.command)
        asked.deadline_us = asked.deadline_us or now_us + round(answer.within_seconds * 1_000_000)
        asked.need = answer
        self.waiting.append(asked)

    def know(self, *moments: Moment) -> None:
        """Facts that were there before: folded silently."""
        known = [self._keep(at, event) for at, event in moments]
        self.state = self.actor.fold(self.state, known)
        self._save()

    def _save(self) -> None:
        self.state = self.saver.save(self.state, self.seq)


def given(actor: Actor[S], *moments: Moment, saver: Saver[S] | None = None) -> Deck[S]:
    """A deck whose tape holds these events already; the actor has folded them silently."""
    keeper = saver or NoSaver(actor.initial)
    deck = Deck(actor, keeper.restore("tape")[0], keeper)
    deck.know(*moments)
    return deck


class FactTape:
    """The facts of a deck, read as the tape would be (see `bus.ports.TapeReading`)."""

    def __init__(self, facts: list[Fact[Any]], codec: Codec) -> None:
        self._facts = facts
        self._codec = codec

    def read(self, after: int, limit: int) -> list[Record]:
        """See `bus.ports.TapeReading`."""
        return list(islice(self._records(lambda seq: seq > after), limit))

    def get(self, seqs: Sequence[int]) -> list[Record]:
        """See `bus.ports.TapeReading`."""
        return list(self._records(set(seqs).__contains__))

    def seq_at(self, at_us: int) -> int:
        """See `bus.ports.TapeReading`."""
        return max((fact.seq for fact in self._facts if fact.at_us <= at_us), default=0)

    def head(self) -> int:
        """See `bus.ports.TapeReading`."""
        return self._facts[-1].seq if self._facts else 0

    def first(self) -> int:
        """See `bus.ports.TapeReading`."""
        return self._facts[0].seq if self._facts else 1

    def last(self, subject: str) -> int:
        """See `bus.ports.TapeReading`."""
        return max((fact.seq for fact in self._facts if fact.event.subject == subject), default=0)

    def _records(self, wanted: Callable[[int], bool]) -> Iterator[Record]:
        last: dict[str, int] = {}
        for fact in self._facts:
            subject = fact.event.subject
            if wanted(fact.seq):
                yield self._record(fact, last.get(subject, 0))
            last[subject] = fact.seq

    def _record(self, fact: Fact[Any], prev: int) -> Record:
        event = fact.event
        return Record(
            seq=fact.seq,
            subject=event.subject,
            at_us=fact.at_us,
            prev=prev,
            producer="",
            heard=0,
            version=event.version,
            body=self._codec.body(event),
        )
