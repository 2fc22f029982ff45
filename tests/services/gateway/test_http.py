"""The HTTP door."""

from __future__ import annotations

from typing import Any

import pytest

from bus.actor import Refused
from bus.errors import Overloaded, StorageFailed, Truncated, Unavailable
from bus.message import BusStatus, Done
from market.messages.analyzer import Analyze
from market.messages.cache import CacheStatus, ClearCache, ReadBars, Snapshot
from market.messages.fetcher import AddTicker, CollectorStatus, Queue, RemoveTicker
from services.gateway.guard import COOKIE
from services.gateway.http import BODY_BYTES_MAX
from services.gateway.verbs import VERBS
from tests.services.gateway import samples
from tests.services.gateway.conftest import Browse
from tests.services.gateway.fakes import FakeDeck, Replies

COLLECTING: Replies = {CollectorStatus: samples.collector(), CacheStatus: samples.cache()}


def error_of(answer: Any) -> tuple[int, str]:
    body = answer.json()
    assert set(body["error"]) == {"code", "message", "remedy"}
    assert body["error"]["remedy"]
    return answer.status_code, body["error"]["code"]


def test_the_status_is_served_under_both_its_names(browse: Browse) -> None:
    client = browse(FakeDeck(COLLECTING))
    short, long = client.get("/api/collector/status"), client.get("/api/collector/status/json")
    assert short.status_code == 200
    assert short.json() == long.json()
    assert short.json()["next_run"] == "2026-11-21T12:05:00Z"


def test_a_ticker_is_added_with_a_json_body(browse: Browse) -> None:
    deck = FakeDeck(COLLECTING | {AddTicker: Done(9, 1)})
    answer = browse(deck).post("/api/collector/ticker/add", json={"ticker": "nvda"})
    assert (answer.status_code, answer.json()["success"]) == (200, True)
    assert deck.asked[0] == AddTicker("NVDA")


def test_arguments_come_from_the_path_and_the_query(browse: Browse) -> None:
    deck = FakeDeck({ReadBars: samples.bars()})
    answer = browse(deck).get("/api/tickers/nvda/bars?timeframe=1h&limit=2&as_of=2026-11-21T12:00Z")
    assert answer.json()["close"] == [11.0, 12.0]
    assert deck.asked == [ReadBars("NVDA", "1h", 2, samples.NOON_US)]


@pytest.mark.parametrize(("path", "ticker"), [("/api/cache", ""), ("/api/cache/nvda", "NVDA")])
def test_delete_clears_one_or_all(browse: Browse, path: str, ticker: str) -> None:
    deck = FakeDeck({ClearCache: Done(9, 1), CacheStatus: samples.cache()})
    assert browse(deck).delete(path).status_code == 200
    assert deck.asked[0] == ClearCache(ticker)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/nothing", (404, "not_found")),
        ("GET", "/api/collector/status/", (404, "not_found")),
        ("GET", "/static/nothing.js", (404, "not_found")),
        ("GET", "/static/../http.py", (404, "not_found")),
        ("GET", "/api/collector/start", (405, "method_not_allowed")),
        ("PUT", "/api/cache", (405, "method_not_allowed")),
        ("GET", "/api/analyze/N%20V", (400, "bad_ticker")),
        ("GET", "/api/analyze/NVDA?as_of=then", (400, "bad_instant")),
        ("GET", "/api/analyze/NVDA?asof=2026", (400, "bad_argument")),
        ("GET", "/api/tickers/NVDA/bars?limit=9999", (400, "bad_argument")),
        ("GET", "/api/tickers/NVDA/bars?limit=few", (400, "bad_argument")),
        ("GET", f"/api/events?from_seq={'9' * 26}", (400, "bad_argument")),
    ],
)
def test_wrong_requests_get_the_error_shape(
    browse: Browse, method: str, path: str, expected: tuple[int, str]
) -> None:
    assert error_of(browse(FakeDeck()).request(method, path)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "bad_body")),
        (b"[1]", (400, "bad_body")),
        (b'"NVDA"', (400, "bad_body")),
        (b"\xff\xfe", (400, "bad_body")),
        (b"[" * 5_000, (400, "bad_body")),
        (b"", (400, "bad_argument")),
        (b"{}", (400, "bad_argument")),
        (b'{"ticker": 5}', (400, "bad_argument")),
        (b'{"ticker": null}', (400, "bad_argument")),
        (b'{"ticker": "NVDA", "more": 1}', (400, "bad_argument")),
        (b'{"ticker": "../etc/passwd"}', (400, "bad_ticker")),
        (b'{"ticker": "' + b"N" * BODY_BYTES_MAX + b'"}', (413, "message_too_large")),
    ],
)
def test_wrong_bodies_get_the_error_shape(
    browse: Browse, body: bytes, expected: tuple[int, str]
) -> None:
    deck = FakeDeck()
    assert error_of(browse(deck).post("/api/collector/ticker/add", content=body)) == expected
    assert deck.asked == []


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Refused("protected", "SPY is protected", "it stays"), (409, "protected")),
        (Refused("not_tracked", "NVDA is not tracked", "add it"), (404, "not_tracked")),
        (Refused("bad_ticker", "no ticker", "write NVDA"), (400, "bad_ticker")),
        (Unavailable("fetcher is not there", "try again"), (503, "unavailable")),
        (Overloaded("too much", "less"), (503, "overloaded")),
        (StorageFailed("the disk is full", "make room"), (503, "storage_failed")),
        (Truncated(7), (410, "truncated")),
    ],
)
def test_the_decks_refusals_come_with_the_fitting_status(
    browse: Browse, reply: Exception, expected: tuple[int, str]
) -> None:
    client = browse(FakeDeck({RemoveTicker: reply}))
    answer = client.post("/api/collector/ticker/remove", json={"ticker": "SPY"})
    assert error_of(answer) == expected
    assert ("retry-after" in answer.headers) == (answer.status_code == 503)


