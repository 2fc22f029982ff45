"""What Yahoo's headlines mean, from samples of the shape that yfinance reads, and from bad ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bus.testing import microseconds
from market.messages.fetcher import Reason, SourceCalled
from market.messages.news import Headline
from services.fetcher.child.frames import AskPage
from services.fetcher.core.answers import Answer, Failure
from services.fetcher.effects import Fetch
from services.fetcher.raw import RawAnswer
from services.fetcher.sources import read, yahoo
from tests.conformance.source import STATUSES, Sample, SourceConformance
from tests.services.fetcher.kit import World

NOW_US = microseconds("2026-09-16T15:03:00")
ASKED = Fetch(SourceCalled("yahoo", "news", "NVDA"), NOW_US, 0)
JSON = {"content-type": "application/json"}
CONTENT: dict[str, Any] = {
    "id": "5f0c",
    "contentType": "STORY",
    "title": "Chips &amp; more: what to know",
    "summary": "Words.",
    "pubDate": "2026-09-16T13:30:00Z",
    "displayTime": "2026-09-16T13:40:00Z",
    "provider": {"displayName": "A paper", "url": "https://example.com/"},
    "canonicalUrl": {"url": "https://example.com/chips", "site": "finance", "region": "US"},
    "clickThroughUrl": {"url": "https://finance.example.com/news/chips.html"},
}
ITEM = {"id": "5f0c", "content": CONTENT}
AD = {"id": "ad", "ad": [{"title": "Buy"}], "content": None}


def stream(*items: object) -> dict[str, Any]:
    return {"data": {"tickerStream": {"stream": list(items)}}, "status": "OK"}


def parsed(document: object, status: int = 200) -> Answer | Failure:
    return read(yahoo, RawAnswer(status, JSON, json.dumps(document).encode()), ASKED)


def test_a_headline_is_read_with_its_publisher_its_address_and_the_time_it_was_published() -> None:
    answer = parsed(stream(AD, ITEM))
    assert isinstance(answer, Answer)
    assert answer.news == (
        Headline(
            "Chips & more: what to know",
            "A paper",
            "https://finance.example.com/news/chips.html",
            microseconds("2026-09-16T13:30:00"),
            "5f0c",
        ),
    )
    assert answer.refused_rows == 0


def test_an_external_article_is_named_by_its_own_address() -> None:
    answer = parsed(stream(ITEM | {"content": CONTENT | {"clickThroughUrl": None}}))
    assert isinstance(answer, Answer)
    assert [one.url for one in answer.news or ()] == ["https://example.com/chips"]


@pytest.mark.parametrize(
    "change",
    [
        {"pubDate": "2026-09-17T13:30:00Z"},
        {"pubDate": "2026-09-16T13:30:00"},
        {"pubDate": "yesterday"},
        {"pubDate": ""},
        {"pubDate": None},
        {"title": "<br>"},
        {"title": 7},
        {"clickThroughUrl": {"url": "javascript:alert(1)"}},
    ],
)
def test_a_bad_headline_is_left_out_and_spoils_no_other(change: Mapping[str, object]) -> None:
    answer = parsed(stream(ITEM | {"content": CONTENT | dict(change)}, ITEM))
    assert isinstance(answer, Answer)
    assert (len(answer.news or ()), answer.refused_rows) == (1, 1)


@pytest.mark.parametrize(
    ("status", "document", "reason"),
    [
        (200, stream(), "no_data"),
        (200, stream(AD), "no_data"),
        (200, stream({"id": "x"}), "invalid"),
        (200, {"data": {}}, "invalid"),
        (200, {"data": None, "status": "ERROR"}, "invalid"),
        (200, None, "invalid"),
        (401, {}, "provider_error"),
        (429, "Edge: Too Many Requests", "rate_limited"),
        (502, None, "provider_error"),
    ],
)
def test_every_other_answer_is_a_failure_of_its_class(
    status: int, document: object, reason: Reason
) -> None:
    answer = parsed(document, status)
    assert isinstance(answer, Failure)
    assert answer.reason == reason


def test_the_question_is_the_one_that_yfinance_puts() -> None:
    world = World()
    put: list[AskPage] = []
    ask = world.child.ask

    class Listening:
        def ask(self, request: Any, seconds: float) -> Any:
            put.append(request)
            return ask(request, seconds)

    world.clock.now_us = NOW_US
    answer = yahoo.ask(ASKED, replace(world.ports, child=Listening()))
    assert isinstance(answer, RawAnswer)
    assert [(one.url, one.params) for one in put] == [
        ("https://finance.yahoo.com/xhr/ncp", {"queryRef": "latestNews", "serviceKey": "ncp_fin"})
    ]
    assert json.loads(put[0].sent) == {"serviceConfig": {"snippetCount": 20, "s": ["NVDA"]}}


def sample(name: str, document: object, meaning: Reason | None) -> Sample:
    raw = RawAnswer(200, JSON, json.dumps(document).encode())
    return Sample(name, ASKED, raw, meaning or "answer")


class TestYahooNews(SourceConformance):
    source = yahoo
    samples = (
        sample("a stream with an advertisement", stream(ITEM, AD, ITEM | {"id": "6"}), None),
        sample("an empty stream", stream(), "no_data"),
    )
    statuses = STATUSES | {401: "provider_error", 403: "provider_error"}
