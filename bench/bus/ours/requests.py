"""A question and its answer between two processes, by way of the broker."""

from __future__ import annotations

from bench.bus.broker import client_of, running_bus
from bench.bus.payload import body
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch, monotonic_us
from bench.observing import delay_of, observed
from bench.worker import Gate, Worker
from bus.codec import Reply, Request

WITHIN_SECONDS = 10.0


def round_trip(room: Room) -> Sample:
    """One question at a time, its answer the same 212 bytes; the producer asks."""
    with room.home() as home, running_bus(home) as bus:
        workers = {
            "subscriber": Worker(answer, home=str(home), questions=room.paced),
            "producer": Worker(ask, home=str(home), questions=room.paced),
        }
        return delay_of("producer", observed(workers, server_pid=bus.pid, served=room.paced))


def answer(gate: Gate, home: str, questions: int) -> Span:
    """Be the service that is asked."""
    client = client_of(home, "answering")
    answered = 0
    gate.wait()
    watch = Stopwatch()
    while answered < questions:
        for request in client.poll(1.0):
            if isinstance(request, Request):
                client.reply(Reply(request.id, request.origin, request.body))
                answered += 1
    client.poll(0.0)
    return watch.span(questions)


def ask(gate: Gate, home: str, questions: int) -> Span:
    """Ask, wait for the answer, ask again; the time of each."""
    client = client_of(home, "asking")
    question = body(0)
    gate.wait()
    watch = Stopwatch()
    delays: list[float] = []
    for _ in range(questions):
        asked_us = monotonic_us()
        number = client.request("answering", "Echo", question, WITHIN_SECONDS)
        while not any(isinstance(r, Reply) and r.id == number for r in client.poll(1.0)):
            continue
        delays.append(float(monotonic_us() - asked_us))
    return watch.span(questions, delays)
