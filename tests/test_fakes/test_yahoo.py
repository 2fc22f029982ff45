"""The imitated Yahoo lets a browser in by cookie, crumb and consent, as yfinance expects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.market import Market
from tests.fakes.wire import Answer, Request, Target
from tests.fakes.yahoo import COOKIE, CRUMB, Yahoo, target
from tests.test_fakes.moments import OPEN

QUERY1, QUERY2 = "query1.finance.yahoo.com", "query2.finance.yahoo.com"


def ask(host: str, path: str, cookie: str = "", **query: str) -> Answer:
    headers = {"user-agent": "Mozilla/5.0", "cookie": cookie}
    return Yahoo(Market()).answer(Request(host, "GET", path, query, headers), OPEN)


def page(path: str, **query: str) -> tuple[int, Any]:
    answer = ask(QUERY2, path, crumb=CRUMB, **query)
    return answer.status, json.loads(answer.body)


def test_the_cookie_comes_with_a_page_that_is_not_there() -> None:
    answer = ask("fc.yahoo.com", "/")
    assert (answer.status, answer.headers["Set-Cookie"]) == (404, COOKIE)


def test_the_consent_form_has_its_two_tokens_and_ends_with_the_cookie() -> None:
    form = ask("guce.yahoo.com", "/consent").body
    assert b'name="csrfToken"' in form
    assert b'name="sessionId"' in form
    for host, path in [
        ("consent.yahoo.com", "/v2/collectConsent"),
        ("guce.yahoo.com", "/copyConsent"),
    ]:
        answer = ask(host, path, sessionId="3")
        assert (answer.status, answer.headers["Set-Cookie"]) == (200, COOKIE)


@pytest.mark.parametrize(("cookie", "status"), [("", 401), ("A3=d", 200)])
def test_a_crumb_is_for_those_who_have_the_cookie(cookie: str, status: int) -> None:
    assert ask(QUERY1, "/v1/test/getcrumb", cookie).status == status


@pytest.mark.parametrize("path", ["/v10/finance/quoteSummary/SPY", "/v7/finance/quote"])
def test_quote_pages_need_the_crumb(path: str) -> None:
    answer = ask(QUERY2, path, symbols="SPY")
    assert (answer.status, b"Invalid Crumb" in answer.body) == (401, True)


def test_a_quote_page_names_the_zone_of_a_symbol_and_knows_what_it_does_not_know() -> None:
    status, known = page("/v7/finance/quote", symbols="SPY")
    assert (status, known["quoteResponse"]["result"][0]["symbol"]) == (200, "SPY")
    assert known["quoteResponse"]["result"][0]["exchangeTimezoneName"] == "America/New_York"
    status, nothing = page("/v7/finance/quote", symbols="ZZZZ")
    assert (status, nothing["quoteResponse"]["result"]) == (200, [])
    status, unknown = page("/v10/finance/quoteSummary/ZZZZ")
    assert (status, unknown["quoteSummary"]["error"]["code"]) == (404, "Not Found")


def test_fundamentals_and_news_are_empty() -> None:
    status, fundamentals = page("/ws/fundamentals-timeseries/v1/finance/timeseries/SPY")
    assert (status, fundamentals["timeseries"]["result"]) == (200, [])
    status, news = page("/xhr/ncp", queryRef="latestNews")
    assert (status, news["data"]["tickerStream"]["stream"]) == (200, [])


def test_a_path_that_is_not_imitated_is_not_found() -> None:
    assert ask(QUERY2, "/v6/finance/markettime").status == 404


@pytest.mark.parametrize(
    ("host", "path", "endpoint", "symbol"),
    [
        (QUERY2, "/v8/finance/chart/brk-b", "/v8/finance/chart", "BRK-B"),
        (QUERY1, "/v1/test/getcrumb", "/v1/test/getcrumb", None),
        ("fc.yahoo.com", "/", "fc.yahoo.com", None),
        ("guce.yahoo.com", "/consent", "guce.yahoo.com/consent", None),
    ],
)
def test_a_call_is_known_by_its_endpoint_and_symbol(
    host: str, path: str, endpoint: str, symbol: str | None
) -> None:
    assert target(Request(host, "GET", path)) == Target("yahoo", endpoint, symbol)
