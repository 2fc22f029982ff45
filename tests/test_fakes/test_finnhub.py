"""The imitated Finnhub answers as the recorded one did."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.finnhub import GOOD_KEY, Finnhub
from tests.fakes.market import Market
from tests.fakes.wire import Answer, Request
from tests.test_fakes.moments import CLOSED, OPEN
from tests.test_fakes.recorded import recorded, shape


def finnhub(per_minute: int = 60) -> Finnhub:
    return Finnhub(Market(), frozenset({GOOD_KEY}), per_minute)


def ask(
    path: str, at_seconds: float = OPEN, key: str | None = GOOD_KEY, **query: str
) -> tuple[int, Any]:
    answer = finnhub().answer(request(path, key, **query), at_seconds)
    return answer.status, json.loads(answer.body)


def request(path: str, key: str | None = GOOD_KEY, **query: str) -> Request:
    headers = {"x-finnhub-token": key} if key else {}
    return Request("finnhub.io", "GET", f"/api/v1{path}", query, headers)


def test_a_quote_has_the_recorded_fields_and_types() -> None:
    status, quote = ask("/quote", symbol="AAPL")
    assert (status, shape(quote)) == (200, shape(recorded("finnhub_quote_AAPL.json")))


def test_a_quote_says_what_the_market_knows() -> None:
    truth = Market().truth("NVDA", OPEN)
    today = truth.quote
    assert ask("/quote", symbol="NVDA")[1] == {
        "c": today.price,
        "d": round(today.price - today.previous_close, 2),
        "dp": round(100 * (today.price / today.previous_close - 1), 4),
        "h": today.high,
        "l": today.low,
        "o": today.open,
        "pc": today.previous_close,
        "t": today.at_seconds,
    }
    assert OPEN - 15 < today.at_seconds <= OPEN


def test_an_unknown_symbol_is_a_quote_of_zeros() -> None:
    assert ask("/quote", symbol="ZZZZ") == (200, recorded("finnhub_quote_unknown.json"))


def test_a_share_class_is_spelled_with_a_dot() -> None:
    assert ask("/quote", symbol="BRK.B")[1]["c"] > 0
    assert ask("/quote", symbol="BRK-B")[1]["c"] == 0


@pytest.mark.parametrize(
    ("key", "path", "symbol", "status", "body"),
    [
        (None, "/quote", "SPY", 401, "finnhub_401_missing.json"),
        ("bad", "/quote", "SPY", 401, "finnhub_401_invalid.json"),
        ("bad", "/stock/candle", "SPY", 401, "finnhub_401_invalid.json"),
        (GOOD_KEY, "/stock/candle", "SPY", 403, "finnhub_403.json"),
        (GOOD_KEY, "/quote", "SAP.DE", 403, "finnhub_403.json"),
    ],
)
def test_a_refusal_has_the_recorded_body(
    key: str | None, path: str, symbol: str, status: int, body: str
) -> None:
    assert ask(path, key=key, symbol=symbol) == (status, recorded(body))


def test_the_sixty_first_call_of_a_minute_is_refused_until_the_first_is_a_minute_old() -> None:
    service = finnhub()

    def status(at_seconds: float) -> int:
        return service.answer(request("/quote", symbol="SPY"), at_seconds).status

    assert [status(OPEN + second) for second in range(60)] == [200] * 60
    assert status(OPEN + 59.9) == 429
    assert [status(OPEN + 60), status(OPEN + 60)] == [200, 429]


def test_a_refusal_for_the_limit_has_the_recorded_body_and_tells_when_it_ends() -> None:
    service = finnhub(per_minute=1)
    first = service.answer(request("/quote", symbol="SPY"), OPEN)
    second = service.answer(request("/quote", symbol="SPY"), OPEN + 10)
    assert (first.status, rate(first)) == (200, ("1", "0", str(int(OPEN) + 60)))
    assert (second.status, rate(second)) == (429, ("1", "0", str(int(OPEN) + 60)))
    assert json.loads(second.body) == recorded("finnhub_429.json")


def rate(answer: Answer) -> tuple[str, ...]:
    names = ("Limit", "Remaining", "Reset")
    return tuple(answer.headers[f"X-Ratelimit-{name}"] for name in names)


def test_the_market_status_has_the_recorded_fields_and_types() -> None:
    status = ask("/stock/market-status", exchange="US")[1]
    assert shape(status) == shape(recorded("finnhub_market_status_open.json"))


@pytest.mark.parametrize(
    ("at_seconds", "session"),
    [
        (OPEN - 3 * 3_600, "pre-market"),
        (OPEN, "regular"),
        (OPEN + 6 * 3_600, "post-market"),
        (CLOSED, None),
    ],
)
def test_the_market_status_follows_the_clock(at_seconds: float, session: str | None) -> None:
    assert ask("/stock/market-status", at_seconds, exchange="US")[1] == {
        "exchange": "US",
        "holiday": None,
        "isOpen": session == "regular",
        "session": session,
        "t": int(at_seconds),
        "timezone": "America/New_York",
    }


def test_a_holiday_is_named_and_half_days_have_their_hours() -> None:
    thanksgiving = OPEN + 62 * 86_400
    assert ask("/stock/market-status", thanksgiving)[1]["holiday"] == "Thanksgiving Day"
    data = ask("/stock/market-holiday", exchange="US")[1]["data"]
    hours = {day["atDate"]: day["tradingHour"] for day in data}
    assert (hours["2026-11-26"], hours["2026-11-27"]) == ("", "09:30-13:00")


def test_news_are_of_the_days_asked_for_and_not_of_the_future() -> None:
    query = {"symbol": "AAPL", "from": "2026-09-23", "to": "2026-09-25"}
    news = ask("/company-news", OPEN, **query)[1]
    assert [item["datetime"] for item in news] == [
        bar.start_seconds + 23_400 for bar in Market().truth("AAPL", OPEN).daily[-2:-4:-1]
    ]
    assert shape(news[0]) == {
        "category": "str",
        "datetime": "int",
        "headline": "str",
        "id": "int",
        "image": "str",
        "related": "str",
        "source": "str",
        "summary": "str",
        "url": "str",
    }


def test_a_profile_is_of_a_company_and_not_of_a_fund() -> None:
    assert ask("/stock/profile2", symbol="AAPL")[1]["name"] == "Apple Inc."
    assert ask("/stock/profile2", symbol="SPY") == (200, {})


def test_news_without_proper_days_are_none() -> None:
    assert ask("/company-news", OPEN, symbol="AAPL", **{"from": "soon", "to": "later"})[1] == []


def test_an_unknown_profile_is_empty_as_recorded() -> None:
    assert ask("/stock/profile2", symbol="ZZZZ")[1] == recorded("finnhub_profile2_unknown.json")


def test_a_search_finds_by_name_and_by_symbol() -> None:
    by_name = ask("/search", q="nvidia")[1]
    assert (by_name["count"], by_name["result"][0]["symbol"]) == (1, "NVDA")
    assert ask("/search", q="BRK.B")[1]["count"] == 1


def test_the_doubled_slash_of_another_client_is_the_same_endpoint() -> None:
    assert ask("//quote", symbol="SPY") == ask("/quote", symbol="SPY")
