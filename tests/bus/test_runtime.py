"""The runtime of an actor: turns, mailbox, timer, effects, dead letters; never a word too many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import msgpack
import msgspec
import pytest
from structlog.typing import EventDict

from bus.actor import Actor, Effect, Need, Refused, Tick
from bus.codec import Append, AppendRefused, Draft
from bus.errors import LogRegressed
from bus.message import DeadLetter, Event, Fact, Message
from bus.runtime import ATTEMPTS, FACTS_A_TURN, MAILBOX_MAX
from bus.saving import SnapshotSaver
from bus.tape import Committed, TapeWriter
from bus.testing import given
from tests.bus.rig import CODEC, Line, Rig, Station, until
from tests.bus.words import (
    Count,
    Counted,
    Doubled,
    HowMuch,
    Noted,
    Sum,
    Supply,
    Tally,
    counter,
    fragile_counter,
)


class Without(Line):
    """A line that loses every frame of one kind."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    def carry(self, frames: Sequence[bytes]) -> list[bytes]:
        return super().carry([f for f in frames if msgpack.unpackb(f)[0] != self._kind])


def said(rig: Rig, kind: type[Event]) -> list[Event]:
    return [event for event in rig.events() if isinstance(event, kind)]


def fill(rig: Rig, *events: Event) -> Station:
    """Somebody says these events."""
    producer = rig.welcome("p", listening=False)
    producer.append(*events, mark=(producer.client.standing.mark or 0) + 1)
    rig.until(lambda: producer.acks)
    return producer


def outcome(asker: Station, number: int) -> str:
    """How a request ended: "done", or the code of its refusal."""
    reply = asker.reply_to(number)
    assert reply is not None
    return reply.code or "done"


class TestWaiting:
    """Nothing to do costs nothing."""

    def test_an_actor_whose_bus_is_not_there_waits(self, idle_rig: Rig) -> None:
        post = idle_rig.post(counter())
        for _ in range(3):
            post.runtime.step(30.0)

        assert post.link.waits[-1] == pytest.approx(0.25)

    def test_an_actor_that_waits_for_an_acknowledgement_waits(self, rig: Rig) -> None:
        post = rig.ready(counter())
        post.link.down = Without("appended")
        fill(rig, Counted("A", 1))
        rig.until(lambda: post.client.in_flight)
        post.runtime.step(30.0)

        assert post.link.waits[-1] > 0.0

    def test_an_actor_that_has_heard_everything_waits_for_the_next_heartbeat(
        self, rig: Rig
    ) -> None:
        post = rig.ready(counter())
        rig.beat()
        post.runtime.step(30.0)

        assert post.link.waits[-1] == pytest.approx(1.0)

    def test_an_actor_with_a_timer_waits_until_it_is_due(self, rig: Rig) -> None:
        actor = counter()
        due_us = rig.clock.now_us() + 1_400_000
        actor.due(lambda tally, now_us: Tick(next_us=due_us))
        post = rig.ready(actor)
        rig.beat()
        post.runtime.step(30.0)

        assert post.link.waits[-1] == pytest.approx(0.4)


class TestFullLoad:
    """An actor that never catches up with the tape."""

    @pytest.mark.guarantee("requests")
    def test_a_command_and_a_query_are_answered_though_the_head_runs_ahead(self, rig: Rig) -> None:
        post = rig.ready(counter())
        asker, flood = rig.welcome("asker", listening=False), rig.welcome("f", listening=False)
        numbers = count()
        asked: list[int] = []

        def step() -> None:
            """More is said in a step than the actor hears in one."""
            for _ in range(2):
                mark = next(numbers)
                flood.append(*[Noted("b", f"{mark}")] * FACTS_A_TURN, mark=mark)
            rig.step()

        for _ in range(3):
            step()
        asked += [asker.ask(Count("A", 1)), asker.ask(HowMuch("A"))]
        until(lambda: all(asker.reply_to(number) for number in asked), step)

        assert [outcome(asker, number) for number in asked] == ["done", "done"]
        assert post.client.follower.behind


