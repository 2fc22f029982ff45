"""A back-fill is cancelled while its provider hangs, and stays so whoever is killed meanwhile."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.fakes.faults import Hang
from tests.fakes.providers import Providers
from tests.system.deck import RunningDeck, until

pytestmark = [pytest.mark.xdist_group("deck"), pytest.mark.timeout(180)]

SECONDS = 60.0


def jobs(deck: RunningDeck) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in deck.get("/api/jobs").json()["jobs"]}


def has_bars(deck: RunningDeck, ticker: str) -> bool:
    return deck.get(f"/api/tickers/{ticker}/bars", timeframe="1h").status_code == 200


def test_a_cancelled_back_fill_rests_over_a_kill_until_its_ticker_is_fetched() -> None:
    with Providers() as providers:
        providers.plan.always("yahoo", Hang(), symbol="NVDA")
        settings = {**providers.environment, "TAPEDECK_FETCHER__WATCHLIST": "NVDA"}
        with RunningDeck(settings) as deck:
            until(lambda: has_bars(deck, "SPY"), SECONDS, "hours of SPY")
            until(lambda: set(jobs(deck)) == {"backfill.NVDA"}, SECONDS, "NVDA's job alone")
            assert jobs(deck)["backfill.NVDA"]["state"] == "running"

            told = deck.cli("cancel", "backfill.NVDA")
            assert (told.returncode, "is cancelled" in told.stdout) == (0, True)
            assert "cancelled" in deck.cli("jobs").stdout
            providers.plan.clear()
            deck.signal_child("fetcher", signal.SIGKILL)
            until(lambda: len(begun(deck)) > 1, SECONDS, "a new process")
            until(lambda: len(ended(deck)) > 0, SECONDS, "the end of its cycle")
            assert jobs(deck)["backfill.NVDA"]["state"] == "cancelled"
            assert not has_bars(deck, "NVDA")

            deck.cli("fetch", "NVDA")
            until(lambda: has_bars(deck, "NVDA"), SECONDS, "hours of NVDA")
            assert jobs(deck) == {}


def begun(deck: RunningDeck) -> list[int]:
    """The seqs of the cycles that processes began with."""
    found = deck.get("/api/events", subject="collector.cycling", limit=50).json()["events"]
    return [one["seq"] for one in found if one["event"]["by"] == "process"]


def ended(deck: RunningDeck) -> list[int]:
    """The seqs of the cycles that ended since the last process began."""
    found = deck.get("/api/events", subject="collector.cycled", limit=50).json()["events"]
    return [one["seq"] for one in found if one["seq"] > begun(deck)[-1]]
