"""An actor is a state and pure functions in one printable table; the runtime owns everything else.

The functions know no clock, socket, thread or file: time comes in as an argument, work outside goes
out as an `Effect`. `Actor.hear` is the one definition of what facts do to a state and what is said
because of them; the runtime, the test kit and the laws all call it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from bus.message import Command, Event, Fact, Message, Query

S = TypeVar("S")
F = TypeVar("F", bound=Callable[..., Any])

Output = Iterable["Event | Effect"]
Facts = Sequence[Fact[Any]]


class Effect(msgspec.Struct, frozen=True):
    """Work outside (HTTP, a file, a child process).

    Never stored: after a crash the timer asks again.
    """


class Need(msgspec.Struct, frozen=True):
    """An answer that must wait for facts.

    Send ``command`` (None: the facts come by themselves), ask again at each fact, give
    ``otherwise`` at the deadline.

    Equal commands go out once, however many askers wait for them.
    """

    command: Command | None
    within_seconds: float
    otherwise: Message | Refused


class Refused(Exception):
    """A command or query said no: nothing was appended.

    ``code`` is stable, ``remedy`` says what to do.
    """

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(f"{message}: {remedy}" if remedy else message)
        self.code = code
        self.message = message
        self.remedy = remedy


class Spoken(NamedTuple):
    """What a turn says (events, in order) and asks to be done outside (effects, in order)."""

    events: tuple[Event, ...]
    effects: tuple[Effect, ...]


class Tick(NamedTuple):
    """What the timer says and does now, and when it wants to be asked next.

    ``next_us`` is in microseconds UTC; None means at the next turn.
    """

    output: tuple[Event | Effect, ...] = ()
    next_us: int | None = None


class _Handler(NamedTuple):
    function: Callable[..., Any]
    batch: bool


class _Way(NamedTuple):
    """What an event of one class does to the state and makes the actor say; of several at once?"""

    evolve: Callable[..., Any]
    react: Callable[..., Iterable[Event]]
    batch: bool


class Actor(Generic[S]):
    """A named table of pure functions over a state ``S``.

    ``initial`` makes the state before the first fact. ``state`` is its class, so that a snapshot
    can be decoded.
    """

    def __init__(self, name: str, state: type[S], initial: Callable[[], S] | None = None) -> None:
        self.name = name
        self.state = state
        self.initial: Callable[[], S] = initial or state
        self.folds: dict[type[Event], _Handler] = {}
        self.reactions: dict[type[Event], _Handler] = {}
        self.decisions: dict[type[Command], Callable[..., Any]] = {}
        self.answers: dict[type[Query[Any]], Callable[..., Any]] = {}
        self.performers: dict[type[Effect], Callable[..., Any]] = {}
        self.timer: Callable[[S, int], Tick] | None = None

    def evolve(self, *events: type[Event], batch: bool = False) -> Callable[[F], F]:
        """Register ``(state, fact) -> state``; never refuses, never speaks.

        With ``batch`` the function takes a sequence of facts of distinct subjects in one call.
        """
        return self._register(self.folds, events, batch)

    def react(self, *events: type[Event], batch: bool = False) -> Callable[[F], F]:
        """Register ``(state, fact) -> events``; the state has the fact already.

        With ``batch`` the function takes a sequence; what it says for a fact depends on that fact's
        subject alone.
        """
        return self._register(self.reactions, events, batch)

    def decide(self, *commands: type[Command]) -> Callable[[F], F]:
        """Register ``(state, command, now_us) -> events and effects``.

        Raises `Refused` to say no.
        """
        return self._enter(self.decisions, commands)

    def answer(self, *queries: type[Query[Any]]) -> Callable[[F], F]:
        """Register ``(state, query, now_us) -> reply | Need``; changes nothing.

        Raises `Refused` to say no.
        """
        return self._enter(self.answers, queries)

    def perform(self, *effects: type[Effect]) -> Callable[[F], F]:
        """Register ``(effect, ports) -> command to itself | None``.

        It runs in a thread, and is the only function that may block or fail.
        """
        return self._enter(self.performers, effects)

    def due(self, function: Callable[[S, int], Tick]) -> Callable[[S, int], Tick]:
        """Register ``(state, now_us) -> Tick``, the only timer."""
        if self.timer is not None:
            raise ValueError(f"{self.name} already has a timer")
        self.timer = function
        return function

    @property
    def hears(self) -> frozenset[type[Event]]:
        """The event classes that change this actor or make it speak."""
        return frozenset(self.folds) | frozenset(self.reactions)

    def fold(self, state: S, facts: Facts) -> S:
        """The state after the facts, silently."""
        for way, heard in self._heard(facts):
            state = way.evolve(state, heard)
        return state

    def hear(self, state: S, facts: Facts) -> tuple[S, tuple[Event, ...]]:
        """The state after the facts, and what is said because of them."""
        said: list[Event] = []
        for way, heard in self._heard(facts):
            state = way.evolve(state, heard)
            said.extend(way.react(state, heard))
        return state, tuple(said)

    def speak_on(self, state: S, facts: Facts) -> tuple[Event, ...]:
        """What is said because of facts that the state has already."""
        return tuple(
            event for way, heard in self._heard(facts) for event in way.react(state, heard)
        )

    def handle(self, state: S, command: Command, now_us: int) -> Spoken:
        """What the command makes this actor say and do; raises `Refused`."""
        function = self.decisions.get(type(command))
        if function is None:
            raise _unknown(self.name, command)
        return spoken(function(state, command, now_us))

    def reply(self, state: S, query: Query[Any], now_us: int) -> Message | Need:
        """The answer to the query, or what it needs first; raises `Refused`."""
        function = self.answers.get(type(query))
        if function is None:
            raise _unknown(self.name, query)
        answer: Message | Need = function(state, query, now_us)
        return answer

    def tick(self, state: S, now_us: int) -> Tick:
        """What the timer wants; an actor without one never wants anything."""
        return self.timer(state, now_us) if self.timer else Tick()

    def do(self, effect: Effect, ports: Any) -> Command | None:
        """Carry out an effect with the ports that the composition root gave.

        Returns a command to itself.
        """
        command: Command | None = self.performers[type(effect)](effect, ports)
        return command

    def table(self) -> str:
        """The whole actor as text.

        One line per message, in the order of the tape's way through it.
        """
        rows = [
            *((e.stream, "evolve", h.function) for e, h in self.folds.items()),
            *((e.stream, "react", h.function) for e, h in self.reactions.items()),
            *((c.__name__, "decide", f) for c, f in self.decisions.items()),
            *((q.__name__, "answer", f) for q, f in self.answers.items()),
            *((e.__name__, "perform", f) for e, f in self.performers.items()),
        ]
        if self.timer:
            rows.append(("(time)", "due", self.timer))
        return "\n".join(f"{kind:<8} {name:<28} {f.__name__}" for name, kind, f in rows)

    def _heard(self, facts: Facts) -> Iterator[tuple[_Way, Fact[Any] | Facts]]:
        """Single facts, or runs of one batch-handled type with distinct subjects.

        A fact whose event can have no subject is refused, whichever way it would go.
        """
        ways: dict[type[Event], _Way | None] = {}
        begun: _Way | None = None
        run: dict[str, Fact[Any]] = {}
        for fact in facts:
            kind = type(fact.event)
            if kind not in ways:
                ways[kind] = self._way(kind)
            if (way := ways[kind]) is None:
                continue
            subject = fact.event.subject
            if begun and (way is not begun or subject in run):
                yield begun, list(run.values())
                begun, run = None, {}
            if way.batch:
                begun = way
                run[subject] = fact
            else:
                yield way, fact
        if begun:
            yield begun, list(run.values())

    def _way(self, kind: type[Event]) -> _Way | None:
        fold, reaction = self.folds.get(kind), self.reactions.get(kind)
        batch = all(handler.batch for handler in (fold, reaction) if handler)
        evolve, react = _taking(fold, batch), _taking(reaction, batch)
        return _Way(evolve or _unmoved, react or _silent, batch) if evolve or react else None

    def _register(
        self, table: dict[type[Event], _Handler], events: Sequence[type[Event]], batch: bool
    ) -> Callable[[F], F]:
        def register(function: F) -> F:
            for event in events:
                _once(table, event, self.name)
                table[event] = _Handler(function, batch)
            return function

        return register

    def _enter(
        self, table: dict[Any, Callable[..., Any]], kinds: Sequence[type]
    ) -> Callable[[F], F]:
        def register(function: F) -> F:
            for kind in kinds:
                _once(table, kind, self.name)
                table[kind] = function
            return function

        return register


def spoken(output: Output) -> Spoken:
    """Split what a function gave into events and effects, each in order."""
    items = tuple(output)
    return Spoken(
        events=tuple(item for item in items if isinstance(item, Event)),
        effects=tuple(item for item in items if isinstance(item, Effect)),
    )


def _taking(handler: _Handler | None, batch: bool) -> Callable[..., Any] | None:
    """The handler's function as it is called: with several facts, or with one."""
    if handler is None or handler.batch == batch:
        return handler and handler.function
    function = handler.function
    return lambda state, fact: function(state, [fact])


def _unmoved(state: S, heard: Fact[Any] | Facts) -> S:
    del heard
    return state


def _silent(state: object, heard: Fact[Any] | Facts) -> tuple[Event, ...]:
    del state, heard
    return ()


def _once(table: dict[Any, Any], kind: type, name: str) -> None:
    if kind in table:
        raise ValueError(f"{name} already has a function for {kind.__name__}")


def _unknown(name: str, message: Message) -> Refused:
    kind = type(message).__name__
    return Refused("unknown_message", f"{name} does not know {kind}", "see docs/messages.md")