class TestTimer:
    """``due`` is asked when its time has come and after everything that changed the state."""

    def test_the_timer_speaks_when_its_time_has_come_and_not_before(self, rig: Rig) -> None:
        actor = counter()
        start_us = rig.clock.now_us()

        @actor.due
        def every_second(tally: Tally, now_us: int) -> Tick:
            count = len(tally.counted)
            next_us = start_us + (count + 1) * 1_000_000
            due = now_us >= next_us
            return Tick((Counted("tick", count),), next_us) if due else Tick((), next_us)

        rig.ready(actor)
        rig.clock.advance(0.9)
        rig.step()
        assert rig.tape() == []
        rig.clock.advance(0.1)
        rig.until(lambda: len(rig.tape()) == 2)
        rig.clock.advance(1.0)
        rig.until(lambda: len(rig.tape()) == 4)

        assert said(rig, Counted) == [Counted("tick", 0), Counted("tick", 1)]

    def test_a_timer_that_always_wants_more_holds_up_nobody(self, rig: Rig) -> None:
        asked: list[int] = []
        actor = counter()

        @actor.due
        def greedy(tally: Tally, now_us: int) -> Tick:
            asked.append(now_us)
            return Tick((Work("more"),), next_us=now_us)

        asker, _post = rig.welcome("a"), rig.ready(actor)
        before = len(asked)
        rig.step()
        assert len(asked) == before + 1
        number = asker.ask(Count("A", 1))
        rig.until(lambda: asker.replies)

        assert outcome(asker, number) == "done"

    def test_a_timer_that_fails_is_asked_again_after_a_second(self, rig: Rig) -> None:
        asked: list[int] = []
        actor = counter()

        @actor.due
        def failing(tally: Tally, now_us: int) -> Tick:
            asked.append(now_us)
            raise ValueError("no timer today")

        rig.ready(actor)
        rig.step()
        assert len(asked) == 1
        rig.clock.advance(1.0)
        rig.step()

        assert len(asked) == 2