def test_a_fault_of_our_own_tells_nothing_of_the_inside(browse: Browse) -> None:
    answer = browse(FakeDeck({CacheStatus: KeyError("secret")})).get("/api/cache")
    assert error_of(answer) == (500, "internal_error")
    assert "secret" not in answer.text


def test_ready_is_503_with_the_missing_ones_until_all_are_there(browse: Browse) -> None:
    deck = FakeDeck({BusStatus: samples.bus("fetcher")})
    client = browse(deck)
    answer = client.get("/health/ready")
    assert error_of(answer) == (503, "not_ready")
    assert answer.json()["missing"] == ["indicators", "cache", "analyzer"]
    deck.replies[BusStatus] = samples.bus()
    assert client.get("/health/ready").status_code == 200


def test_the_gateway_lives_without_a_bus(browse: Browse) -> None:
    assert browse(FakeDeck()).get("/health/live").json() == {"live": True}


@pytest.mark.guarantee("observability")
def test_the_metrics_tell_of_the_deck_and_of_the_requests(browse: Browse) -> None:
    replies: Replies = {
        BusStatus: samples.bus(),
        CacheStatus: samples.cache(),
        CollectorStatus: samples.collector(
            sources=(samples.YAHOO,),
            queues=(Queue("yahoo", "1h", 412, 0, samples.NOON_US, ("NVDA",)),),
        ),
    }
    client = browse(FakeDeck(replies))
    client.get("/api/cache")
    text = client.get("/metrics").text
    for line in (
        "tapedeck_bus_up 1.0",
        "tapedeck_tape_head 7.0",
        'tapedeck_service_lag_events{service="cache"} 0.0',
        'tapedeck_bus_commit_milliseconds{quantile="0.99"} 2.5',
        "tapedeck_bus_batch_events 2.0",
        "tapedeck_bus_resends_total 1.0",
        "tapedeck_bus_bad_frames_total 4.0",
        'tapedeck_service_dead_letters_total{service="analyzer"} 1.0',
        'tapedeck_service_gaps_total{service="analyzer"} 2.0',
        'tapedeck_service_resends_total{service="analyzer"} 3.0',
        'tapedeck_service_bad_frames_total{service="analyzer"} 5.0',
        'tapedeck_quote_age_seconds{simulated="false",source="yahoo",ticker="NVDA"} 12.0',
        'tapedeck_requests_total{code="",door="http",verb="cache"} 1.0',
        "tapedeck_live_pages 0.0",
        'tapedeck_source_calls_total{source="yahoo"} 9.0',
        'tapedeck_source_outcomes_total{outcome="answered",source="yahoo"} 7.0',
        'tapedeck_source_refusals_total{reason="invalid",source="yahoo"} 2.0',
        'tapedeck_source_gate{capability="bars",source="yahoo",state="half_open"} 1.0',
        'tapedeck_source_gate{capability="bars",source="yahoo",state="closed"} 0.0',
        'tapedeck_source_budget_used{source="finnhub"} 7.0',
        'tapedeck_source_budget_limit{source="finnhub"} 60.0',
        'tapedeck_queue_waiting{lane="1h",source="yahoo"} 412.0',
        'tapedeck_raw_answers_lost_total{source="yahoo"} 1.0',
    ):
        assert line in text.splitlines()


