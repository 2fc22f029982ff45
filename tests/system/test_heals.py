"""Every process may die at any time: it heals, and nothing acknowledged is lost or doubled."""

from __future__ import annotations

import signal

import pytest

from bus.keeping.verify import inspect
from tests.system.deck import SERVICES, RunningDeck, until
from tests.system.proofs import all_heard, astray, whole, wrongs
from tests.system.publisher import Publisher

pytestmark = [pytest.mark.xdist_group("deck"), pytest.mark.timeout(240)]

SIMULATED = {"TAPEDECK_FETCHER__SOURCES": "simulated"}
HEAL_SECONDS = 10.0
"""A service needs 1 to 2; a machine that runs other tests beside it gets twice the promised 5."""


@pytest.mark.guarantee("projections")
def test_killing_each_process_under_load_loses_and_doubles_nothing_acknowledged() -> None:
    with RunningDeck(SIMULATED) as deck:
        with Publisher(deck.client("load")) as publisher:
            for name in ("bus", *SERVICES):
                _kill_and_heal(deck, name)
            many = len(publisher.acknowledged) + 500
            until(lambda: len(publisher.acknowledged) >= many, 30, "more acknowledgements")
        until(lambda: all_heard(deck), 30, "every service at the head")
        died = [line for name in ("bus", *SERVICES) for line in deck.log(name)]
        deck.stop()
        records = whole(deck)
        assert publisher.acknowledged == sorted(publisher.acknowledged)
        assert wrongs(publisher.acknowledged, records) == {}
        assert [line["service"] for line in died if line["event"] == "process.died"] == [
            "bus",
            *SERVICES,
        ]
        assert astray(deck, records) == []
        assert inspect(deck.home / "tape.db").findings == ()


def _kill_and_heal(deck: RunningDeck, name: str) -> None:
    before = deck.signal_child(name, signal.SIGKILL)
    until(lambda: _is_back(deck, name, before), HEAL_SECONDS, f"{name} back")


def _is_back(deck: RunningDeck, name: str, before: int) -> bool:
    return deck.child_pid(name) not in (0, before) and deck.ready() is not None
