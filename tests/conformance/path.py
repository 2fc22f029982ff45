"""What the whole way of a message must keep over every transport: broker, tape, client, runtime.

Tests to inherit: a subclass gives its `Wire`. Everything runs in one thread, step by step; frames
are lost, doubled and mixed up by plan, and processes die by being thrown away.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import msgpack
import msgspec
import pytest

from bus.broker import PRESENT_SECONDS
from bus.codec import LIVE_BODY_BYTES_MAX, Append, Draft, Record
from bus.errors import Fenced, StorageFailed
from bus.follower import HELD_RECORDS_MAX
from bus.message import BusState, BusStatus, DeadLetter, Done, Message
from bus.runtime import ATTEMPTS
from bus.saving import SnapshotSaver
from bus.tape import Committed, TapeWriter
from tests.bus.rig import CODEC, Crash, Fate, Line, Rig, Station, Wire
from tests.bus.words import (
    NEED_SECONDS,
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

M = TypeVar("M", bound=Message)

FATES: tuple[Fate, ...] = ("pass", "pass", "pass", "pass", "drop", "twice", "late")


class PathConformance:
    """Inherit, and give a fixture ``wire``."""

    @pytest.fixture
    def rig(self, wire: Wire, tmp_path: Path) -> Iterator[Rig]:
        with closing(Rig(wire, tmp_path)) as rig:
            rig.start()
            yield rig

    # -- what is acknowledged is kept, once ------------------------------------------------

    @pytest.mark.guarantee("tape-first")
    def test_turns_are_kept_once_and_in_order_and_told_live(self, rig: Rig) -> None:
        producer, listener = rig.welcome("p"), rig.welcome("l")
        for number in range(30):
            producer.append(Counted("A", number), Counted("B", number), mark=number)
        rig.until(lambda: len(producer.acks) == 30 and len(listener.records) == 60)

        tape = rig.tape()
        assert [(a.first, a.last) for a in producer.acks] == [(n, n + 1) for n in range(1, 60, 2)]
        assert counted(tape, "A") == counted(tape, "B") == list(range(30))
        assert listener.records == producer.records == tape

    @pytest.mark.guarantee("marks")
    def test_a_lost_acknowledgement_is_given_again_with_the_same_seqs(self, rig: Rig) -> None:
        producer = rig.welcome("p")
        producer.link.down = Line(["drop"])
        producer.append(Counted("A", 0), Counted("A", 1), mark=7)
        rig.until(lambda: len(rig.tape()) == 2)
        assert producer.acks == []
        rig.beat()
        rig.until(lambda: producer.acks)

        assert [(a.mark, a.first, a.last) for a in producer.acks] == [(7, 1, 2)]
        assert counted(rig.tape(), "A") == [0, 1]
        assert rig.broker is not None
        assert rig.broker.state().resends == 1

    @pytest.mark.guarantee("marks")
    def test_a_turn_that_comes_twice_is_kept_and_acknowledged_once(self, rig: Rig) -> None:
        producer = rig.welcome("p")
        producer.link.up = Line(["twice", "twice"])
        producer.append(Counted("A", 0), mark=0)
        producer.append(Counted("A", 1), mark=1)
        rig.until(lambda: len(producer.acks) == 2)
        rig.beat()

        assert counted(rig.tape(), "A") == [0, 1]
        assert [ack.mark for ack in producer.acks] == [0, 1]

    @pytest.mark.guarantee("total-order")
    def test_over_a_wire_that_fails_both_ways_every_turn_is_kept_once_and_in_order(
        self, rig: Rig
    ) -> None:
        producers = [rig.welcome(name, listening=False) for name in ("p", "q")]
        listener = rig.welcome("l")
        for seed, party in enumerate((*producers, listener)):
            party.link.up, party.link.down, party.link.tape = (
                lossy(3 * seed + n) for n in range(3)
            )
        for number in range(40):
            for producer in producers:
                producer.append(Counted(producer.client.service, number), mark=number)
            rig.step()
        rig.pass_time(lambda: all(p.client.in_flight == 0 for p in producers))
        rig.pass_time(lambda: len(listener.records) == 80)

        tape = rig.tape()
        assert counted(tape, "p") == counted(tape, "q") == list(range(40))
        assert listener.records == tape

    @pytest.mark.guarantee("epochs")
    def test_a_twin_is_fenced_and_says_nothing_more(self, rig: Rig) -> None:
        older = rig.welcome("p")
        older.append(Counted("A", 0), mark=0)
        rig.until(lambda: older.acks)
        newer = rig.welcome("p")
        older.append(Counted("A", 666), mark=1)
        newer.append(Counted("A", 1), mark=1)
        rig.until(lambda: older.failure and newer.acks)

        assert isinstance(older.failure, Fenced)
        assert (newer.failure, counted(rig.tape(), "A")) == (None, [0, 1])

    # -- the bus dies and comes back --------------------------------------------------------

    @pytest.mark.guarantee("bus-restart")
    def test_a_bus_that_starts_again_is_found_and_nothing_is_lost_or_doubled(
        self, rig: Rig
    ) -> None:
        producer, listener = rig.welcome("p", listening=False), rig.welcome("l")
        for number in range(60):
            producer.append(Counted("A", number), mark=number)
            if number % 20 == 10:
                rig.step()
                rig.crash()
                rig.step()
                rig.start()
        rig.pass_time(lambda: producer.client.in_flight == 0)
        rig.pass_time(lambda: len(listener.records) == 60)

        assert counted(rig.tape(), "A") == list(range(60))
        assert listener.records == rig.tape()
        assert (producer.failure, listener.failure) == (None, None)

    @pytest.mark.parametrize(
        "point",
        [
            "before the commit",
            "after the commit",
            "before a live frame",
            "after a live frame",
            "before an answer",
            "after an answer",
        ],
    )
    @pytest.mark.guarantee("crash-points")
    def test_a_bus_that_dies_at_any_point_keeps_each_turn_once(self, rig: Rig, point: str) -> None:
        rig.crash()
        rig.start_probed()
        producer, listener = rig.welcome("p"), rig.welcome("l")
        rig.probe.point = point
        for number in range(5):
            producer.append(Counted("A", number), Counted("B", number), mark=number)
        with pytest.raises(Crash):
            rig.until(lambda: len(producer.acks) == 5)
        seen = [record.seq for record in listener.records]
        rig.crash()
        assert seen == [record.seq for record in rig.tape()][: len(seen)]
        rig.start()
        rig.pass_time(lambda: len(producer.acks) == 5 and len(listener.records) == 10)

        tape = rig.tape()
        assert counted(tape, "A") == counted(tape, "B") == list(range(5))
        known = [(a.first, a.last) for a in producer.acks if a.first]
        assert known[-1] == (9, 10)
        assert set(known) <= {(n, n + 1) for n in range(1, 10, 2)}
        assert listener.records == tape

    @pytest.mark.guarantee("disk-full")
    def test_a_disk_that_refuses_is_told_and_appending_goes_on_when_it_takes_again(
        self, rig: Rig
    ) -> None:
        rig.crash()
        rig.start(FullTape)
        producer, listener = rig.welcome("p"), rig.welcome("l")
        assert isinstance(rig.writer, FullTape)
        rig.writer.full = True
        producer.append(Counted("A", 0), mark=0)
        rig.until(lambda: rig.broker and rig.broker.degraded)
        rig.beat()
        assert (producer.acks, producer.refusals, len(rig.tape())) == ([], [], 0)
        rig.writer.full = False
        rig.pass_time(lambda: producer.acks and listener.records)

        assert rig.broker is not None
        assert (counted(rig.tape(), "A"), rig.broker.degraded) == ([0], "")

    # -- listening ------------------------------------------------------------------------

    @pytest.mark.guarantee("gaps")
    def test_with_every_live_frame_lost_a_listener_is_at_the_head_within_two_heartbeats(
        self, rig: Rig
    ) -> None:
        producer, listener = rig.welcome("p"), rig.station("l")
        listener.link.tape = Line(then="drop")
        rig.until(lambda: listener.client.welcome)
        for number in range(50):
            producer.append(Counted("A", number), mark=number)
        rig.until(lambda: len(producer.acks) == 50)
        rig.beat()
        rig.beat()

        assert listener.link.tape.carried == []
        assert listener.records == rig.tape()

    @pytest.mark.guarantee("gaps")
    def test_a_lost_end_is_told_by_the_heartbeat_among_the_live_frames_alone(
        self, rig: Rig
    ) -> None:
        producer, listener = rig.welcome("p"), rig.welcome("l")
        listener.link.down = Line(then="drop")
        listener.link.tape = Line(["drop"])
        producer.append(Counted("A", 0), mark=0)
        rig.until(lambda: producer.acks)
        rig.pass_time(lambda: listener.records)

        assert listener.records == rig.tape()

    @pytest.mark.guarantee("join")
    def test_who_joins_while_others_speak_misses_nothing_and_hears_nothing_twice(
        self, rig: Rig
    ) -> None:
        producer = rig.welcome("p", listening=False)
        joiners: list[Station] = []
        for number in range(60):
            producer.append(Counted("A", number), mark=number)
            if number % 3 == 0:
                joiners.append(rig.station(f"l{number}"))
            rig.step()
        rig.until(lambda: producer.client.in_flight == 0)
        rig.pass_time(lambda: all(len(joiner.records) == 60 for joiner in joiners))

        tape = rig.tape()
        assert [joiner.records == tape for joiner in joiners] == [True] * 20

    @pytest.mark.guarantee("slow-consumers")
    def test_who_is_away_for_long_ends_where_the_others_are(self, rig: Rig) -> None:
        producer, sleeper = rig.welcome("p", listening=False), rig.welcome("l")
        rig.parties.remove(sleeper)
        count = HELD_RECORDS_MAX + 500
        for number in range(0, count, 4):
            producer.append(*[Counted("A", number + n) for n in range(4)], mark=number)
        rig.until(lambda: producer.client.in_flight == 0)
        rig.parties.append(sleeper)
        rig.pass_time(lambda: len(sleeper.records) == count)

        assert sleeper.records == rig.tape()

    @pytest.mark.guarantee("gaps")
    def test_a_body_too_long_to_go_live_is_read_from_the_tape_and_not_waited_for_again(
        self, rig: Rig
    ) -> None:
        producer, listener = rig.welcome("p"), rig.welcome("l")
        long = Noted("diary", "x" * (LIVE_BODY_BYTES_MAX + 1))
        producer.append(long, Counted("A", 1), long, mark=0)
        rig.until(lambda: len(listener.records) == 3)
        rig.beat()

        assert listener.records == rig.tape()
        assert not listener.client.follower.behind

    # -- commands, queries, needs ------------------------------------------------------------

    def test_a_command_is_answered_when_its_own_events_have_come_back(self, rig: Rig) -> None:
        asker, post = rig.welcome("a"), rig.ready(counter())
        heard: list[int] = []

        def tell(frame: bytes) -> None:
            if is_a("reply", frame):
                heard.append(post.runtime.heard)

        post.link.up = Watch(tell)
        number = asker.ask(Count("A", 5))
        rig.until(lambda: asker.reply_to(number))

        assert heard == [answer(asker, number, Done).seq] == [1]
        assert answer(asker, number, Done).said == 1
        rig.until(lambda: len(rig.tape()) == 2)
        assert rig.events() == [Counted("A", 5), Doubled("A", 10)]

    @pytest.mark.guarantee("requests")
    def test_a_command_repeated_changes_nothing_and_succeeds(self, rig: Rig) -> None:
        asker, _post = rig.welcome("a"), rig.ready(counter())
        asker.link.up = Line(["twice"])
        numbers = [asker.ask(Count("A", 5)), asker.ask(Count("A", 5))]
        rig.until(lambda: all(asker.reply_to(number) for number in numbers))

        assert [answer(asker, number, Done).said for number in numbers] == [1, 0]
        assert [e for e in rig.events() if isinstance(e, Counted)] == [Counted("A", 5)]

    def test_a_command_that_is_refused_says_nothing_and_tells_why(self, rig: Rig) -> None:
        asker, _post = rig.welcome("a"), rig.ready(counter())
        number = asker.ask(Count("A", -5))
        rig.until(lambda: asker.reply_to(number))

        reply = asker.reply_to(number)
        assert reply is not None
        assert (reply.code, reply.message, reply.remedy) == (
            "negative",
            "-5 cannot be counted",
            "count upwards",
        )
        assert rig.tape() == []

    def test_equal_needs_go_out_once_and_every_asker_is_answered_by_the_facts(
        self, rig: Rig
    ) -> None:
        askers = [rig.welcome(f"a{n}") for n in range(3)]
        supplier, _post = rig.welcome("supplier"), rig.ready(counter())
        numbers = [asker.ask(HowMuch("A")) for asker in askers[:2]]
        rig.until(lambda: supplier.requests)
        supplier.answer(supplier.requests[0], Done(0))
        rig.beat()
        numbers.append(askers[2].ask(HowMuch("A")))
        rig.beat()
        assert [len(asker.replies) for asker in askers] == [0, 0, 0]
        supplier.append(Counted("A", 4), mark=0)
        rig.until(lambda: all(asker.replies for asker in askers))

        assert [CODEC.request(r.name, r.body) for r in supplier.requests] == [Supply("A")]
        assert [answer(a, n, Sum) for a, n in zip(askers, numbers, strict=True)] == [
            Sum("A", 4)
        ] * 3

    def test_a_need_that_is_not_met_is_answered_otherwise_at_its_deadline(self, rig: Rig) -> None:
        asker, supplier = rig.welcome("a"), rig.welcome("supplier")
        rig.ready(counter())
        number = asker.ask(HowMuch("A"), within_seconds=60.0)
        rig.until(lambda: supplier.requests)
        for _ in range(round(NEED_SECONDS) - 1):
            rig.beat()
        assert asker.replies == []
        rig.clock.advance(1.0)
        rig.until(lambda: asker.replies)

        assert answer(asker, number, Sum) == Sum("A", -1)

    def test_a_need_that_is_refused_is_answered_otherwise_at_once(self, rig: Rig) -> None:
        asker = rig.welcome("a")
        rig.ready(counter())
        number = asker.ask(HowMuch("A"), within_seconds=60.0)
        rig.until(lambda: asker.replies)

        assert answer(asker, number, Sum) == Sum("A", -1)

    @pytest.mark.guarantee("requests")
    def test_a_request_to_an_absent_service_is_refused_at_once(self, rig: Rig) -> None:
        asker = rig.welcome("a")
        number = asker.ask(HowMuch("A"))
        rig.until(lambda: asker.replies)

        assert refusal(asker, number) == "unavailable"

    def test_a_request_to_a_service_that_was_killed_is_refused(self, rig: Rig) -> None:
        asker, service = rig.welcome("a"), rig.welcome("counter")
        rig.kill(service)
        rig.pass_time(lambda: asker.ask(HowMuch("A"), 60.0) and asker.replies, stride_seconds=0.1)

        assert {reply.code for reply in asker.replies} == {"unavailable"}

    @pytest.mark.guarantee("heartbeats")
    def test_a_service_that_is_silent_for_three_heartbeats_counts_as_absent(self, rig: Rig) -> None:
        asker, service = rig.welcome("a"), rig.welcome("counter")
        rig.parties.remove(service)
        rig.clock.advance(PRESENT_SECONDS + 0.1)
        number = asker.ask(HowMuch("A"))
        rig.until(lambda: asker.replies)
        assert refusal(asker, number) == "unavailable"
        rig.parties.append(service)
        rig.beat()
        asker.ask(HowMuch("A"))
        rig.until(lambda: service.requests)

        assert len(service.requests) == 1

    @pytest.mark.guarantee("requests")
    def test_a_request_whose_deadline_has_passed_is_not_carried_out(self, rig: Rig) -> None:
        asker, post = rig.welcome("a"), rig.ready(counter())
        rig.parties.remove(post)
        on_the_way = asker.ask(Count("A", 1), within_seconds=1.0)
        rig.beat()
        rig.until(lambda: asker.expired)
        rig.parties.append(post)
        in_time = asker.ask(Count("A", 2))
        rig.until(lambda: asker.reply_to(in_time))

        assert [expired.id for expired in asker.expired] == [on_the_way]
        assert Counted("A", 1) not in rig.events()

    @pytest.mark.guarantee("observability")
    def test_the_bus_tells_how_it_and_its_clients_fare(self, rig: Rig) -> None:
        asker, post = rig.welcome("a"), rig.ready(counter())
        asker.ask(Count("A", 1))
        rig.until(lambda: asker.replies and post.runtime.heard == 2)
        rig.beat()
        number = asker.ask(BusStatus())
        rig.until(lambda: asker.reply_to(number))

        state = answer(asker, number, BusState)
        assert (state.head, state.events_appended, state.degraded) == (2, 2, "")
        assert [(s.name, s.ready, s.starts) for s in state.services] == [
            ("a", False, 1),
            ("counter", True, 1),
        ]
        assert post.runtime.heard == 2

    # -- turns ---------------------------------------------------------------------------

    @pytest.mark.guarantee("dead-letters")
    def test_a_culprit_becomes_a_dead_letter_and_the_rest_of_its_batch_is_heard(
        self, rig: Rig
    ) -> None:
        producer, post = rig.welcome("p"), rig.post(fragile_counter())
        producer.append(*[Counted("A", number) for number in (1, 13, 2)], mark=0)
        rig.until(lambda: producer.acks)
        rig.until(lambda: post.client.ready)
        rig.until(lambda: len(rig.tape()) == 6)

        assert rig.events()[3:] == [
            Doubled("A", 2),
            DeadLetter("counter", 2, "count.made.A", "ValueError('unlucky')", ATTEMPTS),
            Doubled("A", 4),
        ]
        assert post.runtime.state.counted == (("A", 1), ("A", 2))

    @pytest.mark.guarantee("dead-letters")
    def test_bytes_that_are_no_event_become_a_dead_letter(self, rig: Rig) -> None:
        producer, post = rig.welcome("p"), rig.ready(counter())
        body = msgspec.Raw(CODEC.body(Noted("A", "this is no number")))
        producer.client.append((Draft("count.made.A", 1, body),), 0, "logged")
        rig.until(lambda: post.client.dead_letters and len(rig.tape()) == 2)

        letter = CODEC.fact(rig.tape()[1]).event
        assert (letter.seq, letter.subject_of_letter) == (1, "count.made.A")

    @pytest.mark.guarantee("crash-points")
    @pytest.mark.parametrize("after", ["the append", "the acknowledgement", "the echo"])
    def test_an_actor_that_dies_after_any_step_says_everything_once(
        self, rig: Rig, after: str
    ) -> None:
        producer, post = rig.welcome("p"), rig.ready(counter())
        producer.append(*[Counted("A", number) for number in range(3)], mark=0)
        if after == "the append":
            post.link.down = Line(then="drop")
            rig.until(lambda: len(rig.tape()) > 3)
        if after == "the acknowledgement":
            rig.until(lambda: len(rig.tape()) == 6 and post.client.in_flight == 0)
        if after == "the echo":
            rig.until(lambda: len(post.runtime.state.doubled) == 3)
        rig.kill(post)
        again = rig.ready(counter())
        producer.append(Counted("A", 3), mark=1)
        rig.until(lambda: len(again.runtime.state.doubled) == 4)

        assert [e for e in rig.events() if isinstance(e, Doubled)] == [
            Doubled("A", number * 2) for number in range(4)
        ]
        assert again.runtime.state == folded(rig)

    def test_an_actor_that_is_told_to_end_answers_everybody_saves_and_says_good_bye(
        self, rig: Rig, tmp_path: Path
    ) -> None:
        asker, supplier = rig.welcome("a"), rig.welcome("supplier")
        post = rig.ready(counter(), saver=snapshots(rig, tmp_path))
        asker.ask(Count("A", 0))
        rig.until(lambda: post.runtime.heard == 2)
        waiting = asker.ask(HowMuch("B"))
        rig.until(lambda: supplier.requests)
        in_flight = asker.ask(Count("A", 1))
        rig.until(lambda: is_a("append", post.link.up.carried[-1]))
        rig.parties.remove(post)
        rig.until(lambda: len(rig.tape()) == 3)
        post.runtime.finish(3.0)
        rig.until(lambda: asker.reply_to(waiting) and asker.reply_to(in_flight))
        late = asker.ask(HowMuch("A"))
        rig.until(lambda: asker.reply_to(late))

        assert answer(asker, in_flight, Done) == Done(seq=3, said=1)
        assert refusal(asker, waiting) == refusal(asker, late) == "unavailable"
        assert snapshots(rig, tmp_path).restore(rig.writer.tape_id if rig.writer else "")[1] == 2
        again = rig.ready(counter(), saver=snapshots(rig, tmp_path))
        rig.until(lambda: again.runtime.heard == 4)
        assert again.runtime.state == folded(rig)
        assert again.runtime.state.doubled == (("A", 0), ("A", 2))


# -- helpers ---------------------------------------------------------------------------------


class FullTape(TapeWriter):
    """A tape whose disk can be full."""

    full = False

    def append(self, turns: Sequence[Append], now_us: int) -> Committed:
        if self.full:
            raise StorageFailed("the disk is full", "make room")
        return super().append(turns, now_us)


class Watch(Line):
    """A line that tells of each frame before it goes."""

    def __init__(self, tell: Callable[[bytes], object]) -> None:
        super().__init__()
        self._tell = tell

    def carry(self, frames: Sequence[bytes]) -> list[bytes]:
        for frame in frames:
            self._tell(frame)
        return super().carry(frames)


def lossy(seed: int) -> Line:
    """A line on which three of seven frames do not go as they should, for ever."""
    chance = random.Random(seed)
    return Line(iter(lambda: chance.choice(FATES), "never"))


def snapshots(rig: Rig, folder: Path) -> SnapshotSaver[Tally]:
    return SnapshotSaver(folder / "counter.snapshot", Tally, Tally, "this code", rig.clock)


def folded(rig: Rig) -> Tally:
    """What the tape makes of a counter."""
    return counter().fold(Tally(), [CODEC.fact(record) for record in rig.tape()])


def counted(tape: list[Record], name: str) -> list[int]:
    """The numbers counted under a name."""
    events = [CODEC.fact(record).event for record in tape]
    return [event.number for event in events if event.subject == f"count.made.{name}"]


def is_a(kind: str, frame: bytes) -> bool:
    """Whether the frame is of this kind (see `bus.codec`)."""
    return bool(msgpack.unpackb(frame)[0] == kind)


def answer(station: Station, number: int, kind: type[M]) -> M:
    """The answer to the request of this number."""
    reply = station.reply_to(number)
    assert reply is not None
    assert reply.code == ""
    return CODEC.decode(kind, reply.body)


def refusal(station: Station, number: int) -> str:
    """The code with which the request of this number was refused."""
    reply = station.reply_to(number)
    assert reply is not None
    return reply.code
