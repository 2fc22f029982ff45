"""The collector starts, rests and goes on where the tape ends."""

from __future__ import annotations

import json

from msgspec.structs import replace

from bus.testing import given, microseconds
from market.messages.fetcher import (
    AddTicker,
    CollectorStarted,
    CollectorState,
    CollectorStatus,
    CollectorStopped,
    CycleFinished,
    CycleStarted,
    Restart,
    SourceCalled,
    Start,
    Stop,
    WatchlistAdded,
)
from services.fetcher.actor import build
from services.fetcher.effects import Open
from tests.services.fetcher.kit import OPTIONS, World, called, table

PROTECTED = (WatchlistAdded("SPY"), WatchlistAdded("QQQ"))
COLLECTOR = build(OPTIONS)
SESSIONS = table("2025-01-06", "2027-01-04")


def test_a_first_process_tracks_the_protected_ones_starts_and_begins_a_cycle() -> None:
    deck = given(COLLECTOR)
    deck.tell("15:00", Open())
    assert deck.said == [*PROTECTED, CollectorStarted(by="auto_start"), CycleStarted(by="process")]


def test_the_first_watchlist_counts_only_while_the_tape_has_none() -> None:
    collector = build(replace(OPTIONS, watchlist=("NVDA", "BRK-B", "SPY")))
    first = given(collector)
    first.tell("15:00", Open())
    assert first.state.watchlist == ("SPY", "QQQ", "NVDA", "BRK-B")

    later = given(collector, ("14:00", PROTECTED[0]), ("14:00", PROTECTED[1]))
    later.tell("15:00", Open())
    assert later.state.watchlist == ("SPY", "QQQ")


def test_auto_start_counts_only_while_the_tape_holds_no_start_or_stop() -> None:
    deck = given(COLLECTOR, ("14:00", CollectorStopped()))
    deck.tell("15:00", Open())
    assert deck.said == [*PROTECTED]
    assert not deck.state.running


def test_without_auto_start_nothing_is_fetched_before_somebody_says_start() -> None:
    world, deck = World(), given(build(replace(OPTIONS, auto_start=False)))
    deck.tell("15:00", Open())
    world.run(deck, "16:00")
    assert {source for source, _, _ in called(deck)} == {"calendar"}

    deck.tell("16:00", Start())
    world.play(deck, "16:00")
    assert ("finnhub", "SPY", "quote") in called(deck)


def test_a_process_start_begins_one_cycle_at_once_if_the_collector_runs() -> None:
    deck = given(COLLECTOR, ("14:00", CollectorStarted()))
    deck.tell("15:00", Open())
    assert deck.said == [*PROTECTED, CycleStarted(by="process")]


def test_a_start_begins_one_cycle_at_once_whatever_the_hour() -> None:
    world, deck = World(), given(COLLECTOR, ("2026-01-03T12:00:00", SESSIONS))
    deck.tell("2026-01-04T12:00:00", Open())
    world.play(deck, "2026-01-04T12:00:00")
    deck.tell("2026-01-04T13:00:00", Stop())
    deck.said.clear()

    deck.tell("2026-01-04T13:00:00", Start())
    world.play(deck, "2026-01-04T13:00:00")
    assert deck.said[:2] == [CollectorStarted(), CycleStarted(by="start")]
    assert called(deck) == [
        ("finnhub", "SPY", "quote"),
        ("yahoo", "SPY", "1d"),
        ("finnhub", "QQQ", "quote"),
        ("yahoo", "SPY", "1h"),
        ("yahoo", "QQQ", "1d"),
        ("yahoo", "QQQ", "1h"),
    ]


def test_starting_and_stopping_twice_says_nothing_twice() -> None:
    deck = given(COLLECTOR)
    deck.tell("15:00", Start())
    deck.tell("15:01", Start())
    deck.tell("15:02", Stop())
    deck.tell("15:03", Stop())
    assert deck.said == [CollectorStarted(), CycleStarted(by="start"), CollectorStopped()]


def test_a_stop_before_any_start_keeps_auto_start_from_it() -> None:
    deck = given(COLLECTOR)
    deck.tell("15:00", Stop())
    deck.tell("15:01", Open())
    assert deck.said == [CollectorStopped(), *PROTECTED]


def test_a_restart_is_a_stop_and_a_start() -> None:
    deck = given(COLLECTOR, ("14:00", CollectorStarted()))
    deck.tell("15:00", Restart())
    assert deck.said == [CollectorStopped(), CollectorStarted(), CycleStarted(by="start")]


def test_a_stopped_collector_calls_nobody() -> None:
    world, deck = World(), given(COLLECTOR)
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    deck.tell("15:01", Stop())
    deck.said.clear()
    world.run(deck, "20:00")
    assert [event for event in deck.said if isinstance(event, SourceCalled)] == []


def test_a_new_process_asks_again_for_what_the_dead_one_had_asked() -> None:
    world, deck = World(), given(COLLECTOR)
    deck.tell("15:00", Open())
    deck.tick("15:00")
    deck.effects.clear()  # the process dies with its calls under way

    deck.tell("15:00:02", Open())
    world.play(deck, "15:00:02")
    assert deck.state.series["SPY"].has_bars
    assert called(deck).count(("calendar", "XNYS", "sessions")) == 2


def test_a_call_without_an_answer_is_lost_at_its_deadline_and_made_again() -> None:
    world, deck = World(), given(COLLECTOR, ("14:00", SESSIONS))
    deck.tell("15:00", Open())
    deck.tick("15:00")
    deck.effects.clear()  # a worker that never comes back
    world.run(deck, "15:02")
    assert deck.state.series["SPY"].lane("1d").answered_us > microseconds("15:00:40")


def test_the_status_tells_what_runs_when_and_for_whom() -> None:
    world, deck = World(), given(COLLECTOR)
    deck.tell("15:00", Open())
    deck.tell("15:00", AddTicker("nvda"))
    world.play(deck, "15:00")

    answer = deck.ask("15:00:59", CollectorStatus()).reply
    assert isinstance(answer, CollectorState)
    assert (answer.running, answer.simulated, answer.market) == (True, False, "open")
    assert answer.watchlist == ("SPY", "QQQ", "NVDA")
    assert answer.protected == ("SPY", "QQQ")
    assert answer.last_run_us == microseconds("15:00")
    assert answer.next_run_us == microseconds("15:05:20")
    assert answer.cycle == CycleFinished(microseconds("15:00"), asked=3, brought=3)
    assert {one.source: (one.used, one.limit) for one in answer.budgets} == {
        "finnhub": (3, 60),
        "yahoo": (6, 30),
    }


def test_the_home_has_the_status_and_the_watchlist_as_files() -> None:
    world, deck = World(), given(COLLECTOR)
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    finished = json.loads(world.files.saved["collector_status.json"])
    assert finished["cycle"]["brought"] == 2

    deck.tell("15:01", AddTicker("nvda"))
    deck.perform(world.ports)
    status = json.loads(world.files.saved["collector_status.json"])
    assert json.loads(world.files.saved["watchlist.json"]) == ["SPY", "QQQ", "NVDA"]
    assert (status["running"], status["tickers_tracked"]) == (True, 3)
    assert status["last_run"] == "2026-01-05T15:00:00Z"
    assert status["next_run"] == "2026-01-05T15:05:20Z"
    assert status["cycle"] == {
        "started_at": "2026-01-05T15:00:00Z",
        "asked": 2,
        "brought": 2,
        "missing": {},
    }
