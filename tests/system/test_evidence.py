"""Evidence reaches down to the provider's bytes, and the operator's own files come first."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.faults import AnyFault
from tests.fakes.providers import GOOD_KEY, Providers
from tests.fakes.wire import Answer, Request
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


class Recording(Providers):
    """The providers, who remember every body that they sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: set[bytes] = set()

    def respond(self, request: Request) -> tuple[Answer, AnyFault | None]:
        answer, fault = super().respond(request)
        self.sent.add(answer.body)
        return answer, fault


def explained(deck: RunningDeck, ticker: str) -> dict[str, Any] | None:
    answer = deck.get(f"/api/decisions/{ticker}/why")
    told = dict(answer.json())
    return told if answer.status_code == 200 and not told["simulated"] else None


def test_a_decision_is_explained_down_to_the_bytes_that_the_provider_sent() -> None:
    with Recording() as providers, RunningDeck(providers.environment) as deck:
        why = until(lambda: explained(deck, "QQQ"), SECONDS, "a decision on QQQ")
        steps = {step["what"]: step for step in why["steps"]}
        decision, reading = steps["decision on QQQ"], steps["indicators of QQQ"]
        bars = steps["1d bars of QQQ"]
        assert reading["seq"] in decision["rests_on"]
        assert reading["rests_on"] == [bars["seq"]]
        (event,) = deck.get("/api/events", from_seq=bars["seq"], limit=1).json()["events"]
        assert event["event"]["answer_hash"] == bars["answer_hash"]

        raw = deck.get(bars["raw"]).json()
        assert raw["body"].encode() in providers.sent
        assert (raw["source"], raw["ticker"], bars["kept"]) == ("yahoo", "QQQ", True)
        last = json.loads(raw["body"])["chart"]["result"][0]["indicators"]["quote"][0]["close"]
        assert set(event["event"]["close"]) <= set(last)

        assert bars["command"] in deck.cli("why", "QQQ").stdout
        printed = deck.cli(*bars["command"].split()[1:]).stdout
        assert printed.endswith(raw["body"] + "\n")


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
