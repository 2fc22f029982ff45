"""Evidence reaches down to the provider's bytes, and the operator's own files come first."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.providers import GOOD_KEY, Providers
from tests.system.deck import RunningDeck, until

pytestmark = [pytest.mark.xdist_group("deck"), pytest.mark.timeout(180)]

SECONDS = 60.0


def events(deck: RunningDeck, subject: str) -> list[dict[str, Any]]:
    found = deck.get("/api/events", subject=subject, limit=50).json()["events"]
    return [one["event"] for one in found]


def test_every_answer_that_an_event_names_can_be_read_byte_by_byte_and_holds_no_key() -> None:
    with Providers() as providers:
        environment = {**providers.environment, "FINNHUB_API_KEY": GOOD_KEY}
        with RunningDeck(environment) as deck:
            until(lambda: events(deck, "market.quote.SPY"), SECONDS, "a quote")
            until(lambda: events(deck, "market.bars.SPY.1h"), SECONDS, "hours")
            said = [*events(deck, "market.quote."), *events(deck, "market.bars.SPY.1d")]
            kept = [deck.get(f"/api/raw/{event['answer_hash']}").json() for event in said]
            assert len(kept) >= 3
            for event, raw in zip(said, kept, strict=True):
                assert raw["source"] == event["source"]
                assert raw["ticker"] == event["ticker"]
                assert hashlib.sha256(raw["body"].encode()).hexdigest() == event["answer_hash"]
            assert GOOD_KEY not in str(kept)
            assert deck.get("/api/raw/00000000").status_code == 404


def test_a_file_of_ones_own_is_collected_before_yahoo_is_asked(tmp_path: Path) -> None:
    rows = "\n".join(
        f"{year}-{month:02d}-{day:02d},{100 + day},{105 + day},{95 + day},{102 + day},1000"
        for year in (2024, 2025)
        for month in range(1, 13)
        for day in range(1, 29)
    )
    (tmp_path / "SPY.csv").write_text(f"Date,Open,High,Low,Close,Volume\n{rows}\n")
    with Providers() as providers:
        environment = {
            **providers.environment,
            "TAPEDECK_FETCHER__SOURCES": "files,yahoo",
            "TAPEDECK_FETCHER__FILES_FOLDER": str(tmp_path),
        }
        with RunningDeck(environment) as deck:
            until(lambda: events(deck, "market.bars.SPY.1d"), SECONDS, "days of SPY")
            until(lambda: events(deck, "market.bars.QQQ.1d"), SECONDS, "days of QQQ")
            assert {one["source"] for one in events(deck, "market.bars.SPY.1d")} == {"files"}
            assert {one["source"] for one in events(deck, "market.bars.QQQ.1d")} == {"yahoo"}
