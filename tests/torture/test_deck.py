"""Kill and stop every process of a whole deck under load, again and again: it heals each time."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from bus.broker import PRESENT_SECONDS
from bus.keeping.verify import inspect
from tests.system.deck import SERVICES, RunningDeck, until
from tests.system.proofs import all_heard, astray, whole, wrongs
from tests.system.publisher import Publisher
from tests.torture.forms import LONG_SECONDS_MAX
from tests.torture.report import record

pytestmark = [
    pytest.mark.xdist_group("deck"),
    pytest.mark.torture,
    pytest.mark.timeout(LONG_SECONDS_MAX),
]

SETTINGS = {
    "TAPEDECK_FETCHER__SOURCES": "simulated",
    "TAPEDECK_SUPERVISOR__RESTARTS": "1000",
    "TAPEDECK_SUPERVISOR__BACKOFF_MAX_SECONDS": "0.2",
}
CHILDREN = ("bus", *SERVICES)
ROUNDS = 30
STOP_EVERY = 4
STOPPED_SECONDS = PRESENT_SECONDS + 0.3
HEAL_SECONDS = 40.0
END_SECONDS = 20.0
WINDOW = 2
"""A publisher as fast as the disk would leave the proof more to read than the test has time."""
SEED = 9


@pytest.mark.guarantee("supervision")
@pytest.mark.guarantee("heartbeats")
@pytest.mark.guarantee("projections")
def test_a_deck_whose_processes_are_killed_and_stopped_in_many_rounds_ends_as_its_tape_says() -> (
    None
):
    chance, began, kills, stops = random.Random(SEED), time.monotonic(), 0, 0
    with RunningDeck(SETTINGS) as deck:
        with Publisher(deck.client("load"), WINDOW) as publisher:
            for number in range(ROUNDS):
                victims = chance.sample(CHILDREN, chance.choice((1, 2, 3, len(CHILDREN))))
                if number % STOP_EVERY:
                    for name in victims:
                        deck.signal_child(name, SIGKILL)
                    kills += len(victims)
                else:
                    _stop(deck, victims)
                    stops += len(victims)
                until(deck.ready, HEAL_SECONDS, f"the deck ready after {victims}")
                _goes_on(publisher)
        until(lambda: all_heard(deck), HEAL_SECONDS, "every service at the head")
        deck.stop()
        records = whole(deck)
        wrong = wrongs(publisher.acknowledged, records)
        strays = astray(deck, records)
        findings = inspect(deck.home / "tape.db").findings
        record(
            "processes of a whole deck",
            kills=kills,
            faults=stops,
            acknowledged=len(publisher.acknowledged),
            resends=publisher.resends,
            silently_wrong=len(strays) + len(findings),
            seconds=time.monotonic() - began,
            **wrong,
        )

    assert (wrong, strays, findings) == ({}, [], ())


@pytest.mark.guarantee("supervision")
def test_a_kill_of_honcho_or_of_any_supervisor_leaves_nothing_and_the_next_deck_goes_on() -> None:
    began, left = time.monotonic(), list[str]()
    with RunningDeck(SETTINGS) as deck:
        with Publisher(deck.client("load"), WINDOW) as publisher:
            for victim in ("honcho", *CHILDREN):
                assert deck.process is not None
                honcho = deck.process.pid
                os.kill(honcho if victim == "honcho" else deck.supervisor_pid(victim), SIGKILL)
                until(lambda: not deck.pids(), END_SECONDS, f"no process left after {victim}")
                assert deck.process.wait(5) != 0
                deck.start()
                deck.wait_ready()
                _goes_on(publisher)
        until(lambda: all_heard(deck), HEAL_SECONDS, "every service at the head")
        deck.stop()
        records = whole(deck)
        wrong = wrongs(publisher.acknowledged, records)
        left = astray(deck, records)
        record(
            "honcho and supervisors",
            kills=1 + len(CHILDREN),
            acknowledged=len(publisher.acknowledged),
            resends=publisher.resends,
            silently_wrong=len(left),
            seconds=time.monotonic() - began,
            **wrong,
        )

    assert (wrong, left) == ({}, [])


def _stop(deck: RunningDeck, names: Sequence[str]) -> None:
    """Stop them for longer than three heartbeats, then let them go on."""
    stopped = [deck.signal_child(name, SIGSTOP) for name in names]
    end = time.monotonic() + STOPPED_SECONDS
    until(lambda: time.monotonic() >= end, STOPPED_SECONDS + 1.0, "the time")
    for pid in stopped:
        os.kill(pid, SIGCONT)


def _goes_on(publisher: Publisher) -> None:
    many = len(publisher.acknowledged) + 20
    until(lambda: len(publisher.acknowledged) >= many, HEAL_SECONDS, "more acknowledgements")
