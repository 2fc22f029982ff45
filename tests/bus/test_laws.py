"""The laws hold for an actor that keeps them, and each is broken by an actor that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bus.actor import Actor
from bus.laws import ActorLaws
from bus.message import Command, Event, Fact
from tests.bus.words import Count, Counted, Doubled, Tally, counter

NUMBERS = st.integers(0, 3)
COUNTS: st.SearchStrategy[Event] = st.builds(Counted, st.sampled_from("AB"), NUMBERS)


class TestTheCounter(ActorLaws):
    """An actor that keeps the laws."""

    actor = counter()
    events = COUNTS
    commands = st.builds(Count, st.sampled_from("AB"), NUMBERS)


class TestAnActorWithoutCommands(ActorLaws):
    """An actor that is told nothing keeps the law about commands too."""

    actor = counter()
    events = COUNTS


class Last(msgspec.Struct, frozen=True):
    """The last number, and how often somebody looked."""

    number: int = 0
    looks: int = 0


def forgetful() -> Actor[Any]:
    """It reacts by what its process saw rather than by its state."""
    actor: Actor[Any] = Actor("counter", Last)
    seen: list[int] = []

    @actor.evolve(Counted)
    def count(last: Last, fact: Fact[Counted]) -> Last:
        seen.append(fact.seq)
        return Last(fact.event.number, len(seen))

    return actor


def batch_minded() -> Actor[Any]:
    """It makes another state of facts that come together."""
    actor: Actor[Any] = Actor("counter", Last)

    @actor.evolve(Counted, batch=True)
    def count(last: Last, facts: Iterable[Fact[Counted]]) -> Last:
        return Last(last.number + 1)

    return actor


def lossy() -> Actor[Any]:
    """Its state does not survive its bytes."""
    actor: Actor[Any] = Actor("counter", Rounded)

    @actor.evolve(Counted)
    def count(state: Rounded, fact: Fact[Counted]) -> Rounded:
        return Rounded((1, 2))

    return actor


class Rounded(msgspec.Struct, frozen=True):
    """A state with a tuple that comes back as a list."""

    numbers: Any = None


def talkative() -> Actor[Any]:
    """It says an event each time it is told the same."""
    actor = counter()
    actor.decisions.clear()

    @actor.decide(Count)
    def decide(tally: Tally, command: Count, now_us: int) -> list[Event]:
        return [Counted(command.name, command.number)]

    return actor


def counting_its_words() -> Actor[Any]:
    """What it says depends on how much its process has said before."""
    actor = counter()
    actor.reactions.clear()
    said: list[int] = []

    @actor.react(Counted)
    def react(tally: Tally, fact: Fact[Counted]) -> list[Event]:
        said.append(fact.seq)
        return [Doubled("all", len(said))]

    return actor


@pytest.mark.parametrize(
    ("law", "lawless"),
    [
        ("test_replay_gives_the_live_state", forgetful),
        ("test_a_batch_is_the_same_as_one_by_one", batch_minded),
        ("test_a_crash_after_any_turn_changes_nothing_that_is_said", counting_its_words),
        ("test_a_snapshot_and_the_tail_are_the_same_as_all", lossy),
        ("test_a_repeated_command_says_nothing", talkative),
    ],
)
def test_each_law_is_broken_by_who_breaks_it(law: str, lawless: Callable[[], Actor[Any]]) -> None:
    class Lawless(ActorLaws):
        actor: ClassVar[Actor[Any]] = lawless()
        events: ClassVar[st.SearchStrategy[Event]] = COUNTS
        commands: ClassVar[st.SearchStrategy[Command]] = st.builds(
            Count, st.sampled_from("AB"), NUMBERS
        )

    # Hypothesis need not shrink what is meant to fail.
    inner = getattr(ActorLaws, law).hypothesis.inner_test
    lazily = settings(
        phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck)
    )
    claim = lazily(given(st.data())(lambda data: inner(Lawless(), data)))
    with pytest.raises((AssertionError, ExceptionGroup)):
        claim()