class TestMailbox:
    """Letters are opened one by one, at the head."""

    @pytest.mark.guarantee("requests")
    def test_a_letter_whose_deadline_passes_while_it_waits_is_not_carried_out(
        self, rig: Rig
    ) -> None:
        asker, post = rig.welcome("a"), rig.ready(counter())
        post.link.down = Without("appended")
        fill(rig, Counted("A", 1))
        rig.until(lambda: post.client.in_flight)
        late = asker.ask(Count("A", 2), within_seconds=1.0)
        patient = asker.ask(Count("A", 3), within_seconds=60.0)
        rig.until(lambda: len(post.runtime._mailbox) == 2)
        rig.beat()
        post.link.down = Line()
        rig.pass_time(lambda: asker.reply_to(patient))

        assert [expired.id for expired in asker.expired] == [late]
        assert said(rig, Counted) == [Counted("A", 1), Counted("A", 3)]

    @pytest.mark.guarantee("back-pressure")
    def test_a_full_mailbox_refuses_the_next_letter(self, rig: Rig) -> None:
        asker, post = rig.welcome("a"), rig.ready(counter())
        post.link.down = Without("appended")
        fill(rig, Counted("A", 1))
        rig.until(lambda: post.client.in_flight)
        for number in range(MAILBOX_MAX):
            asker.ask(Count("A", number), within_seconds=60.0)
        one_too_many = asker.ask(Count("A", 0), within_seconds=60.0)
        rig.until(lambda: asker.reply_to(one_too_many))

        assert outcome(asker, one_too_many) == "overloaded"

    def test_what_an_actor_does_not_know_is_refused(self, rig: Rig) -> None:
        actor = counter()
        actor.decisions.clear()
        asker, _post = rig.welcome("a"), rig.ready(actor)
        unknown_here = asker.ask(Count("A", 1))
        unknown_to_all = asker.client.request("counter", "Erase", b"\x80", 10.0)
        malformed = asker.client.request("counter", "HowMuch", b"\xc0", 10.0)
        rig.until(lambda: len(asker.replies) == 3)

        assert [outcome(asker, n) for n in (unknown_here, unknown_to_all, malformed)] == [
            "unknown_message",
            "bad_message",
            "bad_message",
        ]

    def test_opening_commands_are_carried_out_once_everything_is_heard(self, rig: Rig) -> None:
        fill(rig, Counted("A", 1))
        post = rig.ready(counter(), opening=[Count("A", 1), Count("A", 2)])
        rig.until(lambda: len(post.runtime.state.doubled) == 2)

        assert said(rig, Counted) == [Counted("A", 1), Counted("A", 2)]

    def test_an_actor_that_fails_at_a_command_refuses_it_and_goes_on(
        self, rig: Rig, logged: list[EventDict]
    ) -> None:
        actor = counter()
        decide = actor.decisions.pop(Count)

        @actor.decide(Count)
        def fragile(tally: Tally, command: Count, now_us: int) -> list[Event]:
            if command.number == 13:
                raise ValueError("unlucky")
            events: list[Event] = decide(tally, command, now_us)
            return events

        asker, _post = rig.welcome("a"), rig.ready(actor)
        numbers = [asker.ask(Count("A", number)) for number in (13, 14)]
        rig.until(lambda: len(asker.replies) == 2)

        assert [outcome(asker, number) for number in numbers] == ["internal_error", "done"]
        assert "letter.failed" in [entry["event"] for entry in logged]

    def test_a_command_that_would_say_too_much_is_refused_with_the_reason(self, rig: Rig) -> None:
        actor = counter()

        @actor.decide(Supply)
        def shout(tally: Tally, command: Supply, now_us: int) -> list[Event]:
            return [Noted("diary", "x" * (1 << 20))]

        asker, _post = rig.welcome("a"), rig.ready(actor)
        body = CODEC.body(Supply("A"))
        loud = asker.client.request("counter", "Supply", body, 10.0)
        number = asker.ask(Count("A", 1))
        rig.until(lambda: len(asker.replies) == 2)

        assert [outcome(asker, n) for n in (loud, number)] == ["message_too_large", "done"]
        assert said(rig, Noted) == []

    def test_a_reply_too_large_is_refused_with_the_reason(self, rig: Rig) -> None:
        actor = counter()
        actor.answers.pop(HowMuch)
        actor.answer(HowMuch)(lambda tally, query, now_us: Sum("x" * (1 << 20), 0))
        asker, _post = rig.welcome("a"), rig.ready(actor)
        number = asker.ask(HowMuch("A"))
        rig.until(lambda: asker.replies)

        assert outcome(asker, number) == "message_too_large"

    def test_a_turn_the_tape_refuses_is_refused_to_the_asker_with_the_tapes_reason(
        self, rig: Rig
    ) -> None:
        rig.crash()
        rig.start(RefusingTape)
        asker, post = rig.welcome("a"), rig.ready(counter())
        number = asker.ask(Count("A", 1))
        rig.until(lambda: asker.replies)

        assert outcome(asker, number) == "conflict"
        assert post.runtime.state == Tally()


class RefusingTape(TapeWriter):
    """A tape that refuses every turn."""

    def append(self, turns: Sequence[Append], now_us: int) -> Committed:
        refusals = [AppendRefused(t.mark, "conflict", "no", "decide", 0) for t in turns]
        return Committed([*refusals], [], 0)


