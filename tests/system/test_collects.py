"""The unchanged product against the imitated providers, and against networks that lead nowhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import talib

from tests.fakes.faults import Status
from tests.fakes.providers import GOOD_KEY, Providers, black_hole, refused
from tests.system.deck import RunningDeck, until

pytestmark = [pytest.mark.xdist_group("deck"), pytest.mark.timeout(180)]

COLLECT_SECONDS = 60.0
REFUSED_SECONDS = 40.0
"""The deck needs 5 to 11; a machine that runs other tests beside it gets twice the promised 20."""
BLACK_HOLE_SECONDS = 60.0


def with_key(providers: Providers) -> dict[str, str]:
    return {
        **providers.environment,
        "FINNHUB_API_KEY": GOOD_KEY,
        "TAPEDECK_FETCHER__WATCHLIST": "NVDA",
    }


def analysed(deck: RunningDeck, ticker: str) -> dict[str, Any] | None:
    answer = deck.get(f"/api/analyze/{ticker}")
    return dict(answer.json()) if answer.status_code == 200 else None


def wait_for_all(deck: RunningDeck) -> None:
    wanted = ("SPY", "QQQ", "NVDA")
    until(lambda: all(analysed(deck, one) for one in wanted), COLLECT_SECONDS, "three analyses")


def test_the_answer_for_nvda_follows_from_the_prices_that_were_served() -> None:
    with Providers() as providers, RunningDeck(with_key(providers)) as deck:
        analysis = until(lambda: analysed(deck, "NVDA"), COLLECT_SECONDS, "an analysis of NVDA")
        truth = providers.truth("NVDA")
        closes = np.array([bar.close for bar in truth.daily])
        bars = deck.get("/api/tickers/NVDA/bars", timeframe="1d", limit=1_000).json()
        snapshot = deck.get("/api/tickers/NVDA/snapshot").json()
        daily = snapshot["indicators"]["timeframes"]["1d"]
        assert (analysis["simulated"], analysis["data_source"] in ("cache", "live_api")) == (
            False,
            True,
        )
        assert bars["close"] == pytest.approx(closes[-1_000:].tolist(), rel=1e-12)
        assert snapshot["quote"]["price"] == truth.quote.price
        assert snapshot["quote"]["source"] == "finnhub"
        closed = closes if not bars["forming"] else closes[:-1]
        assert daily["close"] == closed[-1]
        assert daily["rsi"] == pytest.approx(talib.RSI(closed, 14)[-1], rel=1e-6)
        assert daily["ema200"] == pytest.approx(talib.EMA(closed, 200)[-1], rel=1e-3)
        entry, stop, target = (analysis["levels"][name] for name in ("entry", "stop", "target"))
        assert entry == round(closed[-1], 2)
        assert analysis["levels"]["r_r_ratio"] == pytest.approx(
            abs(target - entry) / abs(entry - stop), abs=0.005
        )


def test_the_watchlist_is_collected_within_the_budget_and_the_key_is_never_shown() -> None:
    with Providers() as providers, RunningDeck(with_key(providers)) as deck:
        wait_for_all(deck)
        finnhub = [call for call in providers.calls if call.provider == "finnhub"]
        assert {call.symbol for call in finnhub} >= {"SPY", "QQQ", "NVDA"}
        assert len(finnhub) <= 60
        assert all(call.token_in_header and not call.token_in_url for call in finnhub)
        assert providers.foreign == []
        written = [path.read_bytes() for path in deck.home.rglob("*") if path.is_file()]
        assert not any(GOOD_KEY.encode() in text for text in written)


def test_one_symbol_that_no_provider_knows_costs_no_other_symbol_anything() -> None:
    with Providers() as providers, RunningDeck(with_key(providers)) as deck:
        added = deck.post("/api/collector/ticker/add", ticker="ZZZZZ")
        assert added.status_code == 200
        wait_for_all(deck)
        unknown = deck.get("/api/analyze/ZZZZZ")
        assert unknown.status_code == 404
        assert unknown.json()["error"]["code"] == "no_data"
        assert unknown.json()["error"]["remedy"]


def test_a_wrong_key_is_said_loudly_and_quotes_come_from_yahoo() -> None:
    with Providers() as providers:
        settings = {**with_key(providers), "FINNHUB_API_KEY": "wrong-key"}
        with RunningDeck(settings) as deck:
            until(lambda: analysed(deck, "SPY"), COLLECT_SECONDS, "an analysis of SPY")
            quote = deck.get("/api/tickers/SPY/snapshot").json()["quote"]
            status = deck.get("/api/collector/status").json()
            finnhub = next(s for s in status["sources"] if s["source"] == "finnhub")
            assert quote["source"] == "yahoo"
            assert not finnhub["usable"]
            assert "key" in finnhub["reason"]


def test_a_throttled_yahoo_leaves_quotes_and_is_left_alone_until_its_time() -> None:
    with Providers() as providers:
        providers.plan.always("yahoo", Status(429))
        with RunningDeck(with_key(providers)) as deck:
            until(lambda: yahoo_state(deck)["retry_at"], COLLECT_SECONDS, "a pause of Yahoo")
            asked = sum(call.provider == "yahoo" for call in providers.calls)
            deck.post("/api/collector/ticker/add", ticker="MSFT")
            until(lambda: deck.get("/api/tickers/MSFT/snapshot").json().get("quote"), 20, "a quote")
            assert sum(call.provider == "yahoo" for call in providers.calls) == asked


def yahoo_state(deck: RunningDeck) -> dict[str, Any]:
    sources = deck.get("/api/collector/status").json()["sources"]
    return next(dict(s) for s in sources if s["source"] == "yahoo")


@pytest.mark.parametrize(
    ("network", "seconds"), [(refused, REFUSED_SECONDS), (black_hole, BLACK_HOLE_SECONDS)]
)
def test_without_a_provider_spy_is_analysed_from_simulated_data_and_marked_everywhere(
    network: Any, seconds: float
) -> None:
    began = datetime.now(UTC)
    with network() as environment, RunningDeck(environment, ready=False) as deck:
        until(deck.answers, 30, "an answering gateway")
        spy = until(lambda: analysed(deck, "SPY"), seconds, "a simulated analysis of SPY")
        assert (datetime.now(UTC) - began).total_seconds() < seconds
        assert (spy["simulated"], spy["data_source"]) == (True, "simulated")
        assert "SIMULATED" in deck.cli("analyze", "SPY").stdout
        snapshot = deck.get("/api/tickers/SPY/snapshot").json()
        assert (snapshot["ticker"], snapshot["simulated"]) == ("SPY~sim", True)
        assert deck.get("/api/collector/status").json()["simulated"] is True
        unmarked = {r.subject for r in deck.tape().read(0, 5_000) if "~sim" not in r.subject}
        derived = ("market.quote.", "market.bars.", "indicators.", "decision.")
        assert [subject for subject in unmarked if subject.startswith(derived)] == []
