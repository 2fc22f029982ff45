"""The laws every actor keeps, as tests to inherit.

A subclass gives the actor and strategies for its history; see `ActorLaws`. Runs an actor's
functions on plain values, with no loop and no transport; Hypothesis chooses the history, the cuts
and the crashes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.actor import Actor, Refused, Spoken
from bus.message import Command, Event, Fact

STEP_US = 1_000_000
START_US = 1_767_605_400_000_000  # 2026-01-05T09:30Z, a Monday

_law = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
)


class Tape:
    """The facts of one life, with the mark of the actor that speaks on it."""

    def __init__(self) -> None:
        self.facts: list[Fact[Any]] = []
        self.mark = 0

    def append(self, events: Sequence[Event], gap: int = 1) -> None:
        """Put the events on the tape, ``gap`` seconds after the last."""
        for event in events:
            at_us = (self.facts[-1].at_us if self.facts else START_US) + gap * STEP_US
            self.facts.append(Fact(len(self.facts) + 1, at_us, event))


class Life:
    """One process of an actor on a tape: folds silently to its mark, then speaks, turn by turn."""

    def __init__(self, actor: Actor[Any], tape: Tape, turn: int) -> None:
        self.actor = actor
        self.tape = tape
        self.turn = turn
        self.heard = tape.mark
        self.state = actor.fold(actor.initial(), tape.facts[: tape.mark])

    def hear_all(self, crash_after: int | None = None) -> bool:
        """Take turns until nothing is left to hear.

        False when the process died after that many turns.

        A process dies after its append and before anything else: the tape has the turn, the state
        is lost.
        """
        turns = 0
        while self.heard < len(self.tape.facts):
            batch = self.tape.facts[self.heard : self.heard + self.turn]
            state, said = self.actor.hear(self.state, batch)
            if said:
                self.tape.append(said)
                self.tape.mark = self.heard + len(batch)
            if turns == crash_after:
                return False
            self.state, self.heard, turns = state, self.heard + len(batch), turns + 1
        return True


class ActorLaws:
    """Inherit, set ``actor`` and ``events`` (and ``commands``), and the laws are tests.

    ``events`` makes single events that the actor hears; ``commands`` makes commands that are
    idempotent by meaning. ``key`` reduces a said event to what must be equal where seqs differ
    between two lives (default: the event itself).
    """

    actor: ClassVar[Actor[Any]]
    events: ClassVar[st.SearchStrategy[Event]]
    commands: ClassVar[st.SearchStrategy[Command]] = st.nothing()
    key: ClassVar[Callable[[Event], Any]] = staticmethod(lambda event: event)
    history_max: ClassVar[int] = 25

    def history(self, data: st.DataObject) -> list[Event]:
        """A past of up to ``history_max`` events."""
        return data.draw(st.lists(self.events, min_size=1, max_size=self.history_max))

    @_law
    @given(data=st.data())
    def test_replay_gives_the_live_state(self, data: st.DataObject) -> None:
        """State == fold(tape), own events included."""
        tape = self._tape(data)
        life = Life(self.actor, tape, data.draw(st.integers(1, 8)))
        life.hear_all()
        assert life.state == self.actor.fold(self.actor.initial(), tape.facts)

    @_law
    @given(data=st.data())
    def test_a_batch_is_the_same_as_one_by_one(self, data: st.DataObject) -> None:
        """However the facts arrive together, the state and what is said are the same."""
        facts = self._tape(data).facts
        cut = data.draw(st.integers(1, len(facts)))
        together = self.actor.hear(self.actor.initial(), facts)
        assert together == self._in_batches(facts, cut) == self._in_batches(facts, 1)

    @_law
    @given(data=st.data())
    def test_a_crash_after_any_turn_changes_nothing_that_is_said(self, data: st.DataObject) -> None:
        """A life with a crash says the same as a life without."""
        past, turn = self.history(data), data.draw(st.integers(1, 8))
        calm, broken = Tape(), Tape()
        calm.append(past)
        broken.append(past)
        Life(self.actor, calm, turn).hear_all()
        crash_after = data.draw(st.integers(0, len(past)))
        if not Life(self.actor, broken, turn).hear_all(crash_after):
            Life(self.actor, broken, turn).hear_all()
        assert self._events(broken) == self._events(calm)

    @_law
    @given(data=st.data())
    def test_a_snapshot_and_the_tail_are_the_same_as_all(self, data: st.DataObject) -> None:
        """The state survives its bytes, wherever it was cut."""
        facts = self._tape(data).facts
        cut = data.draw(st.integers(0, len(facts)))
        half = self.actor.fold(self.actor.initial(), facts[:cut])
        saved = msgspec.msgpack.decode(msgspec.msgpack.encode(half), type=self.actor.state)
        assert saved == half
        whole = self.actor.fold(self.actor.initial(), facts)
        assert self.actor.fold(saved, facts[cut:]) == whole

    @_law
    @given(data=st.data())
    def test_a_repeated_command_says_nothing(self, data: st.DataObject) -> None:
        """What was carried out once needs no second event."""
        if self.commands.is_empty:
            return  # an actor that takes none repeats none
        tape, command = self._tape(data), data.draw(self.commands)
        now_us = tape.facts[-1].at_us
        state = self.actor.fold(self.actor.initial(), tape.facts)
        first = self._outcome(state, command, now_us)
        tape.append(first.events, gap=0)
        state = self.actor.fold(self.actor.initial(), tape.facts)
        assert self._outcome(state, command, now_us).events == ()

    def _tape(self, data: st.DataObject) -> Tape:
        tape = Tape()
        tape.append(self.history(data))
        return tape

    def _in_batches(self, facts: Sequence[Fact[Any]], size: int) -> tuple[Any, tuple[Event, ...]]:
        state, said = self.actor.initial(), list[Event]()
        for start in range(0, len(facts), size):
            state, more = self.actor.hear(state, facts[start : start + size])
            said.extend(more)
        return state, tuple(said)

    def _outcome(self, state: Any, command: Command, now_us: int) -> Spoken:
        try:
            return self.actor.handle(state, command, now_us)
        except Refused:
            return Spoken((), ())

    def _events(self, tape: Tape) -> list[Any]:
        return [type(self).key(fact.event) for fact in tape.facts]
