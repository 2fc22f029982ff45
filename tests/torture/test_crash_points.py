"""Die at each step of append, commit, publish, ack, fold and save: it is as if it had not died."""

from __future__ import annotations

import random
import time

import pytest

from tests.torture.cast import PRODUCERS, begin, settle, tell
from tests.torture.dying_bus import BUS_POINTS
from tests.torture.forms import forms
from tests.torture.parties import CACHE_POINTS, ECHO_POINTS, PRODUCER_POINTS
from tests.torture.probes import LIFE, Doom
from tests.torture.stage import Stage

pytestmark = pytest.mark.xdist_group("torture")

SEED = 3
POINTS = {
    "bus": BUS_POINTS,
    "echo": ECHO_POINTS,
    "cache": CACHE_POINTS,
    **dict.fromkeys(PRODUCERS, PRODUCER_POINTS),
}


@pytest.mark.guarantee("crash-points")
@pytest.mark.guarantee("tape-first")
@pytest.mark.guarantee("marks")
@forms("rounds", short=1, long=10)
def test_a_death_at_any_step_of_any_process_leaves_no_trace(rounds: int) -> None:
    chance, began = random.Random(SEED), time.monotonic()
    dooms = {
        name: [
            Doom(point, chance.randrange(1, 12 * number + 2))
            for number in range(rounds)
            for point in points
        ]
        for name, points in POINTS.items()
    }
    with Stage() as stage:
        begin(stage)
        for name, coming in dooms.items():
            stage.kill(name)
            stage.restart(name, coming.pop())
        stage.until(lambda: _all_have_died(stage, dooms), "every death")
        oracle = settle(stage)
        tell("deaths at each step", stage, oracle, began)

    assert oracle.findings == []


def _all_have_died(stage: Stage, dooms: dict[str, list[Doom]]) -> bool:
    """Whoever has come to its step goes on, to the next one; true when none is left."""
    for name, coming in dooms.items():
        if stage.died_of_its_doom(name):
            stage.kills += 1
            stage.restart(name, coming.pop() if coming else LIFE)
    return not any(dooms.values()) and not any(stage.is_doomed(name) for name in dooms)
