"""A real client meets the imitation through the proxy, as it would meet the providers."""

from __future__ import annotations

import http.client
import itertools
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.fakes.faults import (
    AnyFault,
    BrokenJson,
    Closed,
    Cut,
    Drip,
    Empty,
    Hang,
    Html,
    Normal,
    Redirect,
    Refused,
    Reset,
    SlowHandshake,
    Stale,
    Status,
)
from tests.fakes.providers import GOOD_KEY, Providers
from tests.fakes.proxy import BODY_BYTES_MAX
from tests.fakes.wire import Call
from tests.test_fakes.moments import CLOSED, OPEN

ROOT = Path(__file__).parents[2]
QUOTE_URL = "https://finnhub.io/api/v1/quote"
CHART_URL = "https://query2.finance.yahoo.com/v8/finance/chart/NVDA"
BROWSER = {"User-Agent": "Mozilla/5.0"}


@pytest.fixture
def providers() -> Iterator[Providers]:
    with Providers(clock=lambda: OPEN) as running:
        yield running


@pytest.fixture
def client(providers: Providers) -> Iterator[requests.Session]:
    with client_of(providers) as session:
        yield session


@contextmanager
def client_of(providers: Providers) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = providers.proxies
        session.verify = providers.ca_file
        session.headers["X-Finnhub-Token"] = GOOD_KEY
        yield session


def quote(client: requests.Session, timeout_seconds: float = 5.0) -> requests.Response:
    return client.get(
        QUOTE_URL, params={"symbol": "NVDA"}, timeout=timeout_seconds, allow_redirects=False
    )


def test_a_quote_comes_with_the_key_in_the_header(
    providers: Providers, client: requests.Session
) -> None:
    answer = quote(client)
    assert (answer.status_code, answer.json()["c"]) == (200, providers.truth("NVDA").quote.price)
    assert answer.headers["X-Ratelimit-Remaining"] == "59"
    assert providers.calls == [
        Call(
            provider="finnhub",
            host="finnhub.io",
            method="GET",
            path="/api/v1/quote",
            endpoint="/quote",
            symbol="NVDA",
            query={"symbol": "NVDA"},
            at_seconds=OPEN,
            token_in_header=True,
            token_in_url=False,
            status=200,
            fault=None,
        )
    ]


def test_a_key_in_the_url_is_noticed_and_not_kept(
    providers: Providers, client: requests.Session
) -> None:
    del client.headers["X-Finnhub-Token"]
    client.get(QUOTE_URL, params={"symbol": "SPY", "token": GOOD_KEY}, timeout=5)
    (call,) = providers.calls
    assert (call.status, call.token_in_header, call.token_in_url) == (200, False, True)
    assert GOOD_KEY not in repr(call)


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("wrong", 401), (GOOD_KEY, 200)])
def test_a_key_must_be_good(client: requests.Session, key: str | None, status: int) -> None:
    client.headers.pop("X-Finnhub-Token")
    if key:
        client.headers["X-Finnhub-Token"] = key
    assert quote(client).status_code == status


def test_sixty_calls_a_minute_are_really_counted() -> None:
    seconds = itertools.count(OPEN, 0.125)
    with Providers(clock=lambda: next(seconds)) as providers, client_of(providers) as client:
        assert [quote(client).status_code for _ in range(61)] == [200] * 60 + [429]
        assert providers.served["finnhub", "/quote", "NVDA", "429"] == 1


def test_thirty_calls_a_second_are_really_counted(
    providers: Providers, client: requests.Session
) -> None:
    assert [quote(client).status_code for _ in range(31)] == [200] * 30 + [429]
    counted = providers.counters("finnhub")
    assert (counted.calls, counted.per_second_max, counted.by_symbol) == (31, 31, {"NVDA": 31})


def test_a_chart_comes_to_a_browser_and_not_to_a_bare_client(client: requests.Session) -> None:
    assert client.get(CHART_URL, timeout=5).status_code == 429
    assert client.get(CHART_URL, headers=BROWSER, timeout=5).status_code == 200


