"""Every process may die at any time: it heals, and nothing acknowledged is lost or doubled."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Any

import pytest

from bus.actor import Actor
from bus.codec import Codec, Record
from bus.verify import inspect
from config.settings import read_settings
from market.messages import CONTRACT
from market.messages.fetcher import Quote
from services.analyzer.actor import Options
from services.analyzer.actor import build as build_analyzer
from services.fetcher.actor import build as build_fetcher
from services.fetcher.options import options_of
from services.indicators.actor import indicators
from tests.system.deck import SERVICES, RunningDeck, until
from tests.system.folds import cache_folded, cache_rows, folded, snapshot
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
        until(lambda: _all_heard(deck), 30, "every service at the head")
        died = [line for name in ("bus", *SERVICES) for line in deck.log(name)]
        deck.stop()
        records = _whole(deck)
        _assert_each_acknowledged_once(publisher.acknowledged, records)
        assert [line["service"] for line in died if line["event"] == "process.died"] == [
            "bus",
            *SERVICES,
        ]
        _assert_projections_are_the_fold(deck, records)
        assert inspect(deck.home / "tape.db").findings == ()


def _kill_and_heal(deck: RunningDeck, name: str) -> None:
    before = deck.child_pid(name)
    os.kill(before, signal.SIGKILL)
    until(lambda: _is_back(deck, name, before), HEAL_SECONDS, f"{name} back")


def _is_back(deck: RunningDeck, name: str, before: int) -> bool:
    return deck.child_pid(name) not in (0, before) and deck.ready() is not None


def _all_heard(deck: RunningDeck) -> bool:
    health = deck.ready()
    return health is not None and all(s["lag"] == 0 for s in health["services"])


def _whole(deck: RunningDeck) -> list[Record]:
    tape, records = deck.tape(), list[Record]()
    while page := tape.read(len(records), 1_000):
        records += page
    return records


def _assert_each_acknowledged_once(acknowledged: list[int], records: list[Record]) -> None:
    codec = Codec(CONTRACT)
    said = [codec.decode(Quote, r.body).market_time_us for r in records if r.producer == "load"]
    assert acknowledged == sorted(acknowledged)
    assert [n for n, times in Counter(said).items() if times > 1] == []
    assert set(acknowledged) - set(said) == set()
    assert said == sorted(said)


def _assert_projections_are_the_fold(deck: RunningDeck, records: list[Record]) -> None:
    codec = Codec(CONTRACT)
    facts = [codec.fact(record) for record in records]
    settings = read_settings({"TAPEDECK_HOME": str(deck.home), **SIMULATED})
    actors: list[Actor[Any]] = [
        build_analyzer(Options()),
        build_fetcher(options_of(settings)),
        indicators,
    ]
    for actor in actors:
        path = deck.home / "state" / f"{actor.name}.snapshot"
        assert snapshot(path, actor)[0] == folded(actor, facts)
    state = deck.home / "state"
    assert cache_rows(state / "cache.db") == cache_folded(facts, state / "fresh.db")
