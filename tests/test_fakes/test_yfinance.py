"""The real yfinance, in a process of its own, gets exactly what the imitation serves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.fetcher.sources import yahoo_news
from tests.fakes.articles import articles
from tests.fakes.bars import Bar
from tests.fakes.faults import Hang, Html, Prices, Status
from tests.fakes.market import Market, Truth
from tests.fakes.providers import Providers
from tests.fakes.sessions import midnight_seconds, new_york_day
from tests.test_fakes.moments import CLOSED, OPEN

ROOT = Path(__file__).parents[2]
DAYS = {"period": "5y", "interval": "1d"}
HOURS = {"period": "730d", "interval": "1h"}


def ask(providers: Providers, folder: Path, *questions: tuple[str, dict[str, Any]]) -> list[Any]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.test_fakes.yfinance_child"]
    child = subprocess.run(
        [*command, str(folder), json.dumps(questions)],
        env=os.environ | providers.environment,
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    answers: list[Any] = json.loads(child.stdout)
    return answers


def daily_rows(truth: Truth, count: int) -> list[list[float]]:
    """The last days as yfinance tells them: stamped with New York's midnight, actions beside."""
    dividends = {new_york_day(d.ex_seconds): d.amount for d in truth.dividends}
    splits = {s.day: s.numerator / s.denominator for s in truth.splits}
    rows = []
    for bar, adjusted in list(zip(truth.daily, truth.adjusted_closes, strict=True))[-count:]:
        day = new_york_day(bar.start_seconds)
        actions = [dividends.get(day, 0.0), splits.get(day, 0.0)]
        rows.append([midnight_seconds(day), *prices(bar), adjusted, float(bar.volume), *actions])
    return rows


def hourly_rows(truth: Truth, count: int) -> list[list[float]]:
    return [
        [bar.start_seconds, *prices(bar), bar.close, float(bar.volume)]
        for bar in truth.hourly[-count:]
    ]


def prices(bar: Bar) -> list[float]:
    return [bar.open, bar.high, bar.low, bar.close]


def test_five_years_of_days_and_all_hours_of_a_closed_market_are_the_served_truth(
    tmp_path: Path,
) -> None:
    with Providers(clock=lambda: CLOSED) as providers:
        days, hours = ask(providers, tmp_path, ("NVDA", DAYS), ("BRK-B", HOURS))
        assert len(days["rows"]) >= 1_250
        assert days["rows"] == daily_rows(providers.truth("NVDA"), len(days["rows"]))
        assert len(hours["rows"]) >= 5_000
        assert [row[:7] for row in hours["rows"]] == hourly_rows(
            providers.truth("BRK-B"), len(hours["rows"])
        )
        assert (providers.foreign, providers.distrusted) == ([], [])


def test_the_forming_day_and_hour_of_an_open_market_are_the_served_truth(tmp_path: Path) -> None:
    with Providers(clock=lambda: OPEN) as providers:
        truth = providers.truth("SPY")
        days, hours, minutes = ask(
            providers,
            tmp_path,
            ("SPY", {"period": "5d", "interval": "1d"}),
            ("SPY", {"period": "5d", "interval": "1h"}),
            ("SPY", {"period": "1d", "interval": "1m"}),
        )
    assert days["rows"] == daily_rows(truth, 5)
    assert [row[:7] for row in hours["rows"]] == hourly_rows(truth, 30)
    assert (len(minutes["rows"]), minutes["rows"][-1][4]) == (95, days["rows"][-1][4])


def test_the_news_of_the_real_client_are_the_served_headlines_without_the_advertisement(
    tmp_path: Path,
) -> None:
    with Providers(clock=lambda: OPEN) as providers:
        (told,) = ask(providers, tmp_path, ("NVDA", {"news": 5}))
        served = articles(Market().history("NVDA", OPEN) or pytest.fail("not listed"))[:5]
        assert [(title, instant) for _, title, instant in told["news"]] == [
            (
                one.headline,
                datetime.fromtimestamp(one.at_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            )
            for one in served
        ]
        (call,) = [call for call in providers.calls if call.endpoint == "/xhr/ncp"]
        assert (call.method, call.symbol) == ("POST", "NVDA")
        asked = {name: value for name, value in call.query.items() if name != "crumb"}
        assert asked == yahoo_news.PARAMS


def test_planned_faults_of_yahoo_reach_the_real_client(tmp_path: Path) -> None:
    day = {"period": "5d", "interval": "1d"}
    with Providers(clock=lambda: OPEN) as providers:
        plan, chart = providers.plan, "/v8/finance/chart"
        plan.always("yahoo", Status(429), endpoint=chart, symbol="AAPL")
        plan.always("yahoo", Html(), endpoint=chart, symbol="MSFT", query={"range": "5d"})
        plan.always("yahoo", Hang(), endpoint=chart, symbol="TSLA", query={"range": "5d"})
        plan.always("yahoo", Prices("spike"), endpoint=chart, symbol="JPM", query={"range": "5d"})
        answers = ask(
            providers,
            tmp_path,
            ("AAPL", day),
            ("MSFT", day),
            ("TSLA", day | {"timeout": 0.5}),
            ("JPM", day),
            ("ZZZZ", day),
            ("SPY", day),
        )
        spike = answers[3]["rows"][-1][4] / providers.truth("JPM").daily[-1].close
        assert [answer.get("error") for answer in answers] == [
            "YFRateLimitError",
            "JSONDecodeError",
            "Timeout",
            None,
            "HTTPError",
            None,
        ]
        assert (round(spike, 2), len(answers[5]["rows"])) == (10.0, 5)
        assert providers.served["yahoo", chart, "TSLA", "hang"] == 1
