"""Set the wall clock of every process back, forth, still or at random: no promise depends on it."""

from __future__ import annotations

import random
import time

import pytest

from bus.codec import Codec
from market.messages import CONTRACT as MARKET
from market.messages.cache import Snapshot, TickerSnapshot
from tests.torture.asking import asked
from tests.torture.cast import PRODUCERS, begin, goes_on, present, settle, tell
from tests.torture.clocks import SetClock
from tests.torture.forms import forms
from tests.torture.stage import Stage

pytestmark = pytest.mark.xdist_group("torture")

HOUR, DAY = 3_600.0, 86_400.0
JUMPS = 8
SEED = 4
TICKER = "P0"
CODEC = Codec(MARKET)


@pytest.mark.guarantee("clock")
@pytest.mark.guarantee("requests")
@forms("rounds", short=1, long=8)
def test_time_recorded_never_goes_back_and_requests_presence_and_freshness_go_on(
    rounds: int,
) -> None:
    began, chance, steps = time.monotonic(), random.Random(SEED), 0
    with Stage(set_clock=True) as stage:
        wall = stage.place.clock()
        assert isinstance(wall, SetClock)
        begin(stage)
        for _ in range(rounds):
            for offset in (-HOUR, DAY, 0.0):
                wall.step(offset)
                _all_is_well(stage)
            wall.freeze()
            _all_is_well(stage)
            for _ in range(JUMPS):
                wall.step(chance.uniform(-DAY, DAY))
                goes_on(stage, *PRODUCERS)
            _all_is_well(stage)
            steps += 4 + JUMPS
        oracle = settle(stage)
        tell("wall clocks set", stage, oracle, began, faults=steps)

    assert oracle.findings == []


def _all_is_well(stage: Stage) -> None:
    """Everybody is heard and answered, is present, and what has just come is fresh."""
    goes_on(stage, *PRODUCERS, "listener", "asker")
    stage.until(lambda: present(stage) == {"echo", "cache"}, "both actors present")
    stage.until(lambda: not _snapshot(stage).stale, "a fresh snapshot")


def _snapshot(stage: Stage) -> TickerSnapshot:
    return asked(stage.place, Snapshot(TICKER), CODEC)
