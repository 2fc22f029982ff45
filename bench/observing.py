"""A run: its processes begin together, and each tells what it did and what that cost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack

import msgspec

from bench.cases import Sample
from bench.measures import Span, cpu_seconds, percentile, resident_mb
from bench.worker import Worker

SETTLING = 10
"""The tenth part of the delays at the beginning is left out: caches and connections are cold."""
SETTLING_SECONDS = 1.0
IDLE_SECONDS = 5.0


class Observation(msgspec.Struct, frozen=True):
    """What each process did, and the CPU microseconds an event of each and of the server."""

    spans: dict[str, Span]
    cpu_us: dict[str, float]


def observed(
    workers: Mapping[str, Worker], *, server_pid: int | None = None, served: int = 1
) -> Observation:
    """Start the workers, begin them in order once all are ready, and wait for all.

    ``served`` are the events that the server takes meanwhile, those of a warm-up among them.
    """
    with ExitStack() as running:
        for worker in workers.values():
            running.enter_context(worker)
        for worker in workers.values():
            worker.ready()
        before = cpu_seconds(server_pid) if server_pid else 0.0
        for worker in workers.values():
            worker.begin()
        spans = {role: worker.result() for role, worker in workers.items()}
        cpu_us = {role: span.cpu_us for role, span in spans.items()}
        if server_pid:
            cpu_us["server"] = (cpu_seconds(server_pid) - before) * 1e6 / served
        return Observation(spans, cpu_us)


def rate_of(role: str, observation: Observation) -> Sample:
    """Events a second, as one of the processes counted them."""
    span = observation.spans[role]
    return Sample(span.rate, observation.cpu_us, span.notes)


def delay_of(role: str, observation: Observation) -> Sample:
    """The median delay in microseconds, as one of the processes saw it."""
    span = observation.spans[role]
    settled = span.delays_us[len(span.delays_us) // SETTLING :]
    notes = {"p99_us": percentile(settled, 99), "rate_per_second": span.rate}
    return Sample(percentile(settled, 50), observation.cpu_us, notes)


def idle(server_pid: int, crowd: Worker | None = None) -> Sample:
    """The server's CPU in percent of one core while nobody speaks; a crowd is connected, silent."""
    with ExitStack() as running:
        if crowd:
            running.enter_context(crowd)
            crowd.ready()
            crowd.begin()
        time.sleep(SETTLING_SECONDS)
        before = cpu_seconds(server_pid)
        time.sleep(IDLE_SECONDS)
        percent = (cpu_seconds(server_pid) - before) / IDLE_SECONDS * 100
        return Sample(percent, notes={"rss_mb": resident_mb(server_pid)})
