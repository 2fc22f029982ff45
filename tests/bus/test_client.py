"""A client's window: what it sent is kept once and in order, whatever gets lost on the way."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.broker import ANSWERS_A_MESSAGE_MAX
from bus.client import ASKED_MAX, HELLO_SECONDS, UNACKED_BYTES_MAX, UNACKED_MAX
from bus.codec import PACKED_BYTES_MAX, PACKED_MAX, TURN_EVENTS_MAX, Appended, decode_frames
from bus.errors import Fenced, LogRegressed, MessageTooLarge, Overloaded
from bus.message import Counters
from bus.reading import TapeReader
from tests.bus.rig import Fate, Line, Rig, Station
from tests.bus.words import Count, Counted, HowMuch, Noted, Sum


def numbers(rig: Rig) -> list[int]:
    return [event.number for event in rig.events()]


def send_window(station: Station, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        station.append(Counted("A", number), mark=number)


@pytest.mark.guarantee("total-order")
def test_a_window_of_turns_is_acknowledged_in_order(rig: Rig) -> None:
    producer = rig.welcome("p")
    send_window(producer, 20)
    rig.until(lambda: producer.client.in_flight == 0)

    assert [ack.mark for ack in producer.acks] == list(range(20))
    assert [(ack.first, ack.last) for ack in producer.acks] == [(n, n) for n in range(1, 21)]
    assert producer.client.standing.mark == 19


@given(plan=st.lists(st.sampled_from(["pass", "drop", "twice", "late"]), max_size=30))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.guarantee("marks")
def test_lost_doubled_and_late_turns_are_kept_once_and_in_order(rig: Rig, plan: list[Fate]) -> None:
    producer = rig.welcome("p")
    producer.link.up = Line(plan)
    first = (producer.client.standing.mark or 0) + 1
    send_window(producer, 10, first)
    rig.pass_time(lambda: producer.client.in_flight == 0)
    mine = [record.heard for record in rig.tape() if record.heard >= first]
    rig.kill(producer)

    assert mine == list(range(first, first + 10))


@pytest.mark.parametrize("culprit", [0, 1, 2])
@pytest.mark.guarantee("total-order")
def test_the_turns_after_a_refused_one_follow_the_turn_before_it(rig: Rig, culprit: int) -> None:
    producer = rig.welcome("p")
    for number in range(3):
        expected = 99 if number == culprit else None
        producer.append(Counted("A", number), mark=number, expected=expected)
    rig.pass_time(lambda: producer.client.in_flight == 0)

    assert [refusal.code for refusal in producer.refusals] == ["conflict"]
    assert [refusal.mark for refusal in producer.refusals] == [culprit]
    assert numbers(rig) == [number for number in range(3) if number != culprit]


def test_a_turn_after_a_refused_one_that_was_alone_is_kept(rig: Rig) -> None:
    producer = rig.welcome("p")
    producer.append(Counted("A", 0), mark=0, expected=99)
    rig.until(lambda: producer.refusals)
    producer.append(Counted("A", 1), mark=1)
    rig.until(lambda: producer.acks)

    assert numbers(rig) == [1]


def test_a_turn_follows_the_last_one_though_only_an_earlier_one_is_not_acknowledged(
    rig: Rig,
) -> None:
    producer = rig.welcome("p")
    producer.link.down = Line(["drop"])
    send_window(producer, 1)
    rig.until(lambda: numbers(rig) == [0])
    send_window(producer, 1, first=1)
    rig.until(lambda: [ack.mark for ack in producer.acks] == [1])
    producer.append(Counted("A", 2), mark=2)
    rig.pass_time(lambda: producer.client.in_flight == 0)

    assert numbers(rig) == [0, 1, 2]


@pytest.mark.guarantee("marks")
def test_a_mark_comes_once_because_a_second_turn_under_it_would_count_as_a_repetition(
    rig: Rig,
) -> None:
    producer = rig.welcome("p")
    producer.append(Counted("A", 0), mark=5)
    for mark in (5, 4):
        with pytest.raises(ValueError, match="already sent mark 5"):
            producer.append(Counted("A", 1), mark=mark)
    rig.until(lambda: producer.acks)
    with pytest.raises(ValueError, match="already sent mark 5"):
        producer.append(Counted("A", 1), mark=5)

    assert numbers(rig) == [0]


@pytest.mark.guarantee("back-pressure")
def test_a_turn_too_large_is_refused_before_it_is_sent(rig: Rig) -> None:
    producer = rig.welcome("p")
    for events in (
        [Noted("b", "x" * 1_000_000)] * 9,
        [Counted("A", 0)] * (TURN_EVENTS_MAX + 1),
    ):
        with pytest.raises(MessageTooLarge):
            producer.append(*events, mark=0)

    assert producer.client.in_flight == 0


@pytest.mark.guarantee("back-pressure")
def test_a_window_of_large_turns_is_bounded_in_bytes_and_opens_again(rig: Rig) -> None:
    producer = rig.welcome("p")
    large = [Noted("b", "x" * 1_000_000)] * 8
    most = -(-UNACKED_BYTES_MAX // 8_000_000)
    for number in range(most):
        producer.append(*large, mark=number)
    with pytest.raises(Overloaded, match="bytes: poll before appending more"):
        producer.append(Counted("A", 0), mark=most)
    rig.pass_time(lambda: producer.client.in_flight == 0)
    producer.append(*large, mark=most)
    rig.pass_time(lambda: producer.client.in_flight == 0)

    assert len(producer.acks) == most + 1


def test_a_client_that_is_not_welcome_yet_cannot_append(idle_rig: Rig) -> None:
    station = idle_rig.station("p")

    with pytest.raises(Overloaded, match="not connected yet"):
        station.append(Counted("A", 0), mark=0)


@pytest.mark.guarantee("back-pressure")
def test_a_full_window_is_told_and_opens_again(rig: Rig) -> None:
    producer = rig.welcome("p", listening=False)
    send_window(producer, UNACKED_MAX)
    with pytest.raises(Overloaded, match="poll before appending more"):
        producer.append(Counted("A", 0), mark=UNACKED_MAX)
    rig.until(lambda: producer.client.in_flight == 0)
    producer.append(Counted("A", 0), mark=UNACKED_MAX)
    rig.until(lambda: producer.client.in_flight == 0)

    assert len(producer.acks) == UNACKED_MAX + 1


@pytest.mark.guarantee("bus-restart")
def test_a_bus_that_is_away_finds_no_more_copies_of_a_turn_than_it_can_use(rig: Rig) -> None:
    producer = rig.welcome("p")
    rig.crash()
    producer.append(Counted("A", 0), mark=0)
    for _ in range(60):
        rig.clock.advance(1.0)
        rig.step()
    copies = [frame for frame in producer.link.up.carried if frame[1:8] == b"\xa6append"]
    rig.start()
    rig.pass_time(lambda: producer.acks)

    assert len(copies) == 1
    assert numbers(rig) == [0]


def test_turns_said_together_travel_together_and_so_do_their_answers(rig: Rig) -> None:
    producer = rig.welcome("p")
    before = len(producer.link.up.carried), len(producer.link.down.carried)
    send_window(producer, PACKED_MAX + 1)
    rig.until(lambda: producer.client.in_flight == 0)
    sent = [kinds(one) for one in producer.link.up.carried[before[0] :]]
    heard = [kinds(one) for one in producer.link.down.carried[before[1] :]]

    assert sent[:2] == [["Append"] * PACKED_MAX, ["Append"]]
    assert sum(one.count("Appended") for one in heard) == PACKED_MAX + 1
    assert max(len(one) for one in heard) == ANSWERS_A_MESSAGE_MAX


def test_turns_too_large_to_travel_together_travel_alone(rig: Rig) -> None:
    producer = rig.welcome("p")
    before = len(producer.link.up.carried)
    for mark in range(3):
        producer.append(Noted("b", "x" * (PACKED_BYTES_MAX // 2)), mark=mark)
    rig.until(lambda: producer.client.in_flight == 0)

    assert [kinds(one) for one in producer.link.up.carried[before:]] == [["Append"]] * 3


def kinds(message: bytes) -> list[str]:
    """What is in a message."""
    return [type(frame).__name__ for frame in decode_frames(message)]


@pytest.mark.guarantee("bus-restart")
def test_a_lost_turn_is_sent_again_after_the_next_heartbeat(rig: Rig) -> None:
    producer = rig.welcome("p")
    producer.link.up = Line(["drop"])
    producer.append(Counted("A", 0), mark=0)
    rig.beat()
    rig.until(lambda: producer.acks)

    assert (numbers(rig), producer.client.standing.resends) == ([0], 1)


@pytest.mark.guarantee("bus-restart")
def test_what_was_lost_on_the_way_is_sent_again_as_soon_as_the_bus_misses_it(rig: Rig) -> None:
    producer = rig.welcome("p")
    producer.link.up = Line(["drop"])
    for mark in range(3):
        producer.append(Counted("A", mark), mark=mark)
        rig.step()
    rig.until(lambda: producer.client.in_flight == 0)  # and no time passes

    assert (numbers(rig), producer.client.standing.resends) == ([0, 1, 2], 3)


@pytest.mark.guarantee("bus-restart")
def test_what_is_lost_again_waits_for_its_time_however_often_the_bus_misses_it(rig: Rig) -> None:
    producer = rig.welcome("p")
    producer.link.up = Line(["drop", "pass", "pass", "drop"])
    for mark in range(3):
        producer.append(Counted("A", mark), mark=mark)
        rig.step()
    for _ in range(3):
        rig.step()
    at_once = (numbers(rig), producer.client.standing.resends)
    rig.pass_time(lambda: producer.client.in_flight == 0)

    assert (at_once, numbers(rig)) == (([], 3), [0, 1, 2])


@pytest.mark.guarantee("epochs")
def test_greeting_a_bus_that_is_slow_to_start_again_and_again_gives_one_epoch(
    idle_rig: Rig,
) -> None:
    service = idle_rig.station("p")
    for _ in range(20):
        idle_rig.clock.advance(HELLO_SECONDS)
        idle_rig.step()
    idle_rig.start()
    idle_rig.until(lambda: service.client.welcome)
    idle_rig.beat()
    idle_rig.beat()

    assert (service.failure, service.client.standing.epoch) == (None, 1)


@pytest.mark.guarantee("epochs")
def test_a_lost_welcome_costs_no_second_epoch(rig: Rig) -> None:
    service = rig.station("p")
    service.link.down = Line(["drop", "drop"])
    rig.pass_time(lambda: service.client.welcome)

    assert service.client.standing.epoch == 1


@pytest.mark.guarantee("epochs")
def test_a_welcome_for_another_epoch_fences(rig: Rig) -> None:
    older = rig.welcome("p")
    rig.welcome("p")
    rig.pass_time(lambda: older.failure)

    assert isinstance(older.failure, Fenced)


@pytest.mark.guarantee("requests")
def test_a_request_expires_at_its_deadline_and_a_later_answer_is_nobodys(rig: Rig) -> None:
    asker, counter = rig.welcome("a"), rig.welcome("counter")
    number = asker.ask(HowMuch("A"), within_seconds=2.0)
    rig.until(lambda: counter.requests)
    rig.clock.advance(1.9)
    rig.step()
    assert asker.expired == []
    rig.clock.advance(0.1)
    rig.step()
    assert [expired.id for expired in asker.expired] == [number]
    counter.answer(counter.requests[0], Sum("A", 1))
    rig.beat()

    assert asker.replies == []


def test_a_client_waits_no_longer_than_to_its_next_deadline(rig: Rig) -> None:
    asker, _counter = rig.welcome("a"), rig.welcome("counter")
    rig.beat()
    asker.ask(HowMuch("A"), within_seconds=0.25)
    asker.ask(HowMuch("A"), within_seconds=9.0)
    asker.client.poll(30.0)

    assert asker.link.waits[-1] == pytest.approx(0.25)


@pytest.mark.guarantee("requests")
def test_an_answer_that_comes_twice_counts_once(rig: Rig) -> None:
    asker, counter = rig.welcome("a"), rig.welcome("counter")
    asker.link.down = Line(["twice"])
    number = asker.ask(HowMuch("A"))
    rig.until(lambda: counter.requests)
    counter.answer(counter.requests[0], Sum("A", 1))
    rig.until(lambda: asker.reply_to(number))
    rig.beat()

    assert len(asker.replies) == 1


@pytest.mark.guarantee("back-pressure")
def test_too_many_open_requests_are_refused(rig: Rig) -> None:
    asker, _counter = rig.welcome("a"), rig.welcome("counter")
    for number in range(ASKED_MAX):
        asker.ask(Count("A", number))

    with pytest.raises(Overloaded, match="ask less at a time"):
        asker.ask(Count("A", 0))


@pytest.mark.guarantee("strangers")
def test_bytes_that_are_no_frame_are_counted_and_passed_over(rig: Rig) -> None:
    station = rig.welcome("p")
    station.link.down = Noise([b"", b"noise", b"\x91\xa3who"])
    rig.beat()

    assert station.client.follower.bad_frames == 3
    assert station.failure is None


@pytest.mark.guarantee("observability")
def test_what_a_client_met_with_is_told_to_the_bus_with_the_next_greeting(rig: Rig) -> None:
    producer, listener = rig.welcome("p", listening=False), rig.welcome("l")
    producer.link.up, producer.link.down = Line(["drop"]), Noise([b"noise"])
    listener.client.dead_letters = 2
    producer.append(Counted("A", 0), mark=0)
    rig.beat()
    rig.until(lambda: listener.records)
    listener.link.tape = Line(["drop"])
    producer.append(Counted("A", 1), Counted("A", 2), mark=1)
    rig.until(lambda: len(listener.records) == 3)
    rig.beat()

    assert rig.broker is not None
    told = {service.name: service.counters for service in rig.broker.state().services}
    assert told == {
        "p": Counters(resends=1, bad_frames=1),
        "l": Counters(dead_letters=2, gaps=1),
    }


class Noise(Line):
    """A line that brings bytes of its own before the first frame."""

    def __init__(self, noise: list[bytes]) -> None:
        super().__init__()
        self.noise = noise

    def carry(self, frames: list[bytes]) -> list[bytes]:  # type: ignore[override]
        noise, self.noise = self.noise, []
        return noise + list(frames)


@pytest.mark.guarantee("heartbeats")
def test_a_good_bye_makes_the_service_absent_at_once(rig: Rig) -> None:
    asker, counter = rig.welcome("a"), rig.welcome("counter")
    rig.parties.remove(counter)
    counter.client.close()
    number = asker.ask(HowMuch("A"))
    rig.until(lambda: asker.reply_to(number))

    reply = asker.reply_to(number)
    assert reply is not None
    assert reply.code == "unavailable"


def test_what_was_said_last_leaves_before_the_good_bye(rig: Rig) -> None:
    producer = rig.welcome("p")
    before = len(producer.link.up.carried)
    send_window(producer, 2)
    producer.client.close()
    rig.until(lambda: numbers(rig) == [0, 1])

    said = [kinds(one) for one in producer.link.up.carried[before:]]
    assert said == [["Append", "Append"], ["Bye"]]


@pytest.mark.guarantee("regress")
def test_an_older_copy_of_the_tape_under_a_running_listener_is_a_regress(rig: Rig) -> None:
    producer, listener = rig.welcome("p"), rig.welcome("l")
    send_window(producer, 5)
    rig.until(lambda: len(listener.records) == 5)
    copy = rig.path.with_name("copy.db")
    with closing(sqlite3.connect(rig.path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    send_window(producer, 5, first=5)
    rig.until(lambda: len(listener.records) == 10)
    rig.crash()
    for suffix in ("", "-wal", "-shm", "-witness"):
        rig.path.with_name(rig.path.name + suffix).unlink(missing_ok=True)
    copy.rename(rig.path)
    rig.start()
    rig.pass_time(lambda: listener.failure)

    assert isinstance(listener.failure, LogRegressed)


@pytest.mark.guarantee("regress")
def test_another_tape_under_a_running_client_is_a_regress(rig: Rig) -> None:
    listener = rig.welcome("l")
    rig.crash()
    rig.path.unlink()
    rig.start()
    rig.pass_time(lambda: listener.failure)

    assert isinstance(listener.failure, LogRegressed)


def test_the_tape_is_opened_once_and_read_by_position(rig: Rig) -> None:
    producer = rig.welcome("p")
    send_window(producer, 3)
    rig.until(lambda: len(producer.records) == 3)

    assert producer.client.tape() is producer.client.tape()
    with closing(TapeReader(rig.path)) as reader:
        assert producer.records == reader.read(0, 10)


def test_the_acknowledgement_travels_as_the_protocol_says(rig: Rig) -> None:
    producer = rig.welcome("p")
    producer.append(Counted("A", 0), mark=7)
    rig.until(lambda: producer.acks)

    assert decode_frames(producer.link.down.carried[-1]) == (
        Appended(7, 1, 1, rig.clock.now_us(), "logged"),
    )
