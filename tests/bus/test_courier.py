"""A client on a thread of its own: no future is ever left without an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import Any

import pytest
from structlog.typing import EventDict

from bus.actor import Refused
from bus.client import Client
from bus.codec import Record
from bus.courier import WAITING_MAX, Courier
from bus.errors import BadMessage, BusError, Fenced, MessageTooLarge, Overloaded, Unavailable
from bus.message import BusState, BusStatus, Done
from bus.ports import Link
from bus.reading import TapeReader
from tests.bus.rig import CODEC, DEADLINE_SECONDS, Rig, until
from tests.bus.words import Count, Counted, HowMuch, Sum, Supply, counter


class Gate:
    """A link whose reader gets nothing, and does not get on, before it is opened."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.opened = threading.Event()
        self.send = link.send
        self.live = link.live
        self.wake = link.wake
        self.close = link.close

    def receive(self, timeout_seconds: float) -> list[bytes]:
        self.opened.wait(DEADLINE_SECONDS)
        return self._link.receive(timeout_seconds)


@contextmanager
def courier_on(
    rig: Rig,
    on_records: Callable[[list[Record]], None] = lambda records: None,
    *,
    held: bool = False,
) -> Iterator[Courier]:
    """A courier of the rig's bus; the test steps the rig, the courier runs, unless held."""
    gate = Gate(rig.wire.link())
    if not held:
        gate.opened.set()
    client = Client("gateway", gate, lambda: TapeReader(rig.path), rig.clock)
    courier = Courier(client, CODEC, lambda: TapeReader(rig.path), on_records)
    try:
        yield courier
    finally:
        gate.opened.set()
        courier.close()


def let_go(courier: Courier) -> None:
    """Let a held courier run."""
    gate = courier._client._link
    assert isinstance(gate, Gate)
    gate.opened.set()


def settled(rig: Rig, future: Future[Any]) -> Any:
    """The future's answer, or what it fails with."""
    rig.until(future.done)
    return future.exception(0) or future.result(0)


def expire(rig: Rig, courier: Courier, future: Future[Any]) -> Any:
    """What the future fails with when its time is up."""

    def pass_time() -> None:
        rig.clock.advance(1.0)
        courier._client.wake()
        rig.step()

    until(future.done, pass_time)
    return future.exception(0)


def test_commands_and_queries_are_answered_with_what_their_class_promises(rig: Rig) -> None:
    rig.ready(counter())
    with courier_on(rig) as courier:
        assert settled(rig, courier.ask(Count("A", 5))) == Done(seq=1, said=1)
        assert settled(rig, courier.ask(HowMuch("A"))) == Sum("A", 5)
        assert isinstance(settled(rig, courier.ask(BusStatus())), BusState)


def test_a_refusal_is_raised_with_its_code_and_remedy(rig: Rig) -> None:
    rig.ready(counter())
    with courier_on(rig) as courier:
        refusal = settled(rig, courier.ask(Count("A", -1)))

    assert isinstance(refusal, Refused)
    assert (refusal.code, refusal.remedy) == ("negative", "count upwards")


@pytest.mark.guarantee("requests")
def test_an_absent_service_is_unavailable_at_once(rig: Rig) -> None:
    with courier_on(rig) as courier:
        assert isinstance(settled(rig, courier.ask(Supply("A"))), Unavailable)


@pytest.mark.guarantee("requests")
def test_a_service_that_does_not_answer_is_unavailable_at_the_deadline(rig: Rig) -> None:
    rig.welcome("supplier")
    with courier_on(rig) as courier:
        failure = expire(rig, courier, courier.ask(Supply("A"), within_seconds=2.5))

    assert isinstance(failure, Unavailable)
    assert "supplier did not answer Supply in 2.5 s" in str(failure)


def test_a_bus_that_is_not_there_is_unavailable_at_the_deadline(idle_rig: Rig) -> None:
    with courier_on(idle_rig) as courier:
        failure = expire(idle_rig, courier, courier.ask(Supply("A"), within_seconds=2.5))

    assert isinstance(failure, Unavailable)


def test_what_is_asked_before_the_bus_is_there_is_answered_when_it_comes(idle_rig: Rig) -> None:
    with courier_on(idle_rig) as courier:
        early = courier.ask(BusStatus())
        idle_rig.start()
        assert isinstance(settled(idle_rig, early), BusState)


def test_an_answer_of_the_wrong_shape_is_a_bad_message(rig: Rig) -> None:
    liar = rig.welcome("counter")
    with courier_on(rig) as courier:
        future = courier.ask(HowMuch("A"))
        rig.until(lambda: liar.requests)
        liar.answer(liar.requests[0], Done(1))
        assert isinstance(settled(rig, future), BadMessage)