class TestDeadLetters:
    """One bad fact costs itself alone."""

    @pytest.mark.guarantee("dead-letters")
    def test_who_cannot_react_to_a_fact_still_knows_it(self, rig: Rig) -> None:
        post = rig.post(mute_counter(at=13))
        fill(rig, *[Counted("A", number) for number in (1, 13, 2)])
        rig.until(lambda: len(rig.tape()) == 6)

        assert rig.events()[3:] == [
            Doubled("A", 2),
            DeadLetter("counter", 2, "count.made.A", "ValueError('speechless')", ATTEMPTS),
            Doubled("A", 4),
        ]
        rig.until(lambda: post.runtime.heard == 6)
        live = post.runtime.state
        rig.kill(post)
        again = rig.ready(mute_counter(at=13))
        rig.until(lambda: again.runtime.heard == 6)
        assert again.runtime.state == live
        assert live.counted == (("A", 1), ("A", 13), ("A", 2))

    @pytest.mark.guarantee("dead-letters")
    def test_a_fact_that_was_buried_is_not_buried_again_by_the_next_process(self, rig: Rig) -> None:
        fragile = fragile_counter()
        post = rig.ready(fragile)
        fill(rig, Counted("A", 13), Counted("A", 1))
        rig.until(lambda: len(post.runtime.state.doubled) == 1)
        rig.kill(post)
        again = rig.ready(fragile_counter())
        fill(rig, Counted("A", 2))
        rig.until(lambda: len(again.runtime.state.doubled) == 2)

        assert len(said(rig, DeadLetter)) == 1
        assert again.runtime.state.counted == (("A", 1), ("A", 2))

    def test_bytes_that_were_buried_are_not_buried_again_by_the_next_process(
        self, rig: Rig
    ) -> None:
        post = rig.ready(counter())
        producer = rig.welcome("p", listening=False)
        body = msgspec.Raw(CODEC.body(Noted("A", "this is no number")))
        producer.client.append((Draft("count.made.A", 1, body),), 0, "logged")
        rig.until(lambda: len(rig.tape()) == 2)
        rig.kill(post)
        again = rig.ready(counter())
        rig.beat()

        assert (len(rig.tape()), again.runtime.heard) == (2, 2)

    @pytest.mark.guarantee("dead-letters")
    def test_a_fact_that_fails_at_first_is_taken_at_a_later_attempt(self, rig: Rig) -> None:
        attempts: list[int] = []
        actor = counter()
        fold = actor.folds.pop(Counted).function

        @actor.evolve(Counted)
        def shaky(tally: Tally, fact: Fact[Counted]) -> Tally:
            attempts.append(fact.seq)
            if len(attempts) < ATTEMPTS:
                raise OSError("not now")
            folded: Tally = fold(tally, fact)
            return folded

        post = rig.ready(actor)
        fill(rig, Counted("A", 1))
        rig.until(lambda: post.runtime.state.doubled)

        assert said(rig, DeadLetter) == []

    def test_a_fact_whose_body_contradicts_its_subject_is_buried_and_harms_nobody(
        self, rig: Rig
    ) -> None:
        post = rig.ready(counter())
        producer = rig.welcome("p")
        body = msgspec.Raw(CODEC.body(Counted("A.B", 1)))
        producer.client.append((Draft("count.made.AB", 1, body),), 0, "logged")
        rig.until(lambda: len(rig.tape()) == 2)

        letter = rig.events()[1]
        assert (letter.seq, letter.subject_of_letter) == (1, "count.made.AB")
        assert post.failure is None

    def test_facts_that_together_say_more_than_a_turn_holds_are_spoken_on_in_several(
        self, rig: Rig
    ) -> None:
        actor = chatty(lambda number: [Doubled("A", number)] * 10)
        fill(rig, *[Counted("A", number) for number in range(400)])
        post = rig.ready(actor)
        rig.until(lambda: len(rig.tape()) == 4_400)

        assert [event.number for event in rig.events()[400:]] == [
            number for number in range(400) for _ in range(10)
        ]
        rig.until(lambda: post.runtime.heard == 4_400)
        assert post.client.dead_letters == 0
        assert post.runtime.state.counted == tuple(("A", number) for number in range(400))

    def test_facts_that_together_say_too_many_bytes_are_spoken_on_in_several(
        self, rig: Rig
    ) -> None:
        actor = chatty(lambda number: [Noted("diary", str(number) + "x" * 900_000)])
        fill(rig, *[Counted("A", number) for number in range(12)])
        rig.ready(actor)
        rig.until(lambda: len(rig.tape()) == 24)

        assert [event.text.rstrip("x") for event in rig.events()[12:]] == [
            str(number) for number in range(12)
        ]

    @pytest.mark.guarantee("dead-letters")
    def test_of_facts_that_were_heard_together_only_what_cannot_be_said_becomes_a_dead_letter(
        self, rig: Rig
    ) -> None:
        actor = chatty(
            lambda number: [Noted("diary", "x" * ((1 << 20) if number == 3 else number))]
        )
        fill(rig, *[Counted("A", number) for number in range(6)])
        rig.ready(actor)
        rig.until(lambda: len(rig.tape()) == 12)

        assert [type(event) for event in rig.events()[6:]] == [
            *[Noted] * 3,
            DeadLetter,
            *[Noted] * 2,
        ]
        [letter] = said(rig, DeadLetter)
        assert isinstance(letter, DeadLetter)
        assert (letter.seq, letter.subject_of_letter) == (4, "count.made.A")


