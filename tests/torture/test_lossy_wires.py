"""Wires that lose, double, delay, reorder and break: at their ends everything is whole."""

from __future__ import annotations

import random
import time

import pytest

from tests.torture import journal
from tests.torture.cast import PRODUCERS, begin, goes_on, settle, tell
from tests.torture.forms import forms
from tests.torture.proxy import proxy
from tests.torture.stage import Stage

pytestmark = pytest.mark.xdist_group("torture")

SEED = 11
VICTIMS = ("bus", "echo", "P", "listener")


@pytest.mark.guarantee("gaps")
@pytest.mark.guarantee("marks")
@pytest.mark.guarantee("acks")
@forms("kills", short=2, long=60)
def test_frames_lost_doubled_delayed_and_reordered_and_connections_cut_change_nothing(
    kills: int,
) -> None:
    chance, began = random.Random(SEED), time.monotonic()
    with Stage(proxied=True) as stage:
        stage.start("proxy", proxy, seed=SEED)
        begin(stage, rate=20.0)
        while stage.kills < kills:
            goes_on(stage, *PRODUCERS, rows=10)
            victim = chance.choice(VICTIMS)
            stage.kill(victim)
            stage.restart(victim)
        oracle = settle(stage)
        stage.end("proxy")
        [row] = journal.rows(stage.place.journal("proxy"))
        tell("lossy wires", stage, oracle, began, faults=row.value)

    assert oracle.findings == []