def test_a_crumb_needs_the_cookie(client: requests.Session) -> None:
    client.headers.update(BROWSER)
    crumb_url = "https://query1.finance.yahoo.com/v1/test/getcrumb"
    assert client.get(crumb_url, timeout=5).status_code == 401
    assert client.get("https://fc.yahoo.com", timeout=5).status_code == 404
    crumb = client.get(crumb_url, timeout=5).text
    summary = "https://query2.finance.yahoo.com/v10/finance/quoteSummary/SPY"
    assert client.get(summary, timeout=5).status_code == 401
    page = client.get(summary, params={"crumb": crumb}, timeout=5).json()
    assert page["quoteSummary"]["result"][0]["quoteType"]["timeZoneFullName"] == "America/New_York"


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 502])
def test_a_planned_status_is_served_once_and_counted(
    providers: Providers, client: requests.Session, code: int
) -> None:
    providers.plan.next("finnhub", Status(code, retry_after_seconds=3), symbol="NVDA")
    answers = [quote(client), quote(client)]
    assert [answer.status_code for answer in answers] == [code, 200]
    assert answers[0].headers["Retry-After"] == "3"
    assert providers.served["finnhub", "/quote", "NVDA", "status"] == 1


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [(Html(), 200, "<html>"), (Empty(), 200, ""), (BrokenJson(), 200, '{"c":')],
)
def test_a_planned_body_is_served(
    providers: Providers, client: requests.Session, fault: AnyFault, status: int, body: str
) -> None:
    providers.plan.next("finnhub", fault)
    answer = quote(client)
    assert (answer.status_code, answer.text[: len(body)]) == (status, body)
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("fault", [Cut(), Reset(), Hang(seconds=0.2)])
def test_a_connection_that_breaks_is_an_error_of_the_client(
    providers: Providers, client: requests.Session, fault: AnyFault
) -> None:
    providers.plan.next("finnhub", fault)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        quote(client)
    assert quote(client).status_code == 200


def test_a_hanging_answer_outlasts_the_client_s_patience_and_not_the_imitation(
    providers: Providers, client: requests.Session
) -> None:
    providers.plan.next("finnhub", Hang(seconds=3_600))
    with pytest.raises(requests.Timeout):
        quote(client, timeout_seconds=0.2)
    assert [call.fault for call in providers.calls] == ["hang"]


def test_a_dripping_answer_comes_whole_though_each_read_is_in_time(
    providers: Providers, client: requests.Session
) -> None:
    providers.plan.next("finnhub", Drip(bytes_per_second=400))
    assert quote(client, timeout_seconds=0.2).json() == quote(client).json()


def test_a_host_may_take_no_connection_and_the_next_one_is_taken(
    providers: Providers, client: requests.Session
) -> None:
    providers.plan.next("finnhub", Refused())
    with pytest.raises(requests.exceptions.ProxyError, match="502"):
        quote(client)
    assert quote(client).status_code == 200
    assert [(call.endpoint, call.status, call.fault) for call in providers.calls] == [
        ("CONNECT", 0, "refused"),
        ("/quote", 200, None),
    ]
    assert providers.counters("finnhub").calls == 1


def test_a_handshake_may_take_its_time(providers: Providers, client: requests.Session) -> None:
    providers.plan.next("finnhub", SlowHandshake(3_600))
    with pytest.raises(requests.Timeout):
        quote(client, timeout_seconds=0.2)
    providers.plan.next("finnhub", SlowHandshake(0.05))
    assert quote(client).status_code == 200


def test_a_connection_may_be_kept_in_words_and_closed_in_fact(providers: Providers) -> None:
    context = ssl.create_default_context(cafile=providers.ca_file)
    connection = http.client.HTTPSConnection(
        "127.0.0.1", int(providers.url.rpartition(":")[2]), context=context, timeout=5
    )
    connection.set_tunnel("finnhub.io", 443)
    connection.auto_open = 0
    connection.connect()
    providers.plan.next("finnhub", Normal(), Closed())
    for _ in range(2):
        answer = answered(connection)
        assert (answer.status, answer.will_close, bool(answer.read())) == (200, False, True)
    with pytest.raises(OSError, match=r"(?i)closed|broken|reset|EOF"):
        answered(connection)
    connection.close()


def answered(connection: http.client.HTTPSConnection) -> http.client.HTTPResponse:
    headers = {"X-Finnhub-Token": GOOD_KEY}
    connection.request("GET", "/api/v1/quote?symbol=SPY", headers=headers)
    return connection.getresponse()


def test_a_redirect_that_is_followed_is_a_foreign_request(
    providers: Providers, client: requests.Session
) -> None:
    providers.plan.next("finnhub", Redirect("https://elsewhere.example/"))
    with pytest.raises(requests.ConnectionError):
        client.get(QUOTE_URL, timeout=5)
    assert providers.foreign == ["elsewhere.example:443"]