class TestAnswers:
    """A query is answered from a state that has its own echoes, or waits."""

    def test_an_asker_who_waits_is_answered_when_the_actors_own_events_are_back(
        self, rig: Rig
    ) -> None:
        asker, _supplier = rig.welcome("a"), rig.welcome("supplier")
        rig.ready(doubles_only())
        number = asker.ask(HowMuch("A"))
        rig.beat()
        fill(rig, Counted("A", 4))
        rig.until(lambda: asker.replies)

        reply = asker.reply_to(number)
        assert reply is not None
        assert CODEC.decode(Sum, reply.body) == Sum("A", 8)

    def test_the_test_kit_answers_it_likewise(self) -> None:
        deck = given(doubles_only())
        asked = deck.ask("09:30", HowMuch("A"))
        deck.hear(("09:31", Counted("A", 4)))

        assert asked.reply == Sum("A", 8)

    def test_an_actor_that_fails_at_one_who_waits_answers_the_others(self, rig: Rig) -> None:
        actor = counter()
        answer = actor.answers.pop(HowMuch)

        @actor.answer(HowMuch)
        def fragile(tally: Tally, query: HowMuch, now_us: int) -> Message | Need:
            if query.name == "B" and tally.counted:
                raise ValueError("not B")
            reply: Message | Need = answer(tally, query, now_us)
            return reply

        asker, supplier = rig.welcome("a"), rig.welcome("supplier")
        post = rig.ready(actor)
        numbers = [asker.ask(HowMuch(name)) for name in ("B", "A")]
        rig.until(lambda: len(supplier.requests) == 2)
        fill(rig, Counted("A", 4))
        rig.until(lambda: len(asker.replies) == 2)

        assert [outcome(asker, number) for number in numbers] == ["internal_error", "done"]
        assert post.failure is None

    def test_a_need_that_cannot_be_sent_is_refused_once(self, rig: Rig) -> None:
        actor = counter()
        actor.answers.pop(HowMuch)
        need = Need(Supply("x" * (1 << 20)), 5.0, otherwise=Sum("A", -1))
        actor.answer(HowMuch)(lambda tally, query, now_us: need)
        asker, post = rig.welcome("a"), rig.ready(actor)
        number = asker.ask(HowMuch("A"))
        rig.until(lambda: asker.replies)
        for _ in range(10):
            rig.beat()

        assert outcome(asker, number) == "message_too_large"
        assert sum(msgpack.unpackb(frame)[0] == "reply" for frame in post.link.up.carried) == 1

    def test_a_query_refused_tells_why(self, rig: Rig) -> None:
        actor = counter()
        actor.answers.pop(HowMuch)

        @actor.answer(HowMuch)
        def refuse(tally: Tally, query: HowMuch, now_us: int) -> Message:
            raise Refused("unknown_name", f"{query.name} was never counted", "count it first")

        asker, _post = rig.welcome("a"), rig.ready(actor)
        number = asker.ask(HowMuch("A"))
        rig.until(lambda: asker.replies)

        assert outcome(asker, number) == "unknown_name"


class Work(Effect, frozen=True):
    """Something to be done outside."""

    name: str


class TestEffects:
    """Work outside begins after the acknowledgement, and its result is a command."""

    def test_an_effect_begins_when_its_turn_is_on_the_tape_and_its_result_is_told(
        self, rig: Rig
    ) -> None:
        known: list[int] = []

        def do(effect: Effect) -> Count:
            known.append(len(rig.tape()))
            return Count("result", 7)

        post = rig.ready(worker(), do=do, opening=[Count("A", 1)])
        rig.until(lambda: ("result", 7) in post.runtime.state.counted)

        assert known[0] >= 1

    def test_an_effect_does_not_begin_before_its_turn_is_acknowledged(self, rig: Rig) -> None:
        asker, post = rig.welcome("a"), rig.ready(worker())
        post.link.down = Without("appended")
        asker.ask(Count("A", 1))
        rig.until(lambda: post.client.in_flight)
        rig.beat()
        assert not post.runtime._workers._started
        post.link.down = Line()
        rig.pass_time(lambda: asker.replies)

        assert post.runtime._workers._started

    def test_of_a_turn_that_is_refused_nothing_is_done(self, rig: Rig) -> None:
        rig.crash()
        rig.start(RefusingTape)
        done: list[Effect] = []
        asker, post = rig.welcome("a"), rig.ready(worker(), do=done.append)
        number = asker.ask(Count("A", 1))
        rig.until(lambda: asker.replies)
        post.runtime._workers.close()

        assert outcome(asker, number) == "conflict"
        assert done == []


