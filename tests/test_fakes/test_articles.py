"""The imitated headlines, the imitated word on the exchange, and what faults make of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.articles import ADVERTISEMENT, symbol_asked
from tests.fakes.faults import (
    AnyFault,
    Doubled,
    Hostile,
    MissingColumns,
    NoRows,
    Prices,
    Shut,
    Stamps,
    WrongSymbol,
    WrongTypes,
)
from tests.fakes.finnhub import GOOD_KEY, Finnhub
from tests.fakes.market import Market
from tests.fakes.spoil import spoil
from tests.fakes.told_edits import HOSTILE, SCRIPT
from tests.fakes.wire import Provider, Request
from tests.fakes.yahoo import Yahoo, target
from tests.test_fakes.moments import OPEN

MARKET = Market()
WISH = b'{"serviceConfig":{"snippetCount":3,"s":["BRK-B"]}}'
WEEK = {"symbol": "SPY", "from": "2026-09-18", "to": "2026-09-25", "token": GOOD_KEY}


def asked(provider: Provider, fault: AnyFault | None = None) -> Any:
    """Headlines as a provider tells them, spoiled."""
    if provider == "finnhub":
        request = Request("finnhub.io", "GET", "/api/v1/company-news", WEEK)
        answer = Finnhub(MARKET, frozenset({GOOD_KEY})).answer(request, OPEN)
        return json.loads(spoil(fault, provider, answer, OPEN).body)
    headers = {"user-agent": "Mozilla/5.0"}
    request = Request("finance.yahoo.com", "POST", "/xhr/ncp", {}, headers, WISH)
    answer = spoil(fault, provider, Yahoo(MARKET).answer(request, OPEN), OPEN)
    return json.loads(answer.body)["data"]["tickerStream"]["stream"]


def status(fault: AnyFault | None = None) -> dict[str, Any]:
    query = {"exchange": "US", "token": GOOD_KEY}
    request = Request("finnhub.io", "GET", "/api/v1/stock/market-status", query)
    answer = Finnhub(MARKET, frozenset({GOOD_KEY})).answer(request, OPEN)
    told: dict[str, Any] = json.loads(spoil(fault, "finnhub", answer, OPEN).body)
    return told


def test_yahoo_tells_as_many_as_were_asked_for_and_an_advertisement_among_them() -> None:
    stream = asked("yahoo")
    assert len(stream) == 4
    assert stream[2] == ADVERTISEMENT
    assert stream[0]["content"]["title"].startswith("Berkshire Hathaway")


def test_yahoo_is_asked_about_the_symbol_in_the_body() -> None:
    assert symbol_asked(WISH) == "BRK-B"
    assert symbol_asked(b"") is None
    request = Request("finance.yahoo.com", "POST", "/xhr/ncp", {}, {}, WISH)
    assert target(request).symbol == "BRK-B"


def test_both_tell_the_same_words_at_the_same_time() -> None:
    first = asked("finnhub")[0]
    assert first["headline"].startswith("SPDR S&P 500 ETF Trust ends the day at ")
    assert first["related"] == "SPY"
    assert first["datetime"] < OPEN


@pytest.mark.parametrize("provider", ["finnhub", "yahoo"])
def test_doubled_and_absent_headlines(provider: Provider) -> None:
    assert len(asked(provider, Doubled(2))) == len(asked(provider)) + 2
    assert asked(provider, NoRows()) == []


@pytest.mark.parametrize(
    ("fault", "field", "value"),
    [
        (WrongSymbol("ZZZZ"), "related", "ZZZZ"),
        (WrongTypes(), "datetime", str(asked("finnhub")[0]["datetime"])),
        (Stamps(60), "datetime", asked("finnhub")[0]["datetime"] + 60),
        (MissingColumns(), "headline", None),
        (Hostile(), "headline", HOSTILE + asked("finnhub")[0]["headline"]),
    ],
    ids=str,
)
def test_a_fault_of_finnhubs_headlines_changes_one_field(
    fault: AnyFault, field: str, value: object
) -> None:
    assert asked("finnhub", fault)[0].get(field) == value


@pytest.mark.parametrize(
    ("fault", "field", "value"),
    [
        (WrongTypes(), "title", 7),
        (Stamps(60), "pubDate", "2026-09-24T20:01:00Z"),
        (MissingColumns(), "title", None),
        (Hostile(), "title", HOSTILE + asked("yahoo")[0]["content"]["title"]),
    ],
    ids=str,
)
def test_a_fault_of_yahoos_headlines_changes_one_field_and_no_advertisement(
    fault: AnyFault, field: str, value: object
) -> None:
    stream = asked("yahoo", fault)
    assert stream[0]["content"].get(field) == value
    assert stream[2] == ADVERTISEMENT


def test_every_second_hostile_headline_leads_to_a_script() -> None:
    assert [one["url"] == SCRIPT for one in asked("finnhub", Hostile())][:3] == [False, True, False]
    assert asked("yahoo", Hostile())[1]["content"]["clickThroughUrl"]["url"] == SCRIPT


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        (Shut("A day"), {"isOpen": False, "session": None, "holiday": "A day"}),
        (Stamps(60), {"t": int(OPEN) + 60}),
        (WrongSymbol("L"), {"exchange": "L"}),
        (Prices("nan"), {}),
    ],
    ids=str,
)
def test_a_fault_of_the_exchanges_status_changes_what_it_is_about(
    fault: AnyFault, change: dict[str, Any]
) -> None:
    assert status(fault) == status() | change


def test_a_status_may_be_of_another_shape() -> None:
    assert status(WrongTypes())["isOpen"] == "True"
    assert "isOpen" not in status(MissingColumns())