def test_the_metrics_come_without_a_bus_too(browse: Browse) -> None:
    assert "tapedeck_bus_up 0.0" in browse(FakeDeck()).get("/metrics").text


# --- pages -------------------------------------------------------------------------------------


def test_the_page_and_the_docs_load_nothing_from_elsewhere(browse: Browse) -> None:
    client = browse(FakeDeck())
    for path in ("/", "/docs"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "script-src" not in answer.headers["content-security-policy"]
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "http://" not in answer.text
        assert "https://" not in answer.text
        assert "<script" not in answer.text


def test_the_docs_name_every_route(browse: Browse) -> None:
    text = browse(FakeDeck()).get("/docs").text
    for verb in VERBS:
        for route in verb.routes:
            assert f"{verb.method} {route}" in text


def test_every_answer_carries_the_strict_headers(browse: Browse) -> None:
    client = browse(FakeDeck())
    for path in ("/", "/api/cache", "/api/nothing", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers


# --- who may come in ---------------------------------------------------------------------------


def test_a_foreign_host_or_origin_is_turned_away(browse: Browse) -> None:
    deck = FakeDeck(COLLECTING)
    client = browse(deck)
    rebound = client.get("/api/collector/status", headers={"host": "evil.example"})
    forged = client.post("/api/collector/stop", headers={"origin": "http://evil.example"})
    assert error_of(rebound) == (403, "foreign_host")
    assert error_of(forged) == (403, "foreign_origin")
    assert deck.asked == []


def test_a_locked_deck_opens_to_the_token_alone(browse: Browse) -> None:
    client = browse(FakeDeck(COLLECTING), token="open sesame")
    shut = client.get("/api/collector/status")
    assert error_of(shut) == (401, "unauthorized")
    assert shut.headers["www-authenticate"] == "Bearer"
    token = {"authorization": "Bearer open sesame"}
    assert client.get("/api/collector/status", headers=token).status_code == 200


def test_a_browser_types_the_token_once(browse: Browse) -> None:
    client = browse(FakeDeck(COLLECTING), token="open sesame")
    asked = client.get("/", headers={"accept": "text/html"})
    assert (asked.status_code, 'name="token"' in asked.text) == (401, True)
    wrong = client.post("/api/login", data={"token": "sesame"}, follow_redirects=False)
    assert (wrong.status_code, COOKIE in client.cookies) == (401, False)
    right = client.post("/api/login", data={"token": "open sesame"}, follow_redirects=False)
    assert (right.status_code, right.headers["location"]) == (303, "/")
    cookie = right.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "sesame" not in cookie
    assert client.get("/").status_code == 200


def test_a_foreign_page_cannot_log_in(browse: Browse) -> None:
    client = browse(FakeDeck(), token="open sesame")
    answer = client.post(
        "/api/login", data={"token": "open sesame"}, headers={"origin": "http://evil.example"}
    )
    assert error_of(answer) == (403, "foreign_origin")


def test_an_oversized_login_is_turned_away(browse: Browse) -> None:
    answer = browse(FakeDeck(), token="t").post("/api/login", content=b"x" * (BODY_BYTES_MAX + 1))
    assert error_of(answer) == (413, "message_too_large")


@pytest.mark.parametrize("message", [Analyze, Snapshot])
def test_no_question_is_asked_before_the_door_is_open(browse: Browse, message: type) -> None:
    deck = FakeDeck({message: samples.analysis()})
    browse(deck, token="t").get("/api/analyze/NVDA")
    assert deck.asked == []
