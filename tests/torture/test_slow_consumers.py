"""A reader that stalls hurts itself alone, and costs the broker no more than its full queue."""

from __future__ import annotations

import time
from functools import partial

import pytest

from bus.transport.listeners import LIVE_FRAMES_MAX
from tests.torture import journal
from tests.torture.cast import goes_on
from tests.torture.dying_bus import bus
from tests.torture.forms import forms
from tests.torture.oracle import Oracle
from tests.torture.parties import listener, producer
from tests.torture.report import record
from tests.torture.stage import Stage
from tests.torture.words import padded_turn

pytestmark = pytest.mark.xdist_group("torture")

BODY_BYTES = 30_000
FULL_RATE = 1e6
STALLED_BYTES_MAX = LIVE_FRAMES_MAX * (BODY_BYTES + 1_000)
"""What waits for one stalled reader: a full queue of whole frames; the others are dropped."""
SLACK_BYTES = 24 << 20
"""A batch of the producer's frames on its way through the broker, twice, and what malloc keeps."""


@pytest.mark.guarantee("slow-consumers")
@forms("turns", short=2_500, long=30_000)
def test_a_reader_stalled_at_full_rate_delays_nobody_and_the_brokers_memory_stays_bounded(
    turns: int,
) -> None:
    began = time.monotonic()
    with Stage() as stage:
        _begin(stage, "quick", "stalled")
        stage.until(lambda: stage.told("P") > 300, "the first turns")
        before = most = stage.resident_bytes("bus")
        stage.stop("stalled")
        wanted, heard = stage.told("P") + turns, stage.told("quick") + turns

        def enough() -> bool:
            nonlocal most
            most = max(most, stage.resident_bytes("bus"))
            return stage.told("P") >= wanted and stage.told("quick") >= heard

        stage.until(enough, "the others going on, for more than fills every queue")
        stage.go_on("stalled")
        oracle = _settle(stage, "quick", "stalled")
        _tell("a stalled reader", stage, oracle, began)

    assert oracle.findings == []
    assert most - before < STALLED_BYTES_MAX + SLACK_BYTES


@pytest.mark.guarantee("bus-restart")
@pytest.mark.guarantee("gaps")
@forms("restarts", short=1, long=20)
def test_a_reader_that_does_not_even_poll_while_the_bus_starts_again_ends_equal(
    restarts: int,
) -> None:
    began = time.monotonic()
    with Stage() as stage:
        _begin(stage, "quick", "absent-minded", rate=300.0)
        for _ in range(restarts):
            stage.hold("absent-minded")
            stage.kill("bus")
            stage.restart("bus")
            goes_on(stage, "P", rows=100)
            stage.let_go("absent-minded")
            goes_on(stage, "absent-minded")
        oracle = _settle(stage, "quick", "absent-minded")
        _tell("a reader that does not poll", stage, oracle, began)

    assert oracle.findings == []


def _begin(stage: Stage, *listeners: str, rate: float = FULL_RATE) -> None:
    stage.start("bus", bus)
    stage.until((stage.place.folder / "tape").exists, "the bus")
    for name in listeners:
        stage.start(name, listener)
    stage.start("P", producer, pad=BODY_BYTES, rate=rate)
    stage.until(lambda: all(map(stage.told, ("P", *listeners))), "a word of everybody")


def _settle(stage: Stage, *listeners: str) -> Oracle:
    stage.end("P")
    oracle = Oracle({"P": partial(padded_turn, "P", size=BODY_BYTES)})
    tape = stage.tape()
    while oracle.head < tape.head():
        oracle.look(tape.read(oracle.head, 2_000))
    stage.until(lambda: all(stage.last(n) == oracle.head for n in listeners), "the head heard")
    stage.end(*listeners)
    stage.end("bus")
    oracle.finish()
    oracle.told("P", journal.rows(stage.place.journal("P")))
    for name in listeners:
        oracle.heard(name, journal.rows(stage.place.journal(name)))
    return oracle


def _tell(scenario: str, stage: Stage, oracle: Oracle, began: float) -> None:
    record(
        scenario,
        kills=stage.kills,
        faults=max(1, stage.kills),
        acknowledged=oracle.acknowledged,
        seconds=time.monotonic() - began,
        **oracle.counts,
    )
