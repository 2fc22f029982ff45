"""What Finnhub's headlines and its word on the exchange mean, from samples and from bad ones."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from bus.testing import microseconds
from market.messages.fetcher import Capability, Reason, SourceCalled
from market.messages.news import Headline
from services.fetcher.core.answers import Answer, Failure, MarketAnswer
from services.fetcher.effects import Fetch
from services.fetcher.raw import RawAnswer
from services.fetcher.sources import finnhub, read
from tests.conformance.source import STATUSES, Sample, SourceConformance

NOW_US = microseconds("2026-09-16T15:03:00")
JSON = {"content-type": "application/json; charset=utf-8"}
ARTICLE: dict[str, object] = {
    "category": "company",
    "datetime": 1_789_570_000,
    "headline": "Apple &amp; partners <b>rise</b>",
    "id": 138_234_567,
    "image": "https://example.com/i.png",
    "related": "AAPL",
    "source": "A paper",
    "summary": "Words.",
    "url": "https://finnhub.io/api/news?id=0a1b2c",
}
STATUS: dict[str, object] = {
    "exchange": "US",
    "holiday": None,
    "isOpen": True,
    "session": "regular",
    "t": 1_789_580_601,
    "timezone": "America/New_York",
}


def asked(capability: Capability = "news", ticker: str = "AAPL", latest_us: int = 0) -> Fetch:
    return Fetch(SourceCalled("finnhub", capability, ticker), NOW_US, latest_us)


def parsed(document: object, effect: Fetch | None = None, status: int = 200) -> Answer | Failure:
    body = json.dumps(document).encode()
    return read(finnhub, RawAnswer(status, JSON, body), effect or asked())


def test_an_id_of_zero_is_none_since_several_articles_may_have_it() -> None:
    answer = parsed([ARTICLE | {"id": 0}])
    assert isinstance(answer, Answer)
    assert [one.id for one in answer.news or ()] == [""]


def test_a_headline_is_read_as_plain_text_with_its_publisher_and_the_providers_time() -> None:
    answer = parsed([ARTICLE])
    assert isinstance(answer, Answer)
    assert answer.news == (
        Headline(
            "Apple & partners rise",
            "A paper",
            "https://finnhub.io/api/news?id=0a1b2c",
            1_789_570_000_000_000,
            "138234567",
        ),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"datetime": 1_789_570_000 + 86_400},
        {"datetime": 0},
        {"datetime": -5},
        {"datetime": 2**62},
        {"datetime": "1789570000"},
        {"datetime": None},
        {"related": "MSFT"},
        {"headline": ""},
        {"headline": None},
        {"url": "javascript:alert(1)"},
        {"id": None},
    ],
)
def test_a_bad_headline_is_left_out_and_spoils_no_other(change: Mapping[str, object]) -> None:
    answer = parsed([ARTICLE | dict(change), ARTICLE])
    assert isinstance(answer, Answer)
    assert (len(answer.news or ()), answer.refused_rows) == (1, 1)
    assert answer.refused_because.startswith("1 ")


@pytest.mark.parametrize(
    ("status", "document", "reason"),
    [
        (200, [], "no_data"),
        (200, [ARTICLE | {"related": "MSFT"}], "invalid"),
        (200, [None, 7, "text"], "invalid"),
        (200, {"error": "Something"}, "provider_error"),
        (200, {}, "invalid"),
        (200, None, "invalid"),
        (403, {"error": "You don't have access to this resource."}, "forbidden"),
        (429, {"error": "API limit reached."}, "rate_limited"),
        (500, None, "provider_error"),
    ],
)
def test_every_other_answer_is_a_failure_of_its_class(
    status: int, document: object, reason: Reason
) -> None:
    answer = parsed(document, status=status)
    assert isinstance(answer, Failure)
    assert answer.reason == reason


@pytest.mark.parametrize(
    ("latest", "first"),
    [
        (0, "2026-09-09"),
        (microseconds("2026-09-15T22:00:00"), "2026-09-14"),
        (microseconds("2026-08-01T22:00:00"), "2026-09-09"),
    ],
)
def test_headlines_are_asked_for_since_the_newest_known_one_and_of_a_week_at_most(
    latest: int, first: str
) -> None:
    path, params = finnhub.question(asked(ticker="BRK-B", latest_us=latest))
    assert path == "/company-news"
    assert params == {"symbol": "BRK.B", "from": first, "to": "2026-09-17"}


def test_the_word_on_the_exchange_is_read_as_it_stands() -> None:
    told = MarketAnswer(is_open=True, market_time_us=1_789_580_601_000_000, session="regular")
    answer = parsed(STATUS, asked("market_status", "XNYS"))
    assert isinstance(answer, Answer)
    assert answer.market == told
    closed = STATUS | {"isOpen": False, "session": None, "holiday": "Labor Day"}
    answer = parsed(closed, asked("market_status", "XNYS"))
    assert isinstance(answer, Answer)
    assert answer.market == replace(told, is_open=False, session="", holiday="Labor Day")


@pytest.mark.parametrize(
    "change",
    [{"exchange": "L"}, {"isOpen": None}, {"isOpen": "true"}, {"t": None}, {"t": "soon"}],
)
def test_a_word_on_another_exchange_or_of_another_shape_is_invalid(
    change: Mapping[str, object],
) -> None:
    answer = parsed(STATUS | dict(change), asked("market_status", "XNYS"))
    assert isinstance(answer, Failure)
    assert answer.reason == "invalid"


def test_the_exchange_is_asked_about_by_its_name_at_finnhub() -> None:
    question = finnhub.question(asked("market_status", "XNYS"))
    assert question == ("/stock/market-status", {"exchange": "US"})


def sample(name: str, capability: Capability, document: object, meaning: Reason | None) -> Sample:
    ticker = "XNYS" if capability == "market_status" else "AAPL"
    raw = RawAnswer(200, JSON, json.dumps(document).encode())
    return Sample(name, asked(capability, ticker), raw, meaning or "answer")


class TestFinnhubNews(SourceConformance):
    source = finnhub
    samples = (
        sample("headlines", "news", [ARTICLE, ARTICLE | {"id": 1, "url": ""}], None),
        sample("no headlines", "news", [], "no_data"),
    )
    statuses = STATUSES | {404: "provider_error"}
    of_another = sample("of another", "news", [ARTICLE | {"related": "MSFT"}], "invalid")


class TestFinnhubMarketStatus(SourceConformance):
    source = finnhub
    samples = (
        sample("open", "market_status", STATUS, None),
        sample("another exchange", "market_status", STATUS | {"exchange": "L"}, "invalid"),
    )
    statuses = STATUSES | {404: "provider_error"}
    of_another = sample("of another", "market_status", STATUS | {"exchange": "L"}, "invalid")
