"""What travels: events (facts, past tense), commands (imperative), queries and their replies.

A message class is its own contract: an event class names its stream, the fields that make its key
and part, its version and how durable it must be before it is acknowledged; a command or query class
names the service that takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from bus.errors import BadMessage
from bus.subject import NO_KEY, compose

Durability = Literal["logged", "synced"]
"""``logged`` survives the death of any process, ``synced`` also a loss of power."""

E_co = TypeVar("E_co", bound="Event", covariant=True)
R_co = TypeVar("R_co", covariant=True)


class Message(msgspec.Struct, frozen=True):
    """The root of everything that travels; immutable, validated when decoded."""


class Event(Message, frozen=True):
    """A fact, said once by its producer; the full last word on its subject."""

    stream: ClassVar[str]
    keyed_by: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1
    durability: ClassVar[Durability] = "logged"

    @property
    def subject(self) -> str:
        """The subject this event is the last word on."""
        names = self.keyed_by
        key = getattr(self, names[0]) if names else ""
        part = getattr(self, names[1]) if len(names) > 1 else ""
        return compose(self.stream, key or NO_KEY, part)


class Command(Message, frozen=True):
    """A wish; its service answers with `Done`, or refuses with a reason and a remedy."""

    service: ClassVar[str]


class Query(Message, Generic[R_co], frozen=True):
    """A question; answering it changes nothing. ``reply`` is the class of the answer."""

    service: ClassVar[str]
    reply: ClassVar[type[Any]]


class Done(Message, frozen=True):
    """A command was carried out.

    Its events end at ``seq`` (or nothing needed to be said since ``seq``).
    """

    seq: int
    said: int = 0


class Fact(msgspec.Struct, Generic[E_co], frozen=True):
    """An event as the tape keeps it.

    ``seq`` orders, ``at_us`` (microseconds UTC) never goes back.
    """

    seq: int
    at_us: int
    event: E_co


class DeadLetter(Event, frozen=True):
    """A fact that an actor could not take after its attempts; the actor went on without it.

    ``seq`` and ``subject_of_letter`` are those of the fact. `ReplayLetter` has it taken again.
    """

    stream: ClassVar[str] = "letter.dead"
    keyed_by: ClassVar[tuple[str, ...]] = ("service",)
    durability: ClassVar[Durability] = "synced"

    service: str
    seq: int
    subject_of_letter: str
    error: str
    attempts: int


class LetterReplayed(Event, frozen=True):
    """The buried fact of this seq was taken again; what it made the actor say is in this turn."""

    stream: ClassVar[str] = "letter.replayed"
    keyed_by: ClassVar[tuple[str, ...]] = ("service",)
    durability: ClassVar[Durability] = "synced"

    service: str
    seq: int


class ReplayLetter(Command, frozen=True):
    """Have a service take a fact again that it had buried; every service with an actor takes it.

    The actor reacts to the fact with its present state; what it says is one turn together with
    `LetterReplayed`, so that a fact is spoken on once, however often it is replayed. A fact that
    still fails is refused with the error, and nothing is said.

    It is not folded again: where only the reaction failed the state has it already, and where it
    could not be decoded or folded the state has it since the code was mended, for other code folds
    the tape anew. (A saver that keeps its rows across versions of the code must build them anew.)
    """

    service: str  # type: ignore[misc]  # this one alone is not of one service's contract
    seq: int


Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""A pure function from the body of one version to the body of the next."""


class Contract:
    """Every message the deck may speak: events by stream, commands and queries by class name."""

    def __init__(
        self,
        messages: Iterable[type[Message]],
        upcasters: dict[tuple[str, int], Upcaster] | None = None,
    ) -> None:
        self.upcasters = upcasters or {}
        self.events: dict[str, type[Event]] = {}
        self.commands: dict[str, type[Command]] = {}
        self.queries: dict[str, type[Query[Any]]] = {}
        for message in messages:
            self._take(message)

    @classmethod
    def of(cls, *modules: ModuleType) -> Contract:
        """Collect the message classes that the modules define (not those they import)."""
        found = [
            value
            for module in modules
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, Message)
            and value.__module__ == module.__name__
        ]
        return cls([DeadLetter, LetterReplayed, ReplayLetter, BusStatus, *found])

    def _take(self, message: type[Message]) -> None:
        if issubclass(message, Event):
            _add(self.events, message.stream, message)
        elif issubclass(message, Command):
            _add(self.commands, message.__name__, message)
        elif issubclass(message, Query):
            _add(self.queries, message.__name__, message)

    def request(self, name: str) -> type[Command | Query[Any]]:
        """The command or query class of this name, or `BadMessage`."""
        found = self.commands.get(name) or self.queries.get(name)
        if found is None:
            raise BadMessage(f"{name!r} is neither a command nor a query of this deck")
        return found


def _add(table: dict[str, Any], name: str, message: type[Message]) -> None:
    if name in table:
        raise ValueError(f"{name!r} is said by both {table[name].__name__} and {message.__name__}")
    table[name] = message


Times = Annotated[int, Meta(ge=0, le=1 << 62)]


class Counters(msgspec.Struct, frozen=True):
    """What a service's process has met with since it began, each without harm to what is said.

    Facts it gave up, gaps in the live stream that it healed from the tape, turns it sent again, and
    frames that were none.
    """

    dead_letters: Times = 0
    gaps: Times = 0
    resends: Times = 0
    bad_frames: Times = 0


class ServiceState(msgspec.Struct, frozen=True):
    """One service as the broker sees it.

    ``starts`` counts the processes that ever spoke under this name, ``lag`` the events that the
    present one has not taken yet.
    """

    name: str
    ready: bool
    heard: int
    lag: int
    pid: int
    starts: int
    silent_seconds: float
    counters: Counters = Counters()


class BusState(Message, frozen=True):
    """The bus as it is now: the tape's head, how commits fare, and who is connected.

    Counts since the bus started, quantiles over its last 512 transactions; ``tape_bytes`` is the
    tape's file with its write-ahead log; ``degraded`` says what the disk refuses, to append or to
    write the log back.
    """

    tape_id: str
    head: int
    at_us: int
    degraded: str
    events_appended: int
    commits: int
    commit_ms_p50: float
    commit_ms_p99: float
    batch_p50: float
    resends: int
    refused: int
    bad_frames: int
    tape_bytes: int
    services: tuple[ServiceState, ...]


class BusStatus(Query[BusState], frozen=True):
    """How the bus and the connected services fare; answered by the broker itself."""

    service: ClassVar[str] = "bus"
    reply: ClassVar[type[BusState]] = BusState
