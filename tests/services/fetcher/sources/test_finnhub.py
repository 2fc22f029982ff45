"""What Finnhub's answers mean, from recorded shapes and from bad ones."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bus.testing import microseconds
from config.settings import Secret
from market.messages.fetcher import Reason, SourceCalled
from services.fetcher.core.answers import Answer, Failure, QuoteAnswer
from services.fetcher.effects import Fetch
from services.fetcher.raw import RawAnswer
from services.fetcher.sources import finnhub, read
from tests.conformance.source import STATUSES, Sample, SourceConformance
from tests.fakes.finnhub import NO_ACCESS
from tests.services.fetcher.kit import World

NOW_US = microseconds("2026-09-16T15:03:00")
QUOTE = (
    b'{"c":333.27,"d":1.93,"dp":0.5825,"h":335.48,"l":331.87,"o":331.96,"pc":331.34,"t":1789580577}'
)
ASKED = Fetch(SourceCalled("finnhub", "quote", "AAPL"), NOW_US, 0)
JSON = {"content-type": "application/json; charset=utf-8"}
UNKNOWN = b'{"c":0,"d":null,"dp":null,"h":0,"l":0,"o":0,"pc":0,"t":0}'


def parsed(
    body: bytes, status: int = 200, kind: str = "application/json", **headers: str
) -> Answer | Failure:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = RawAnswer(status, {"content-type": kind, **told}, body)
    return read(finnhub, answer, ASKED)


def test_a_quote_is_read_as_it_stands() -> None:
    answer = parsed(QUOTE, kind="application/json; charset=utf-8")
    assert isinstance(answer, Answer)
    assert answer.quote == QuoteAnswer(
        price=333.27,
        market_time_us=1_789_580_577_000_000,
        open=331.96,
        high=335.48,
        low=331.87,
        previous_close=331.34,
    )
    assert len(answer.answer_hash) == 64


@pytest.mark.parametrize(
    ("limit", "remaining", "used"),
    [("60", "12", 48), ("60", "60", 0), ("60", "61", None), ("60", "x", None), ("", "3", None)],
)
def test_what_finnhub_has_counted_is_read_from_the_headers(
    limit: str, remaining: str, used: int | None
) -> None:
    answer = parsed(QUOTE, x_ratelimit_limit=limit, x_ratelimit_remaining=remaining)
    assert isinstance(answer, Answer)
    assert answer.used_told == used


def test_zeros_mean_that_the_symbol_is_unknown() -> None:
    answer = parsed(UNKNOWN)
    assert isinstance(answer, Failure)
    assert answer.reason == "unknown_symbol"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, b'{"error":"Invalid API key."}', "unauthorized"),
        (401, b'{"error":"Please use an API key."}', "unauthorized"),
        (403, b'{"error":"You don\'t have access to this resource."}', "forbidden"),
        (429, b'{"error":"API limit reached. Please try again later."}', "rate_limited"),
        (302, b"", "provider_error"),
        (404, b"<html></html>", "provider_error"),
        (500, b"null", "provider_error"),
        (502, b"<html>Bad Gateway</html>", "provider_error"),
        (200, b'{"error":"Something"}', "provider_error"),
        (200, b"", "invalid"),
        (200, b"null", "invalid"),
        (200, b"[]", "invalid"),
        (200, QUOTE[:40], "invalid"),
        (200, QUOTE.replace(b"333.27", b"NaN"), "invalid"),
        (200, QUOTE.replace(b"333.27", b"null"), "invalid"),
        (200, QUOTE.replace(b"333.27", b'"333.27"'), "invalid"),
        (200, QUOTE.replace(b'"c":333.27,', b""), "invalid"),
    ],
)
def test_every_other_answer_is_a_failure_of_its_class(
    status: int, body: bytes, reason: Reason
) -> None:
    answer = parsed(body, status)
    assert isinstance(answer, Failure)
    assert answer.reason == reason
    assert answer.message


def test_a_page_instead_of_an_answer_is_the_providers_error() -> None:
    answer = parsed(b"<html>Welcome</html>", kind="text/html")
    assert isinstance(answer, Failure)
    assert (answer.reason, answer.message) == ("provider_error", "text/html instead of JSON")


def test_a_wrong_key_says_what_to_do() -> None:
    answer = parsed(b'{"error":"Invalid API key."}', 401)
    assert isinstance(answer, Failure)
    assert answer.message == "Invalid API key. (check FINNHUB_API_KEY, then start again)"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"x_ratelimit_reset": str(NOW_US // 1_000_000 + 20)}, 21.0),
        ({"retry_after": "7", "x_ratelimit_reset": "1"}, 7.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "nan"}, None),
        ({}, None),
    ],
)
def test_the_time_to_come_back_is_read_from_the_headers(
    headers: dict[str, str], seconds: float | None
) -> None:
    answer = parsed(b'{"error":"API limit reached."}', 429, **headers)
    assert isinstance(answer, Failure)
    assert answer.retry_after_seconds == seconds


def test_the_key_goes_into_a_header_and_a_share_class_is_written_with_a_dot() -> None:
    asked: list[object] = []

    def http(
        url: str, params: Mapping[str, str], headers: Mapping[str, str], seconds: float
    ) -> RawAnswer:
        asked.extend((url, params, headers, seconds))
        return RawAnswer(200, {"content-type": "application/json"}, QUOTE)

    world = World()
    ports = replace(world.ports, http=http, finnhub_key=Secret("the key"))
    finnhub.ask(Fetch(SourceCalled("finnhub", "quote", "BRK-B"), NOW_US, 0), ports)
    assert asked == [
        "https://finnhub.io/api/v1/quote",
        {"symbol": "BRK.B"},
        {"X-Finnhub-Token": "the key", "Accept": "application/json"},
        finnhub.SECONDS,
    ]
    assert "the key" not in repr(ports)


@pytest.mark.skipif(
    "TAPEDECK_SHARED_DATA" not in os.environ,
    reason="real recorded answers are where TAPEDECK_SHARED_DATA points to, and it is not set",
)
@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("finnhub_quote_AAPL", "a quote"),
        ("finnhub_quote_unknown", "unknown_symbol"),
        ("finnhub_401_invalid", "unauthorized"),
        ("finnhub_401_missing", "unauthorized"),
        ("finnhub_403", "forbidden"),
        ("finnhub_429", "rate_limited"),
    ],
)
def test_real_recorded_answers_mean_what_they_meant(name: str, meaning: str) -> None:
    recorded = Path(os.environ["TAPEDECK_SHARED_DATA"]) / "recorded"
    index = json.loads((recorded / "INDEX.json").read_text())
    status = next(one["status"] for one in index if one["file"] == f"{name}.json")
    answer = parsed((recorded / f"{name}.json").read_bytes(), status)
    assert (answer.reason if isinstance(answer, Failure) else "a quote") == meaning


class TestFinnhub(SourceConformance):
    source = finnhub
    statuses = STATUSES | {404: "provider_error"}
    samples = (
        Sample("a quote", ASKED, RawAnswer(200, JSON, QUOTE), "answer"),
        Sample("zeros", ASKED, RawAnswer(200, JSON, UNKNOWN), "unknown_symbol"),
        Sample("told", ASKED, RawAnswer(200, JSON, b'{"error":"Something"}'), "provider_error"),
        Sample("no plan", ASKED, RawAnswer(403, JSON, NO_ACCESS.body), "forbidden"),
    )
