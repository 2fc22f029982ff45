"""Die at each step of append, commit, publish, ack, fold and save: it is as if it had not died."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pytest

from tests.torture.cast import PRODUCERS, begin, settle, tell
from tests.torture.dying_bus import BUS_POINTS
from tests.torture.forms import forms
from tests.torture.parties import CACHE_POINTS, ECHO_POINTS, PRODUCER_POINTS
from tests.torture.probes import LIFE, Doom
from tests.torture.stage import Stage

pytestmark = pytest.mark.xdist_group("torture")

SEED = 3
RARE = (
    "after Welcome",
    "after the restore",
    "before a file is written",
    "before a file is renamed",
)
"""Some of these steps come once in the life of a process, or once a second."""
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
    began = time.monotonic()
    dooms = {name: _dooms(points, rounds) for name, points in POINTS.items()}
    with Stage() as stage:
        begin(stage)
        for name, coming in dooms.items():
            stage.kill(name)
            stage.restart(name, coming.pop())
        while any(map(stage.is_doomed, dooms)):
            stage.until(lambda: _someone_died(stage, dooms), "a death")
        oracle = settle(stage)
        tell("deaths at each step", stage, oracle, began)

    assert oracle.findings == []


def _dooms(points: Sequence[str], rounds: int) -> list[Doom]:
    """Each point as often as there are rounds, further and further into the life of a process."""
    chance = random.Random(SEED)
    return [
        Doom(point, 1 if point in RARE else chance.randrange(1, 12 * number + 2))
        for number in range(rounds)
        for point in points
    ]


def _someone_died(stage: Stage, dooms: dict[str, list[Doom]]) -> bool:
    """Whether somebody came to its step; its next process goes on, to the next step."""
    dead = [name for name in dooms if stage.died_of_its_doom(name)]
    for name in dead:
        stage.kills += 1
        stage.restart(name, dooms[name].pop() if dooms[name] else LIFE)
    return bool(dead)