class TestStarting:
    """What a process knows when it begins."""

    def saver(self, rig: Rig, folder: Path) -> SnapshotSaver[Tally]:
        return SnapshotSaver(folder / "counter.snapshot", Tally, Tally, "this code", rig.clock)

    @pytest.mark.guarantee("snapshots")
    def test_a_snapshot_and_the_tail_give_the_state_of_the_whole_tape(
        self, rig: Rig, tmp_path: Path
    ) -> None:
        post = rig.ready(counter(), saver=self.saver(rig, tmp_path))
        fill(rig, Counted("A", 1))
        rig.until(lambda: post.runtime.heard == 2)
        rig.parties.remove(post)
        post.runtime.finish(1.0)
        fill(rig, Counted("A", 2))
        again = rig.ready(counter(), saver=self.saver(rig, tmp_path))
        rig.until(lambda: again.runtime.heard == 4)

        facts = [CODEC.fact(record) for record in rig.tape()]
        assert again.runtime.state == counter().fold(Tally(), facts)

    @pytest.mark.guarantee("regress")
    def test_a_snapshot_from_the_tapes_future_is_a_regress(self, rig: Rig, tmp_path: Path) -> None:
        rig.welcome("p")
        saver = self.saver(rig, tmp_path)
        saver.restore(rig.writer.tape_id if rig.writer else "")
        saver.finish(Tally((("A", 1),)), 99)
        post = rig.post(counter(), saver=self.saver(rig, tmp_path))
        rig.until(lambda: post.failure)

        assert isinstance(post.failure, LogRegressed)

    def test_a_state_is_asked_for_only_after_the_start(self, idle_rig: Rig) -> None:
        post = idle_rig.post(counter())

        with pytest.raises(Exception, match="has not started"):
            _ = post.runtime.state

    def test_an_actor_is_ready_when_it_has_heard_everything_and_not_before(self, rig: Rig) -> None:
        fill(rig, *[Counted("A", number) for number in range(1_500)])
        post = rig.post(counter())
        rig.until(lambda: post.client.ready)

        assert post.runtime.heard == len(rig.tape()) == 3_000


def worker() -> Actor[Tally]:
    """A counter that has work done for each count that is no result."""
    actor = counter()
    decide = actor.decisions.pop(Count)

    @actor.decide(Count)
    def decide_and_work(tally: Tally, command: Count, now_us: int) -> list[Event | Effect]:
        events: list[Event | Effect] = decide(tally, command, now_us)
        return events if command.name == "result" else [*events, Work(command.name)]

    return actor


def doubles_only() -> Actor[Tally]:
    """A counter that tells the sum of the doubles once something was counted."""
    actor = counter()
    actor.answers.pop(HowMuch)

    @actor.answer(HowMuch)
    def answer(tally: Tally, query: HowMuch, now_us: int) -> Sum | Need:
        if not tally.counted:
            return Need(Supply(query.name), 5.0, otherwise=Sum(query.name, -1))
        return Sum(query.name, sum(number for _, number in tally.doubled))

    return actor


def chatty(say: Callable[[int], list[Event]]) -> Actor[Tally]:
    """A counter that says whatever it is told to for each number it hears."""
    actor = counter()
    actor.reactions.clear()

    @actor.react(Counted)
    def react(tally: Tally, fact: Fact[Counted]) -> list[Event]:
        return say(fact.event.number)

    return actor


def mute_counter(at: int) -> Actor[Tally]:
    """A counter that cannot speak of a number."""
    actor = counter()
    react = actor.reactions.pop(Counted).function

    @actor.react(Counted)
    def speak(tally: Tally, fact: Fact[Counted]) -> list[Event]:
        if fact.event.number == at:
            raise ValueError("speechless")
        events: list[Event] = react(tally, fact)
        return events

    return actor
