"""An actor is a table of pure functions: who is asked what, in which groups, what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.actor import Actor, Effect, Refused, Spoken, Tick, spoken
from bus.message import Event, Fact
from tests.bus.words import Count, Counted, Doubled, HowMuch, Noted, Sum, Supply, Tally, counter


class Calls(msgspec.Struct, frozen=True):
    """The state of an actor that notes with which facts each function was called."""

    seqs: tuple[tuple[int, ...], ...] = ()


class Errand(Effect, frozen=True):
    """Something to be done outside."""

    name: str


EVENTS = st.one_of(
    st.builds(Counted, st.sampled_from("AB"), st.integers(0, 3)),
    st.builds(Doubled, st.sampled_from("AB"), st.integers(0, 3)),
    st.builds(Noted, st.sampled_from("ab"), st.just("x")),
)


def facts(*events: Event) -> list[Fact[Any]]:
    return [Fact(seq, seq * 10, event) for seq, event in enumerate(events, 1)]


def batching() -> Actor[Calls]:
    """An actor that takes counts in batches and doubles one by one."""
    actor = Actor("noter", Calls)

    @actor.evolve(Counted, batch=True)
    def many(calls: Calls, batch: Sequence[Fact[Counted]]) -> Calls:
        return Calls((*calls.seqs, tuple(fact.seq for fact in batch)))

    @actor.evolve(Doubled)
    def one(calls: Calls, fact: Fact[Doubled]) -> Calls:
        return Calls((*calls.seqs, (fact.seq,)))

    return actor


def test_facts_of_one_kind_and_distinct_subjects_come_as_one_batch() -> None:
    state = batching().fold(Calls(), facts(Counted("A", 1), Counted("B", 1), Counted("C", 1)))

    assert state.seqs == ((1, 2, 3),)


def test_a_second_fact_on_a_subject_begins_a_new_batch() -> None:
    state = batching().fold(Calls(), facts(Counted("A", 1), Counted("B", 1), Counted("A", 2)))

    assert state.seqs == ((1, 2), (3,))


def test_another_kind_ends_a_batch_and_order_is_kept() -> None:
    past = facts(Counted("A", 1), Doubled("B", 1), Doubled("C", 1), Counted("D", 1))

    assert batching().fold(Calls(), past).seqs == ((1,), (2,), (3,), (4,))


def test_facts_nobody_hears_are_passed_over_and_part_no_batch() -> None:
    past = facts(Counted("A", 1), Noted("b", "x"), Counted("B", 1))

    assert batching().fold(Calls(), past).seqs == ((1, 3),)


def test_a_kind_whose_reaction_takes_single_facts_is_never_batched() -> None:
    actor = batching()
    reacted: list[int] = []

    @actor.react(Counted)
    def react(calls: Calls, fact: Fact[Counted]) -> list[Event]:
        reacted.append(fact.seq)
        return []

    state, said = actor.hear(Calls(), facts(Counted("A", 1), Counted("B", 1)))
    assert (state.seqs, reacted, said) == (((1,), (2,)), [1, 2], ())


@given(st.lists(EVENTS, max_size=20), st.integers(1, 5))
def test_groups_hold_every_fact_once_and_in_order_however_they_arrive(
    events: list[Event], size: int
) -> None:
    past = facts(*events)
    state = Calls()
    for start in range(0, len(past), size):
        state, _ = batching().hear(state, past[start : start + size])

    heard = [fact.seq for fact in past if not isinstance(fact.event, Noted)]
    assert [seq for group in state.seqs for seq in group] == heard


def test_a_reaction_sees_the_state_with_its_fact_in_it() -> None:
    seen: list[tuple[tuple[str, int], ...]] = []
    actor = counter()
    actor.reactions.clear()

    @actor.react(Counted)
    def react(tally: Tally, fact: Fact[Counted]) -> list[Event]:
        seen.append(tally.counted)
        return [Doubled(fact.event.name, 0)]

    _, said = actor.hear(Tally(), facts(Counted("A", 1), Counted("B", 2)))
    assert seen == [(("A", 1),), (("A", 1), ("B", 2))]
    assert said == (Doubled("A", 0), Doubled("B", 0))


def test_what_is_said_of_facts_that_are_known_folds_nothing() -> None:
    actor = counter()
    before = actor.fold(Tally(), facts(Counted("A", 1)))

    assert actor.speak_on(before, facts(Counted("A", 1), Doubled("A", 2))) == (Doubled("A", 2),)


def test_a_fold_is_silent() -> None:
    actor = counter()

    def speak(tally: Tally, fact: Fact[Counted]) -> list[Event]:
        raise AssertionError("a fold does not react")

    actor.reactions.clear()
    actor.react(Counted)(speak)
    assert actor.fold(Tally(), facts(Counted("A", 1))) == Tally((("A", 1),))


def test_events_and_effects_are_told_apart_and_keep_their_order() -> None:
    output: list[Event | Effect] = [Counted("A", 1), Errand("x"), Counted("B", 2), Errand("y")]

    assert spoken(output) == Spoken((Counted("A", 1), Counted("B", 2)), (Errand("x"), Errand("y")))


def test_a_command_or_query_nobody_registered_is_refused() -> None:
    actor = Actor("counter", Tally)
    with pytest.raises(Refused, match="counter does not know Count") as command:
        actor.handle(Tally(), Count("A", 1), 0)
    with pytest.raises(Refused, match="counter does not know HowMuch") as query:
        actor.reply(Tally(), HowMuch("A"), 0)

    assert command.value.code == query.value.code == "unknown_message"


def test_each_message_has_one_function() -> None:
    actor = counter()
    actor.due(lambda tally, now_us: Tick())
    actor.perform(Errand)(lambda effect, ports: None)
    registrations: list[Callable[[], object]] = [
        lambda: actor.evolve(Counted)(lambda tally, fact: tally),
        lambda: actor.react(Counted)(lambda tally, fact: []),
        lambda: actor.decide(Count)(lambda tally, command, now_us: []),
        lambda: actor.answer(HowMuch)(lambda tally, query, now_us: Sum("A", 0)),
        lambda: actor.perform(Errand)(lambda effect, ports: None),
        lambda: actor.due(lambda tally, now_us: Tick()),
    ]
    for register in registrations:
        with pytest.raises(ValueError, match="counter already has"):
            register()


def test_a_function_may_take_several_messages() -> None:
    actor = Actor("noter", Calls)

    @actor.evolve(Counted, Doubled)
    def note(calls: Calls, fact: Fact[Any]) -> Calls:
        return Calls((*calls.seqs, (fact.seq,)))

    state = actor.fold(Calls(), facts(Counted("A", 1), Doubled("A", 2)))
    assert (state.seqs, actor.hears) == (((1,), (2,)), frozenset({Counted, Doubled}))


def test_an_effect_is_carried_out_with_the_ports_of_the_composition_root() -> None:
    actor = counter()

    @actor.perform(Errand)
    def run(effect: Errand, ports: dict[str, str]) -> Supply:
        return Supply(ports[effect.name])

    assert actor.do(Errand("x"), {"x": "A"}) == Supply("A")


def test_an_actor_without_a_timer_never_wants_anything() -> None:
    assert counter().tick(Tally(), 5) == Tick((), None)


def test_the_table_tells_the_whole_actor_in_the_order_of_a_messages_way() -> None:
    actor = counter()
    actor.perform(Errand)(run_errand)
    actor.due(look_at_the_clock)

    assert actor.table().splitlines() == [
        "evolve   count.made                   count",
        "evolve   count.doubled                note",
        "react    count.made                   double",
        "decide   Count                        decide",
        "answer   HowMuch                      answer",
        "perform  Errand                       run_errand",
        "due      (time)                       look_at_the_clock",
    ]


def run_errand(effect: Errand, ports: object) -> None:
    """Do nothing."""


def look_at_the_clock(tally: Tally, now_us: int) -> Tick:
    """Want nothing."""
    return Tick()
