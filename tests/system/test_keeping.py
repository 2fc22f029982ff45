"""A deck's tape is backed up, archived, attached and restored, and the deck goes on with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bus.keeping.verify import inspect
from tests.system.deck import RunningDeck, until

pytestmark = [pytest.mark.xdist_group("keeping"), pytest.mark.timeout(240)]

SIMULATED = {"TAPEDECK_FETCHER__SOURCES": "simulated"}


@pytest.fixture(scope="module")
def deck() -> Iterator[RunningDeck]:
    with RunningDeck(SIMULATED) as running:
        until(lambda: decisions(running), 30, "a decision")
        yield running


def decisions(deck: RunningDeck) -> list[object]:
    return list(deck.get("/api/decisions").json()["events"])


def again(deck: RunningDeck) -> None:
    """Start the deck that was stopped, and wait until it is ready."""
    deck.start()
    deck.wait_ready()


def lived(deck: RunningDeck) -> str:
    """Let the deck say some things twice, and others later; gives the instant between, in text."""
    for path in ("/api/collector/stop", "/api/collector/start") * 2:
        assert deck.post(path).status_code == 200
    instant = datetime.now(UTC)
    until(lambda: datetime.now(UTC) - instant > timedelta(milliseconds=50), 1, "a moment")
    for name in ("add", "remove"):
        assert deck.post(f"/api/collector/ticker/{name}", ticker="INTC").status_code == 200
    return instant.isoformat()


@pytest.mark.guarantee("archive")
def test_a_deck_goes_on_behind_its_archive_and_says_what_it_cannot_know_without_it(
    deck: RunningDeck,
) -> None:
    instant = lived(deck)
    running = deck.cli("archive", "--before", instant)
    assert (running.returncode, "stop it first" in running.stderr) == (1, True)
    early = {"as_of": instant.replace("+00:00", "Z")}
    deck.stop()
    done = deck.cli("archive", "--before", instant, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    last = msgspec.json.decode(done.stdout)["manifest"]["last"]

    again(deck)
    assert decisions(deck)
    assert deck.get("/api/tickers/SPY/snapshot").status_code == 200
    told = deck.get("/api/analyze/SPY", as_of="2026-01-01T00:00:00Z")
    assert (told.status_code, told.json()["error"]["code"]) == (410, "truncated")
    assert "archive --attach FILE" in told.json()["error"]["remedy"]
    assert deck.get("/api/events", from_seq=1).status_code == 410
    typed = deck.cli("events", "--from-seq", "1")
    assert (typed.returncode, "archive --attach FILE" in typed.stderr) == (1, True)

    assert deck.cli("archive", "--attach", f"tape-1-{last}.xz").returncode == 0
    assert deck.get("/api/events", from_seq=1).json()["events"][0]["seq"] == 1
    assert deck.get("/api/tickers/SPY/bars", **early).status_code == 200
    assert deck.cli("verify").returncode == 0


@pytest.mark.guarantee("archive")
def test_a_service_that_must_fold_again_what_was_archived_stops_the_deck_and_says_how_to_go_on(
    deck: RunningDeck,
) -> None:
    instant = lived(deck)
    deck.stop()
    deck.cli("archive", "--before", instant)
    archives = msgspec.json.decode(deck.cli("archive", "--list", "--json").stdout)["archives"]
    for archive in archives:
        deck.cli("archive", "--detach", archive["path"])
    (deck.home / "state" / "indicators.snapshot").unlink()

    deck.start()
    assert deck.process is not None
    assert deck.process.wait(30) != 0
    assert "archive --attach FILE" in deck.terminal()
    for archive in archives:
        assert deck.cli("archive", "--attach", archive["path"]).returncode == 0
    again(deck)


@pytest.mark.guarantee("backup")
def test_a_backup_of_a_running_deck_is_restored_and_the_deck_goes_on_from_there(
    deck: RunningDeck,
) -> None:
    made = deck.cli("backup", "--json")
    assert made.returncode == 0, made.stderr
    backup = msgspec.json.decode(made.stdout)
    deck.post("/api/collector/ticker/add", ticker="AMD")
    refused = deck.cli("restore", backup["path"], "--yes")
    assert (refused.returncode, "stop it first" in refused.stderr) == (1, True)
    deck.stop()
    done = deck.cli("restore", backup["path"], "--yes", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = msgspec.json.decode(done.stdout)
    assert told["replaced"]["newer"] > 0

    again(deck)
    assert "AMD" not in deck.get("/api/collector/status").json()["watchlist"]
    deck.stop()
    report = inspect(deck.home / "tape.db")
    assert (report.findings, report.tape_id) == ((), told["tape_id"])
    assert report.head >= backup["head"]
