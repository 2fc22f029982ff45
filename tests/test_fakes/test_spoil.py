"""Each fault spoils an answer in its own way and leaves the rest alone."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.fakes.chart import chart_answer
from tests.fakes.faults import (
    AnyFault,
    BrokenJson,
    Closed,
    Cut,
    Disordered,
    Doubled,
    Drip,
    Empty,
    ExtraRow,
    Hang,
    Html,
    MissingColumns,
    NoRows,
    Odd,
    Prices,
    Redirect,
    Reset,
    Stale,
    Stamps,
    Status,
    UnequalColumns,
    WrongSymbol,
    WrongTypes,
)
from tests.fakes.finnhub import GOOD_KEY, Finnhub
from tests.fakes.listings import LISTINGS
from tests.fakes.market import Market, history
from tests.fakes.spoil import spoil
from tests.fakes.wire import Answer, Provider, Request
from tests.fakes.yahoo import TOO_MANY_REQUESTS
from tests.test_fakes.moments import CLOSED
from tests.test_fakes.recorded import recorded, recorded_text

QUOTE = Finnhub(Market(), frozenset({GOOD_KEY})).answer(
    Request("finnhub.io", "GET", "/api/v1/quote", {"symbol": "SPY", "token": GOOD_KEY}), CLOSED
)
CHART = chart_answer(history(LISTINGS["SPY"], int(CLOSED)), {"range": "5d"})
QUOTED: Any = json.loads(QUOTE.body)
CHARTED: Any = json.loads(CHART.body)["chart"]["result"][0]


def spoiled(fault: AnyFault, provider: Provider = "finnhub", answer: Answer = QUOTE) -> Answer:
    return spoil(fault, provider, answer, CLOSED)


def quote(fault: AnyFault) -> Any:
    return json.loads(spoiled(fault).body)


def chart(fault: AnyFault) -> Any:
    return json.loads(spoiled(fault, "yahoo", CHART).body)["chart"]["result"][0]


@pytest.mark.parametrize("fault", [Cut(), Drip(), Hang(), Reset(), Closed(), Stale()])
def test_a_fault_of_delivery_or_of_time_leaves_the_answer_as_it_is(fault: AnyFault) -> None:
    assert spoiled(fault) == QUOTE


@pytest.mark.parametrize(
    ("provider", "code", "body"),
    [
        ("finnhub", 401, "finnhub_401_invalid.json"),
        ("finnhub", 403, "finnhub_403.json"),
        ("finnhub", 429, "finnhub_429.json"),
        ("yahoo", 404, "yahoo_chart_error_notfound.json"),
    ],
)
def test_an_error_status_has_the_provider_s_own_body(
    provider: Provider, code: int, body: str
) -> None:
    answer = spoiled(Status(code), provider)
    assert (answer.status, json.loads(answer.body)) == (code, recorded(body))


def test_too_many_requests_of_yahoo_is_the_recorded_text() -> None:
    assert spoiled(Status(429), "yahoo") == TOO_MANY_REQUESTS
    assert TOO_MANY_REQUESTS.body.decode() == recorded_text("yahoo_429.txt").strip()


def test_a_refusal_may_say_when_to_come_back() -> None:
    answer = spoiled(Status(429, retry_after_seconds=7, reset_after_seconds=30))
    assert answer.headers == {"Retry-After": "7", "X-Ratelimit-Reset": str(int(CLOSED) + 30)}


@pytest.mark.parametrize(
    ("fault", "status"), [(Status(502), 502), (Status(503), 503), (Html(), 200)]
)
def test_a_page_stands_where_json_belongs(fault: AnyFault, status: int) -> None:
    answer = spoiled(fault)
    assert (answer.status, answer.content_type) == (status, "text/html; charset=utf-8")
    assert answer.body.startswith(b"<html>")


def test_a_body_may_be_empty_or_broken() -> None:
    assert (spoiled(Empty()).status, spoiled(Empty()).body) == (200, b"")
    broken = spoiled(BrokenJson())
    assert QUOTE.body.startswith(broken.body)
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken.body)


def test_a_redirect_leads_away() -> None:
    answer = spoiled(Redirect("https://elsewhere.example/"))
    assert (answer.status, answer.headers["Location"]) == (302, "https://elsewhere.example/")


@pytest.mark.parametrize(
    ("fault", "price"),
    [
        (Prices("null"), None),
        (Prices("zero"), 0),
        (Prices("negative"), -QUOTED["c"]),
        (Prices("spike"), round(10 * QUOTED["c"], 2)),
        (Prices("unit"), round(100 * QUOTED["c"], 2)),
        (Prices("nan_text"), "NaN"),
        (WrongTypes(), str(QUOTED["c"])),
    ],
)
def test_a_quote_has_a_price_that_is_none(fault: AnyFault, price: object) -> None:
    assert quote(fault)["c"] == price
    assert chart(fault)["meta"]["regularMarketPrice"] == price


def test_not_a_number_is_written_as_such() -> None:
    assert b'"c":NaN' in spoiled(Prices("nan")).body
    assert math.isnan(chart(Prices("nan"))["indicators"]["quote"][0]["close"][-1])


def test_only_the_last_rows_of_a_chart_are_spoiled() -> None:
    closes = CHARTED["indicators"]["quote"][0]["close"]
    spoiled_closes = chart(Prices("null", rows=2))["indicators"]["quote"][0]["close"]
    assert spoiled_closes == [*closes[:-2], None, None]


def test_columns_may_be_unequal_or_missing() -> None:
    unequal = chart(UnequalColumns())
    assert len(unequal["indicators"]["quote"][0]["close"]) == len(unequal["timestamp"]) - 1
    assert "close" not in chart(MissingColumns())["indicators"]["quote"][0]
    assert "c" not in quote(MissingColumns())


def test_an_answer_may_be_json_that_is_none() -> None:
    answer = spoiled(Odd('{"error": "try later"}'))
    assert (answer.status, quote(Odd()), json.loads(answer.body)) == (
        200,
        None,
        {"error": "try later"},
    )


def test_a_chart_may_say_that_it_is_about_another_symbol() -> None:
    assert chart(WrongSymbol("QQQ"))["meta"]["symbol"] == "QQQ"


@pytest.mark.parametrize("seconds", [-86_400, 3_600])
def test_stamps_may_lie_elsewhere_at_the_same_prices(seconds: int) -> None:
    moved = chart(Stamps(seconds))
    assert quote(Stamps(seconds)) == QUOTED | {"t": QUOTED["t"] + seconds}
    assert moved["timestamp"] == [stamp + seconds for stamp in CHARTED["timestamp"]]
    assert moved["meta"]["regularMarketTime"] == CHARTED["meta"]["regularMarketTime"] + seconds
    assert moved["indicators"] == CHARTED["indicators"]


def test_rows_may_stand_there_twice_or_newest_first() -> None:
    assert rows(chart(Doubled(rows=2))) == [*rows(CHARTED), *rows(CHARTED)[-2:]]
    assert rows(chart(Disordered())) == rows(CHARTED)[::-1]


def test_a_row_more_is_flat_has_no_volume_and_stands_at_the_last_trade() -> None:
    *before, extra = rows(chart(ExtraRow()))
    price, at_seconds = (CHARTED["meta"][f"regularMarket{name}"] for name in ("Price", "Time"))
    assert (before, extra) == (rows(CHARTED), (at_seconds, 0, *[price] * 5))


def test_an_answer_may_hold_nothing() -> None:
    assert quote(NoRows()) == recorded("finnhub_quote_unknown.json")
    assert chart(NoRows()) == {"meta": CHARTED["meta"], "indicators": {"quote": [{}]}}


@pytest.mark.parametrize("fault", [Doubled(), Disordered(), ExtraRow(), Stamps(1), Prices("nan")])
def test_a_chart_without_rows_has_none_to_spoil(fault: AnyFault) -> None:
    empty = spoiled(NoRows(), "yahoo", CHART)
    spoilt = json.loads(spoiled(fault, "yahoo", empty).body)["chart"]["result"][0]
    assert not spoilt.get("timestamp")


def rows(result: Any) -> list[tuple[object, ...]]:
    """Stamp, volume, prices and adjusted close of each row."""
    quoted = result["indicators"]["quote"][0]
    prices = [quoted[name] for name in ("volume", "open", "high", "low", "close")]
    adjusted = result["indicators"]["adjclose"][0]["adjclose"]
    return list(zip(result["timestamp"], *prices, adjusted, strict=True))


def test_an_error_answer_has_no_prices_to_spoil() -> None:
    refused = chart_answer(None, {})
    assert spoiled(Prices("nan"), "yahoo", refused) == refused
