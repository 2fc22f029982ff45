"""Raw pyzmq, DEALER to ROUTER to DEALER and back over ipc: four hops without a protocol on them."""

from __future__ import annotations

import zmq

from bench.bus.payload import body
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch, monotonic_us
from bench.observing import delay_of, observed
from bench.worker import Gate, Worker

_HERE = b"here"


def round_trip(room: Room) -> Sample:
    """One question at a time, its answer the same 212 bytes; each process only waits and passes."""
    with room.home() as home:
        url, questions = f"ipc://{home}/router", room.paced
        workers = {
            "server": Worker(route, url=url, questions=questions),
            "subscriber": Worker(answer, url=url, questions=questions),
            "producer": Worker(ask, url=url, questions=questions),
        }
        return delay_of("producer", observed(workers))


def route(gate: Gate, url: str, questions: int) -> Span:
    """Be the server: pass each message from one of the two to the other."""
    router = zmq.Context().socket(zmq.ROUTER)
    router.bind(url)
    (first, _), (second, _) = router.recv_multipart(), router.recv_multipart()
    other = {first: second, second: first}
    gate.wait()
    watch = Stopwatch()
    for _ in range(2 * questions):
        sender, message = router.recv_multipart()
        router.send_multipart([other[sender], message])
    return watch.span(questions)


def answer(gate: Gate, url: str, questions: int) -> Span:
    """Be the service that is asked."""
    dealer = _dealer(url)
    gate.wait()
    watch = Stopwatch()
    for _ in range(questions):
        dealer.send(dealer.recv())
    return watch.span(questions)


def ask(gate: Gate, url: str, questions: int) -> Span:
    """Ask, wait for the answer, ask again; the time of each."""
    dealer, question = _dealer(url), body(0)
    gate.wait()
    watch = Stopwatch()
    delays: list[float] = []
    for _ in range(questions):
        asked_us = monotonic_us()
        dealer.send(question)
        dealer.recv()
        delays.append(float(monotonic_us() - asked_us))
    return watch.span(questions, delays)


def _dealer(url: str) -> zmq.Socket[bytes]:
    dealer = zmq.Context().socket(zmq.DEALER)
    dealer.connect(url)
    dealer.send(_HERE)
    return dealer