def test_a_message_too_large_is_told_to_who_asks(rig: Rig) -> None:
    with courier_on(rig) as courier:
        assert isinstance(settled(rig, courier.ask(Supply("x" * (1 << 20)))), MessageTooLarge)


def test_records_are_handed_on_in_order_from_the_head_on(rig: Rig) -> None:
    producer = rig.welcome("p")
    producer.append(Counted("A", 0), mark=0)
    rig.until(lambda: producer.acks)
    heard: list[Record] = []
    with courier_on(rig, heard.extend) as courier:
        rig.until(lambda: courier.head == 1)
        for number in range(1, 100):
            producer.append(Counted("A", number), mark=number)
        rig.until(lambda: courier.head == 100)

    assert heard == rig.tape()[1:]


def test_any_thread_reads_the_tape_by_a_connection_of_its_own(rig: Rig) -> None:
    producer = rig.welcome("p")
    producer.append(Counted("A", 0), Counted("A", 1), mark=0)
    rig.until(lambda: producer.acks)
    pages: list[list[Record]] = []
    with courier_on(rig) as courier:
        reading = threading.Thread(target=lambda: pages.append(courier.read(0, 10)))
        reading.start()
        reading.join(DEADLINE_SECONDS)
        assert pages == [courier.read(0, 10)] == [rig.tape()]
        assert courier.tape() is courier.tape()


def test_one_who_goes_away_before_the_question_is_sent_harms_nobody(rig: Rig) -> None:
    service = rig.welcome("supplier")
    with courier_on(rig, held=True) as courier:
        gone, patient = courier.ask(Supply("A")), courier.ask(Supply("B"))
        assert gone.cancel()
        let_go(courier)
        rig.until(lambda: service.requests)
        service.answer(service.requests[0], Done(3))
        assert settled(rig, patient) == Done(3)
        assert courier.failure is None
    with pytest.raises(CancelledError):
        gone.result(0)
    assert len(service.requests) == 1


def test_one_who_goes_away_after_the_question_was_sent_harms_nobody(rig: Rig) -> None:
    service = rig.welcome("supplier")
    with courier_on(rig) as courier:
        impatient = courier.ask(Supply("A"))
        rig.until(lambda: service.requests)
        impatient.cancel()
        service.answer(service.requests[0], Done(3))
        patient = courier.ask(Supply("B"))
        rig.until(lambda: len(service.requests) == 2)
        service.answer(service.requests[1], Done(4))
        assert settled(rig, patient) == Done(4)
        assert courier.failure is None


def test_a_listener_that_fails_ends_the_courier_and_nobody_waits_in_vain(
    rig: Rig, logged: list[EventDict]
) -> None:
    def fail(records: list[Record]) -> None:
        raise ValueError("no more news")

    service, producer = rig.welcome("supplier"), rig.welcome("p")
    with courier_on(rig, fail) as courier:
        asked = courier.ask(Supply("A"), within_seconds=60.0)
        rig.until(lambda: service.requests and courier._client.ready)
        producer.append(Counted("A", 0), mark=0)
        failure = settled(rig, asked)
        assert isinstance(failure, BusError)
        assert "no more news" in str(failure)
        assert courier.failure is failure is settled(rig, courier.ask(Supply("B")))
    assert "courier.failed" in [entry["event"] for entry in logged]


@pytest.mark.guarantee("epochs")
def test_a_twin_ends_the_courier_and_its_failure_says_so(rig: Rig) -> None:
    with courier_on(rig) as courier:
        rig.until(lambda: courier._client.welcome)
        rig.welcome("gateway")

        def pass_time() -> None:
            rig.clock.advance(1.0)
            courier._client.wake()
            rig.step()

        until(lambda: courier.failure, pass_time)
        assert isinstance(courier.failure, Fenced)


def test_whoever_still_waits_at_the_end_is_told(rig: Rig) -> None:
    service = rig.welcome("supplier")
    with courier_on(rig) as courier:
        waiting = courier.ask(Supply("A"), within_seconds=60.0)
        rig.until(lambda: service.requests)
        courier.close()
        assert isinstance(waiting.exception(0), Unavailable)
        assert isinstance(courier.ask(Supply("B")).exception(0), Unavailable)


@pytest.mark.guarantee("back-pressure")
def test_more_than_can_wait_are_refused(rig: Rig) -> None:
    with courier_on(rig, held=True) as courier:
        futures = [courier.ask(Supply("A")) for _ in range(WAITING_MAX + 1)]
        assert isinstance(futures[-1].exception(0), Overloaded)
        let_go(courier)


def test_a_request_to_the_courier_is_refused(rig: Rig) -> None:
    asker = rig.welcome("a")
    with courier_on(rig) as courier:
        rig.until(lambda: courier._client.welcome)
        asker.client.request("gateway", "Supply", CODEC.body(Supply("A")), 10.0)
        rig.until(lambda: asker.replies)

    assert asker.replies[0].code == "unknown_message"
