"""While Yahoo hangs, drips or resets, the others are asked and answered; nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.message import Command
from bus.testing import microseconds
from bus.workers import Workers
from config.settings import Secret, Settings
from market.messages.fetcher import SourceCalled
from services.fetcher.actor import build
from services.fetcher.child.client import ChildProcess
from services.fetcher.effects import Fetch, Fetched, FetchFailed
from services.fetcher.ports import Ports, real_ports
from tests.fakes.faults import AnyFault, Drip, Hang, Reset
from tests.fakes.providers import GOOD_KEY, Providers
from tests.services.fetcher.kit import OPTIONS

NOW_US = microseconds("2026-01-05T16:47:00")
YAHOO = SourceCalled("yahoo", "bars", "SPY", "1d")
CHART = "/v8/finance/chart"


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Providers]:
    with Providers(clock=lambda: NOW_US / 1e6) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def ports(tmp_path: Path, providers: Providers) -> Iterator[Ports]:
    del providers
    found = real_ports(Settings(home=tmp_path, finnhub_api_key=Secret(GOOD_KEY)))
    yield found
    assert isinstance(found.child, ChildProcess)
    found.child.close()


def wait_until(true: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + 40, threading.Event()
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        pause.wait(0.02)


@pytest.mark.parametrize("fault", [Hang(seconds=30.0), Drip(bytes_per_second=8.0), Reset()])
def test_finnhub_answers_for_other_symbols_while_yahoo_does_not(
    providers: Providers, ports: Ports, fault: AnyFault
) -> None:
    actor = build(OPTIONS)
    done: list[Command] = []
    workers = Workers(lambda effect: actor.do(effect, ports), lambda: None)
    providers.plan.always("yahoo", fault, endpoint=CHART)

    workers.start(Fetch(YAHOO, NOW_US, 0))
    wait_until(lambda: any(call.endpoint == CHART for call in providers.calls))
    for ticker in ("QQQ", "NVDA", "MSFT"):
        workers.start(Fetch(SourceCalled("finnhub", "quote", ticker), NOW_US, 0))

    def heard(count: int) -> bool:
        done.extend(workers.results())
        return len(done) >= count

    wait_until(lambda: heard(4))
    workers.close()
    brought = [one.call.ticker for one in done if isinstance(one, Fetched)]
    assert sorted(brought) == ["MSFT", "NVDA", "QQQ"]
    (failed,) = [one for one in done if isinstance(one, FetchFailed)]
    assert (failed.call, failed.failure.reason) == (YAHOO, "unreachable")
    if not isinstance(fault, Reset):
        assert done[-1] is failed
