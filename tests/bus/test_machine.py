"""A deck whose processes die and whose wires fail at whim, held against plain lists.

Producers, listeners, an actor and the bus, all on the memory transport. The model: what each
producer said, in order, and what was acknowledged. Whatever happens, what is acknowledged is on the
tape, nothing is there twice, each producer's order is kept, and after everything is mended every
listener has heard the tape, each record once, and the actor has doubled each count once.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from structlog.testing import capture_logs

from bus.saving import SnapshotSaver
from tests.bus.rig import CODEC, Crash, Fate, Line, MemoryWire, Post, Rig, Station
from tests.bus.words import Counted, Doubled, Tally, counter

pytestmark = pytest.mark.guarantee("transports")

PRODUCERS = ("p", "q")
POINTS = ("before the commit", "after the commit", "before a live frame", "before an answer")
PLANS: st.SearchStrategy[list[Fate]] = st.lists(
    st.sampled_from(["pass", "drop", "twice", "late"]), max_size=8
)


class Said:
    """What one producer said: its numbers in order, and those it was told are kept."""

    def __init__(self) -> None:
        self.turns: dict[int, list[int]] = {}
        self.acknowledged: set[int] = set()

    @property
    def numbers(self) -> list[int]:
        return [number for numbers in self.turns.values() for number in numbers]


class DeckMachine(RuleBasedStateMachine):
    """One deck and its model."""

    @initialize()
    def begin(self) -> None:
        self.open = ExitStack()
        self.open.enter_context(capture_logs())
        self.folder = Path(self.open.enter_context(tempfile.TemporaryDirectory()))
        self.rig = self.open.enter_context(closing(Rig(MemoryWire(), self.folder)))
        self.rig.start_probed()
        self.numbers = count()
        self.said = {name: Said() for name in PRODUCERS}
        self.producers = {name: self.rig.welcome(name, listening=False) for name in PRODUCERS}
        self.listener = self.rig.welcome("l")
        self.post = self.actor()

    # -- what they do ------------------------------------------------------------------------

    @rule(name=st.sampled_from(PRODUCERS), size=st.integers(1, 3))
    def speak(self, name: str, size: int) -> None:
        client = self.producers[name].client
        if not client.welcome or client.in_flight > 20:
            return
        numbers = [next(self.numbers) for _ in range(size)]
        mark = max(numbers[0], (client.standing.mark or 0) + 1)
        self.producers[name].append(*[Counted(name, number) for number in numbers], mark=mark)
        self.said[name].turns[mark] = numbers

    @rule(steps=st.integers(1, 3))
    def step(self, steps: int) -> None:
        for _ in range(steps):
            self.deck_step()

    @rule(seconds=st.sampled_from([0.3, 1.0, 4.0]))
    def pass_time(self, seconds: float) -> None:
        self.rig.clock.advance(seconds)
        self.deck_step()

    @rule(at_us=st.integers(0, 1 << 52))
    def set_the_wall_clock(self, at_us: int) -> None:
        self.rig.clock.set_wall(at_us)

    # -- what befalls them -------------------------------------------------------------------

    @rule(who=st.integers(0, 3), up=PLANS, down=PLANS, tape=PLANS)
    def spoil_a_wire(self, who: int, up: list[Fate], down: list[Fate], tape: list[Fate]) -> None:
        party = self.parties()[who]
        party.link.up, party.link.down, party.link.tape = Line(up), Line(down), Line(tape)

    @rule(point=st.sampled_from(POINTS))
    def let_the_bus_die_at(self, point: str) -> None:
        self.rig.probe.point = point

    @rule()
    def kill_the_bus(self) -> None:
        self.rig.crash()
        self.rig.start_probed()

    @rule(name=st.sampled_from(PRODUCERS))
    def kill_a_producer(self, name: str) -> None:
        self.note_acks()
        self.rig.kill(self.producers[name])
        self.producers[name] = self.rig.station(name, listening=False)

    @rule()
    def kill_the_listener(self) -> None:
        self.rig.kill(self.listener)
        self.listener = self.rig.station("l")

    @rule()
    def kill_the_actor(self) -> None:
        self.rig.kill(self.post)
        self.post = self.actor()

    # -- what must hold ----------------------------------------------------------------------

    @invariant()
    def the_tape_keeps_what_is_acknowledged_once_and_in_order(self) -> None:
        if not hasattr(self, "rig"):
            return
        self.note_acks()
        tape = self.rig.tape()
        assert [record.seq for record in tape] == list(range(1, len(tape) + 1))
        assert [record.at_us for record in tape] == sorted(record.at_us for record in tape)
        for name, said in self.said.items():
            kept = self.kept(name)
            assert kept == sorted(set(kept))
            assert set(kept) <= set(said.numbers)
            assert said.acknowledged <= set(kept)
        assert self.listener.records == tape[: len(self.listener.records)]

    def teardown(self) -> None:
        if not hasattr(self, "open"):
            return
        with self.open:
            self.rig.probe.point = ""
            for party in self.rig.parties:
                party.link.up = party.link.down = party.link.tape = Line()
            self.settle()

    # -- helpers -----------------------------------------------------------------------------

    def settle(self) -> None:
        """With every wire mended, everything comes right."""
        rig = self.rig
        rig.pass_time(lambda: all(p.client.in_flight == 0 for p in self.producers.values()))
        rig.pass_time(lambda: self.post.client.ready and self.undoubled() == [])
        rig.pass_time(lambda: len(self.listener.records) == len(rig.tape()))
        rig.pass_time(lambda: self.post.runtime.heard == len(rig.tape()))
        self.the_tape_keeps_what_is_acknowledged_once_and_in_order()
        doubled = [event.number for event in rig.events() if isinstance(event, Doubled)]
        assert sorted(doubled) == sorted(
            event.number * 2 for event in rig.events() if isinstance(event, Counted)
        )
        assert self.post.runtime.state == counter().fold(
            Tally(), [CODEC.fact(record) for record in rig.tape()]
        )
        assert [party.failure for party in self.parties()] == [None] * 4

    def undoubled(self) -> list[int]:
        """The counts the actor has not spoken on yet."""
        events = self.rig.events()
        doubled = {event.number for event in events if isinstance(event, Doubled)}
        counts = [event.number for event in events if isinstance(event, Counted)]
        return [number for number in counts if number * 2 not in doubled]

    def parties(self) -> list[Station | Post[Tally]]:
        return [*self.producers.values(), self.listener, self.post]

    def actor(self) -> Post[Tally]:
        path = self.folder / "counter.snapshot"
        saver = SnapshotSaver(path, Tally, Tally, "this code", self.rig.clock)
        return self.rig.post(counter(), saver=saver)

    def deck_step(self) -> None:
        try:
            self.rig.step()
        except Crash:
            self.rig.crash()
            self.rig.start_probed()

    def kept(self, name: str) -> list[int]:
        """A producer's numbers on the tape."""
        return [
            event.number
            for event in self.rig.events()
            if isinstance(event, Counted) and event.name == name
        ]

    def note_acks(self) -> None:
        for name, said in self.said.items():
            for ack in self.producers[name].acks:
                said.acknowledged.update(said.turns[ack.mark])


TestDeckMachine = DeckMachine.TestCase
TestDeckMachine.settings = settings(max_examples=30, stateful_step_count=40)