def test_a_stale_answer_is_the_truth_of_then(
    providers: Providers, client: requests.Session
) -> None:
    before = Providers(clock=lambda: OPEN - 7_200).truth("NVDA").quote
    providers.plan.next("finnhub", Stale(seconds=7_200))
    answer = quote(client).json()
    assert (answer["c"], answer["t"]) == (before.price, before.at_seconds)


def test_an_unknown_host_is_refused_and_counted(
    providers: Providers, client: requests.Session
) -> None:
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        client.get("https://example.com/", timeout=5)
    client.proxies = {"http": providers.url}
    assert client.get("http://example.com/", timeout=5).status_code == 403
    assert (providers.foreign, providers.calls) == (["example.com:443", "example.com"], [])


def test_a_client_that_does_not_trust_the_authority_is_noticed(
    providers: Providers, client: requests.Session
) -> None:
    client.verify = True
    with pytest.raises(requests.exceptions.SSLError):
        quote(client)
    providers.wait_until(lambda: providers.distrusted == ["finnhub.io"])
    assert providers.calls == []


def test_waiting_for_what_does_not_come_ends_with_what_did(providers: Providers) -> None:
    with pytest.raises(TimeoutError, match="not so after"):
        providers.wait_until(lambda: bool(providers.calls), seconds=0.01)


def test_the_plan_and_the_notes_are_reached_over_plain_http(
    providers: Providers, client: requests.Session
) -> None:
    rule = {"provider": "finnhub", "faults": [{"type": "status", "code": 500}]}
    changed = requests.post(f"{providers.url}/_plan", json={"rules": [rule]}, timeout=5)
    assert (changed.json(), quote(client).status_code) == ({"ok": True}, 500)
    notes = requests.get(f"{providers.url}/_calls", timeout=5).json()
    assert [call["fault"] for call in notes["calls"]] == ["status"]
    assert notes["served"] == [["finnhub", "/quote", "NVDA", "status", 1]]
    counted = requests.get(f"{providers.url}/_counters", timeout=5).json()
    assert (counted["finnhub"]["per_minute_max"], counted["yahoo"]["calls"]) == (1, 0)
    truth = requests.get(f"{providers.url}/_truth/NVDA", timeout=5).json()
    assert truth["quote"]["price"] == providers.truth("NVDA").quote.price


def test_a_body_beyond_the_bound_is_refused(client: requests.Session) -> None:
    announced = {"Content-Length": str(BODY_BYTES_MAX + 1)}
    assert client.get(QUOTE_URL, headers=announced, timeout=5).status_code == 413


def test_a_page_of_the_proxy_that_is_not_there_says_which_are(providers: Providers) -> None:
    answer = requests.get(f"{providers.url}/_truth/ZZZZ", timeout=5)
    assert (answer.status_code, "/_calls" in answer.json()["error"]) == (404, True)


def test_a_malformed_plan_is_refused_with_the_reason(providers: Providers) -> None:
    rule = {"provider": "finnhub", "faults": [{"type": "tired"}]}
    answer = requests.post(f"{providers.url}/_plan", json={"rules": [rule]}, timeout=5)
    assert (answer.status_code, "tired" in answer.json()["error"]) == (400, True)


def test_closing_ends_hanging_and_idle_connections(tmp_path: Path) -> None:
    with requests.Session() as client:
        client.trust_env = False
        with Providers(clock=lambda: CLOSED, ca_file=tmp_path / "ca.pem") as providers:
            client.proxies, client.verify = providers.proxies, providers.ca_file
            client.headers["X-Finnhub-Token"] = GOOD_KEY
            assert quote(client).status_code == 200
            providers.plan.next("finnhub", Hang(seconds=3_600))
            with pytest.raises(requests.Timeout):
                quote(client, timeout_seconds=0.1)
        with pytest.raises(requests.ConnectionError):
            quote(client)


def test_the_program_prints_its_environment_serves_and_stops(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fakes.providers", "--port", "0"]
    command += ["--ca", str(tmp_path / "ca.pem"), "--at", "2026-09-25T15:00:00+00:00"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline().strip() for _ in range(7)]
        environment = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        probe = (
            "import sys, requests; sys.stdout.write(str(requests.get("
            f"'{QUOTE_URL}?symbol=SPY', headers={{'X-Finnhub-Token': '{GOOD_KEY}'}}, timeout=5"
            ").json()['t']))"
        )
        answer = subprocess.run(
            [sys.executable, "-c", probe],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=True,
        )
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 0
    started = 1_790_348_400  # 2026-09-25T15:00:00Z
    assert started - 15 <= int(answer.stdout) < time.time()
