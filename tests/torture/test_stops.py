"""Stop any process for longer than three heartbeats and let it go on: it only takes longer."""

from __future__ import annotations

import random
import time

import pytest

from bus.broker import PRESENT_SECONDS
from tests.system.deck import until
from tests.torture.cast import EVERYBODY, PRODUCERS, begin, goes_on, present, settle, tell
from tests.torture.forms import forms
from tests.torture.stage import Stage

pytestmark = pytest.mark.xdist_group("torture")

STOPPED_SECONDS = PRESENT_SECONDS + 0.3
SEED = 5
SPEAKERS = (*PRODUCERS, "listener", "asker")


def let_pass(seconds: float) -> None:
    """Wait until so much time has passed."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() >= end, seconds + 1.0, "the time")


@pytest.mark.guarantee("heartbeats")
@forms("rounds", short=1, long=12)
def test_processes_stopped_for_three_heartbeats_are_absent_and_go_on_as_if_nothing_had_been(
    rounds: int,
) -> None:
    chance, began, stops = random.Random(SEED), time.monotonic(), 0
    with Stage() as stage:
        begin(stage)
        for number in range(rounds):
            stopped = list(EVERYBODY[1:])
            if number % 2:
                stopped = chance.sample(EVERYBODY, chance.randrange(1, len(EVERYBODY)))
            stage.stop(*stopped)
            if number % 2:
                let_pass(STOPPED_SECONDS)
            else:
                stage.until(lambda: not present(stage), "the actors absent")
            stage.go_on(*chance.sample(stopped, len(stopped)))
            goes_on(stage, *SPEAKERS)
            stage.until(lambda: present(stage) == {"echo", "cache"}, "the actors back")
            stops += len(stopped)
        oracle = settle(stage)
        tell("processes stopped", stage, oracle, began, faults=stops)

    assert oracle.findings == []


@pytest.mark.guarantee("heartbeats")
@pytest.mark.guarantee("bus-restart")
@pytest.mark.parametrize("how", ["stopped", "held"])
@forms("deaths", short=3, long=20)
def test_services_that_die_while_the_bus_is_stopped_are_not_fenced_by_their_predecessors(
    deaths: int, how: str
) -> None:
    began, chance = time.monotonic(), random.Random(SEED)
    with Stage() as stage:
        begin(stage)
        for _ in range(0, deaths, 3):
            (stage.stop if how == "stopped" else stage.hold)("bus")
            for _ in range(3):
                for name in ("P", "echo"):
                    stage.kill(name)
                    stage.restart(name)
                let_pass(chance.uniform(0.2, 1.2))
            (stage.go_on if how == "stopped" else stage.let_go)("bus")
            goes_on(stage, *SPEAKERS)
        oracle = settle(stage)
        tell("deaths while the bus is stopped", stage, oracle, began)

    assert oracle.findings == []
