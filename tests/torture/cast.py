"""The cast of most scenarios: two producers, a listener, an onlooker, two actors and an asker."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

from bus.codec import Codec, Record
from bus.keeping.verify import inspect
from bus.message import BusStatus, Fact
from market.messages import CONTRACT as MARKET
from tests.system.folds import cache_folded, cache_rows, folded, snapshot
from tests.torture import journal
from tests.torture.asking import asked
from tests.torture.dying_bus import bus
from tests.torture.oracle import Oracle
from tests.torture.parties import asker, cache_actor, echo_actor, listener, onlooker, producer
from tests.torture.report import record
from tests.torture.stage import Stage
from tests.torture.words import CONTRACT, echo, turn_of

PRODUCERS = ("P", "Q")
EVERYBODY = ("bus", *PRODUCERS, "listener", "onlooker", "echo", "cache", "asker")
PAGE = 2_000


def begin(stage: Stage, rate: float = 60.0) -> None:
    """Start everybody; each has something to tell when this returns."""
    stage.start("bus", bus)
    stage.until((stage.place.folder / "tape").exists, "the bus")
    for name in PRODUCERS:
        stage.start(name, producer, rate=rate)
    stage.start("listener", listener)
    stage.start("onlooker", onlooker)
    stage.start("echo", echo_actor)
    stage.start("cache", cache_actor)
    stage.start("asker", asker)
    speakers = (*PRODUCERS, "listener", "onlooker", "asker")
    stage.until(lambda: all(map(stage.told, speakers)), "a word of everybody")


def goes_on(stage: Stage, *names: str, rows: int = 1) -> None:
    """Each of them has so much more to tell before this returns."""
    wanted = {name: stage.told(name) + rows for name in names}
    what = f"{', '.join(names)} going on"
    stage.until(lambda: all(stage.told(name) >= wanted[name] for name in names), what)


def present(stage: Stage) -> set[str]:
    """The actors that the bus takes for present and ready."""
    services = asked(stage.place, BusStatus()).services
    return {each.name for each in services if each.ready and each.name in ("echo", "cache")}


def settle(stage: Stage) -> Oracle:
    """Let everybody come to the end of the tape and end; gives what the oracle thinks of it all."""
    stage.end(*PRODUCERS, "asker")
    oracle = Oracle({name: partial(turn_of, name) for name in PRODUCERS})
    tape = stage.tape()

    def read_on() -> bool:
        oracle.look(tape.read(oracle.head, PAGE))
        return oracle.head == tape.head()

    stage.until(lambda: read_on() and oracle.settled, "a word of the echo on every quote")
    stage.until(lambda: _cache_position(stage) >= oracle.last_quote, "the cache at the head")
    stage.end("echo", "cache")  # nobody speaks any more
    stage.until(lambda: read_on() and stage.last("listener") == oracle.head, "the head heard")
    stage.end("listener", "onlooker")
    stage.end("bus")
    _ask_everybody(stage, oracle)
    _look_at_projections(stage, oracle)
    return oracle


def tell(scenario: str, stage: Stage, oracle: Oracle, began: float, faults: int = 0) -> None:
    """Put the scenario into the torture report."""
    resent = [stage.place.journal(f"{name}.resends") for name in PRODUCERS]
    record(
        scenario,
        kills=stage.kills,
        faults=faults,
        acknowledged=oracle.acknowledged,
        resends=sum(row.value for path in resent for row in journal.rows(path)),
        seconds=time.monotonic() - began,
        **oracle.counts,
    )


def _cache_position(stage: Stage) -> int:
    """Where the cache's tables stand."""
    uri = f"{stage.place.tables('cache').as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        [(position,)] = db.execute("SELECT value FROM meta WHERE name = 'position'")
    return int(position)


def _ask_everybody(stage: Stage, oracle: Oracle) -> None:
    oracle.finish()
    for name in PRODUCERS:
        oracle.told(name, journal.rows(stage.place.journal(name)))
    oracle.answered(journal.rows(stage.place.journal("asker")))
    oracle.heard("listener", journal.rows(stage.place.journal("listener")))
    oracle.seen("onlooker", journal.rows(stage.place.journal("onlooker")))
    for finding in inspect(stage.place.tape_path).findings:
        oracle.find("silently_wrong", f"seq {finding.seq} {finding.what}")


def _look_at_projections(stage: Stage, oracle: Oracle) -> None:
    place = stage.place
    state, position = snapshot(place.snapshot("echo"), echo())
    facts = [fact for fact in _facts(stage, Codec(CONTRACT)) if fact.seq <= position]
    if state != folded(echo(), facts):
        oracle.find("silently_wrong", "the echo's snapshot is not the fold of the tape")
    fresh = cache_folded(_facts(stage, Codec(MARKET)), place.tables("fresh"))
    if cache_rows(place.tables("cache")) != fresh:
        oracle.find("silently_wrong", "the cache's tables are not the fold of the tape")


def _facts(stage: Stage, codec: Codec) -> list[Fact[Any]]:
    return [codec.fact(each) for each in _records(stage) if codec.knows(each.subject)]


def _records(stage: Stage) -> Iterator[Record]:
    tape, after = stage.tape(), 0
    while page := tape.read(after, PAGE):
        yield from page
        after = page[-1].seq
