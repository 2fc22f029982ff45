"""The real child, against the imitation: it answers, it is killed when late, it outlives nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from market.messages.fetcher import SourceCalled
from services.fetcher.child.client import ROOT, ChildProcess, _log_lines
from services.fetcher.child.frames import (
    AskPage,
    AskSessions,
    AskTable,
    Failed,
    Page,
    SessionTable,
)
from services.fetcher.core.answers import Answer, Failure
from services.fetcher.effects import Fetch
from services.fetcher.raw import RawAnswer
from services.fetcher.sources import read, yahoo, yahoo_news
from tests.fakes.articles import articles
from tests.fakes.chart import chart_answer
from tests.fakes.faults import (
    AnyFault,
    BrokenJson,
    Cut,
    Drip,
    Empty,
    Hang,
    Html,
    NoRows,
    Redirect,
    Reset,
    Status,
    WrongTypes,
)
from tests.fakes.networks import black_hole
from tests.fakes.providers import Providers
from tests.services.fetcher.kit import MARKET, World, session_table

URL = "https://query2.finance.yahoo.com/v8/finance/chart/"
CHART = "/v8/finance/chart"


def asked(ticker: str, named: str = "5d", interval: str = "1d", within: float = 20.0) -> AskPage:
    return AskPage(URL + ticker, {"range": named, "interval": interval}, within)


SPY = asked("SPY")


@pytest.fixture(scope="module")
def providers() -> Iterator[Providers]:
    with Providers() as found:
        yield found


@pytest.fixture(scope="module")
def child(providers: Providers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildProcess]:
    """One child for all the tests that do not harm it: loading takes seconds."""
    found = ChildProcess(tmp_path_factory.mktemp("yfinance"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in providers.environment.items():
            patch.setenv(name, value)
        assert served(found.ask(SPY, 20.0))
        yield found
    found.close()


@pytest.fixture(autouse=True)
def healthy(providers: Providers) -> None:
    providers.plan.clear()


def served(answer: object) -> bool:
    return isinstance(answer, Page) and answer.status == 200 and b'"timestamp"' in answer.body


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    pause = threading.Event()
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        pause.wait(0.02)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_a_page_is_what_was_served_byte_by_byte(child: ChildProcess, providers: Providers) -> None:
    answer = child.ask(asked("NVDA", "5y"), 20.0)
    assert isinstance(answer, Page)
    assert answer.status == 200
    assert answer.url == f"{URL}NVDA?range=5y&interval=1d"
    assert answer.headers["content-type"].startswith("application/json")
    now = providers.calls[-1].at_seconds
    query = {"range": "5y", "interval": "1d"}
    assert answer.body == chart_answer(MARKET.history("NVDA", now), query).body


def asked_for_news(ticker: str) -> Fetch:
    return Fetch(SourceCalled("yahoo", "news", ticker), int(time.time() * 1e6), 0)


def test_headlines_are_asked_for_by_one_post_and_come_as_they_were_served(
    child: ChildProcess, providers: Providers
) -> None:
    before = len(providers.calls)
    asked = asked_for_news("NVDA")
    raw = yahoo.ask(asked, replace(World().ports, child=child))
    assert isinstance(raw, RawAnswer)
    (call,) = providers.calls[before:]
    assert (call.method, call.endpoint, call.symbol) == ("POST", "/xhr/ncp", "NVDA")
    assert call.query == yahoo_news.PARAMS
    answer = read(yahoo, raw, asked)
    assert isinstance(answer, Answer)
    history = MARKET.history("NVDA", call.at_seconds)
    assert history is not None
    assert [one.headline for one in answer.news or ()] == [
        one.headline for one in articles(history)[: yahoo_news.ARTICLES_ASKED]
    ]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Status(403), "provider_error"),
        (Status(429, retry_after_seconds=9), "rate_limited"),
        (Status(502), "provider_error"),
        (Redirect(), "provider_error"),
        (Html(), "provider_error"),
        (BrokenJson(), "invalid"),
        (Empty(), "invalid"),
        (Reset(), "unreachable"),
        (Cut(), "unreachable"),
        (NoRows(), "no_data"),
        (WrongTypes(), "invalid"),
    ],
    ids=str,
)
def test_headlines_that_go_wrong_have_their_class_and_cost_one_call(
    child: ChildProcess, providers: Providers, fault: AnyFault, reason: str
) -> None:
    providers.plan.always("yahoo", fault, endpoint="/xhr/ncp")
    before = len(providers.calls)
    asked = asked_for_news("SPY")
    raw = yahoo.ask(asked, replace(World().ports, child=child))
    answer = raw if isinstance(raw, Failure) else read(yahoo, raw, asked)
    assert isinstance(answer, Failure)
    assert answer.reason == reason
    repeated = isinstance(fault, Reset)  # libcurl asks once more where a kept connection is reset
    assert len(providers.calls) - before in ((1, 2) if repeated else (1,))


def test_the_sessions_are_those_of_the_exchange(child: ChildProcess) -> None:
    answer = child.ask(AskSessions("XNYS", "2025-11-03", "2026-11-03"), 20.0)
    assert isinstance(answer, SessionTable)
    assert answer == session_table("2025-11-03", "2026-11-03")


@pytest.mark.parametrize("ticker", ["SPY", "QQQ", "NVDA", "MSFT"])
def test_a_question_is_one_call_also_about_a_symbol_never_seen(
    child: ChildProcess, providers: Providers, ticker: str
) -> None:
    before = len(providers.calls)
    child.ask(asked(ticker), 20.0)
    assert [call.endpoint for call in providers.calls[before:]] == [CHART]


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Status(code), code) for code in (401, 403, 404, 422, 429, 500, 502)]
    + [(Redirect(), 302), (Html(), 200), (BrokenJson(), 200), (Empty(), 200)],
)
def test_a_bad_answer_is_brought_after_one_call_and_forgotten_at_once(
    child: ChildProcess, providers: Providers, fault: AnyFault, status: int
) -> None:
    before = len(providers.calls)
    providers.plan.always("yahoo", fault, endpoint=CHART)
    answer = child.ask(SPY, 20.0)
    assert isinstance(answer, Page)
    assert answer.status == status
    assert len(providers.calls) - before == 1
    assert providers.foreign == []

    providers.plan.clear()
    assert served(child.ask(SPY, 20.0))


def test_an_answer_that_is_cut_is_told_after_one_call(
    child: ChildProcess, providers: Providers
) -> None:
    before = len(providers.calls)
    providers.plan.always("yahoo", Cut(), endpoint=CHART)
    answer = child.ask(SPY, 20.0)
    assert isinstance(answer, Failed)
    assert "CurlError" in answer.kinds
    assert len(providers.calls) - before == 1


def test_a_reset_is_told_after_curl_has_tried_once_more(
    child: ChildProcess, providers: Providers
) -> None:
    child.ask(SPY, 20.0)
    before = len(providers.calls)
    providers.plan.always("yahoo", Reset(), endpoint=CHART)
    answer = child.ask(SPY, 20.0)
    assert isinstance(answer, Failed)
    assert "CurlError" in answer.kinds
    assert len(providers.calls) - before <= 2


@pytest.mark.parametrize("fault", [Hang(), Drip(bytes_per_second=8.0)])
def test_an_answer_that_does_not_come_is_given_up_and_the_child_lives(
    child: ChildProcess, providers: Providers, fault: AnyFault
) -> None:
    child.ask(SPY, 20.0)
    pid = child.pid
    providers.plan.always("yahoo", fault, endpoint=CHART)
    answer = child.ask(asked("SPY", within=0.3), 20.0)
    assert isinstance(answer, Failed)
    assert "Timeout" in answer.kinds
    providers.plan.clear()
    assert served(child.ask(SPY, 20.0))
    assert child.pid == pid


def test_a_hanging_cookie_costs_a_moment_and_no_chart(
    providers: Providers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in providers.environment.items():
        monkeypatch.setenv(name, value)
    providers.plan.always("yahoo", Hang(), endpoint="fc.yahoo.com")
    fresh = ChildProcess(tmp_path)
    assert served(fresh.ask(SPY, 20.0))
    fresh.close()


def test_the_cookie_is_asked_for_once_and_kept_for_the_next_child(
    providers: Providers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in providers.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("YF_DISABLE_CURL_CFFI", "1")  # not heard: yfinance would fail without it
    before = len(providers.calls)
    for _ in range(2):
        fresh = ChildProcess(tmp_path)
        assert served(fresh.ask(SPY, 20.0))
        fresh.close()
    endpoints = [call.endpoint for call in providers.calls[before:]]
    assert endpoints == ["fc.yahoo.com", CHART, CHART]


def test_nothing_but_our_log_hears_what_the_libraries_say(
    providers: Providers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, value in providers.environment.items():
        monkeypatch.setenv(name, value)
    fresh = ChildProcess(tmp_path)
    with capture_logs() as logs:
        for fault in (Status(429), Html(), Cut(), Empty()):
            providers.plan.next("yahoo", fault, endpoint=CHART)
            fresh.ask(SPY, 20.0)
        fresh.ask(AskTable(b"PAR1 no table PAR1", 9), 20.0)
        fresh.ask(AskSessions("XNYS", "2026-01-01", "2026-02-01"), 20.0)
        fresh.close()
    assert capfd.readouterr() == ("", "")
    assert {line["event"] for line in logs} <= {"child.said"}
    assert not any("Warning" in line["line"] for line in logs)


NOISY = """
import sys
sys.stderr.write("x" * 500 + chr(10) + "second" + chr(10))
"""


def test_what_a_child_says_is_logged_in_lines_of_a_bounded_length() -> None:
    command = [sys.executable, "-c", NOISY]
    with capture_logs() as logs, subprocess.Popen(command, stderr=subprocess.PIPE) as noisy:
        _log_lines(noisy.stderr)
    assert [line["line"] for line in logs] == ["x" * 300, "x" * 200, "second"]


def test_a_dead_child_is_replaced_and_a_late_one_is_killed(
    providers: Providers, tmp_path: Path
) -> None:
    question = AskSessions("XNYS", "2026-01-01", "2026-02-01")
    found = ChildProcess(tmp_path)
    assert isinstance(found.ask(question, 20.0), SessionTable)
    first = found.pid
    assert first
    os.kill(first, signal.SIGKILL)
    assert isinstance(found.ask(question, 20.0), SessionTable)

    second = found.pid
    assert second
    assert second != first
    os.kill(second, signal.SIGSTOP)
    assert found.ask(question, 0.1) == Failed(kinds=["Late"], message="no answer within 0.1 s")
    assert not is_alive(second)
    assert found.pid is None


IDLE = """
from pathlib import Path
from services.fetcher.child.__main__ import main
main(Path("unused"), idle_seconds=0.1)
"""


def test_a_child_that_nobody_asks_ends_by_itself() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", IDLE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as idle:
        assert idle.wait(20) == 0


PARENT = """
import sys, time
from pathlib import Path
from services.fetcher.child.client import ChildProcess
from services.fetcher.child.frames import AskPage, AskSessions
child = ChildProcess(Path(sys.argv[1]))
child.ask(AskSessions("XNYS", "2026-01-01", "2026-02-01"), 30.0)
print(child.pid, flush=True)
child.ask(AskPage("https://query2.finance.yahoo.com/v8/finance/chart/SPY", {}, 60.0), 60.0)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_child_outlives_its_parent_even_in_the_middle_of_a_call(
    tmp_path: Path, number: signal.Signals
) -> None:
    with black_hole() as environment:
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.send_signal(number)
        parent.wait()
        parent.stdout.close()
        wait_until(lambda: not is_alive(pid))
