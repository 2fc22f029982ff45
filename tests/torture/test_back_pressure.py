"""A producer that a stopped bus does not take from is told so, and its memory stays bounded."""

from __future__ import annotations

import time
from functools import partial

import pytest

from bus.client import UNACKED_BYTES_MAX, UNACKED_MAX
from tests.torture import journal
from tests.torture.dying_bus import bus
from tests.torture.forms import forms
from tests.torture.oracle import Oracle
from tests.torture.parties import greedy, producer
from tests.torture.report import record
from tests.torture.stage import Stage
from tests.torture.words import padded_turn

pytestmark = pytest.mark.xdist_group("torture")

REFUSALS = 5
"""Each comes a poll after the one before, so that the producer goes on trying for a second."""
KEPT_TIMES = 3
"""A turn that waits is kept as drafts, as the frame in the socket's queue, and as what malloc and
the kernel keep beside them."""


@pytest.mark.guarantee("back-pressure")
@pytest.mark.parametrize("size", [pytest.param(500, id="many"), pytest.param(60_000, id="large")])
@forms("stops", short=1, long=10)
def test_a_producer_against_a_stopped_bus_is_refused_keeps_its_memory_bounded_and_goes_on(
    stops: int, size: int
) -> None:
    began = time.monotonic()
    window_bytes = min(UNACKED_BYTES_MAX + size, UNACKED_MAX * (size + 1_000))
    with Stage() as stage:
        stage.start("bus", bus)
        stage.start("idle", producer, pad=1, rate=0.001)
        stage.start("P", greedy, pad=size)
        stage.until(lambda: stage.told("P"), "the first acknowledgement")
        held = max(_stop_and_go_on(stage) for _ in range(stops))
        stage.end("P", "idle")
        stage.end("bus")
        refused = [row.value for row in journal.rows(stage.place.journal("P.refusals"))]
        oracle = Oracle({"P": partial(padded_turn, "P", size=size)})
        tape = stage.tape()
        while oracle.head < tape.head():
            oracle.look(tape.read(oracle.head, 2_000))
        oracle.finish()
        oracle.told("P", journal.rows(stage.place.journal("P")))
        record(
            "a producer against a stopped bus",
            faults=stops,
            acknowledged=oracle.acknowledged,
            seconds=time.monotonic() - began,
            **oracle.counts,
        )

    assert oracle.findings == []
    assert 0 < max(refused) <= min(UNACKED_MAX, UNACKED_BYTES_MAX // size + 1)
    assert held < KEPT_TIMES * window_bytes


def _stop_and_go_on(stage: Stage) -> int:
    """Stop the bus until the producer was refused often; gives what it holds beyond an idle one."""
    stage.stop("bus")
    refusals = stage.told("P.refusals") + REFUSALS
    most = 0

    def refused_often() -> bool:
        nonlocal most
        most = max(most, stage.resident_bytes("P") - stage.resident_bytes("idle"))
        return stage.told("P.refusals") >= refusals

    stage.until(refused_often, "the producer refused")
    told = stage.told("P")
    stage.go_on("bus")
    stage.until(lambda: stage.told("P") > told + UNACKED_MAX // 4, "the producer going on")
    return most
