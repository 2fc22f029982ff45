"""The real sources over the wire, and the fakes that stand for them, keep the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bus.testing import microseconds
from config.settings import Secret, Settings
from services.fetcher.child.client import ChildProcess
from services.fetcher.ports import Ports, real_ports
from tests.fakes.faults import AnyFault, Reset, Status
from tests.fakes.finnhub import GOOD_KEY, OVER_LIMIT, WRONG_KEY
from tests.fakes.providers import Providers
from tests.fakes.wire import html_answer
from tests.fakes.yahoo import TOO_MANY_REQUESTS, unauthorized
from tests.services.fetcher.kit import World, http_answer, page
from tests.services.fetcher.sources.places import PlaceConformance, Trouble

NOW_US = microseconds("2026-01-05T16:47:00")


class FakePlace:
    """The fakes of the test kit."""

    def __init__(self) -> None:
        self.world = World()
        self.world.clock.now_us = self.now_us = NOW_US
        self.ports = self.world.ports

    def trouble(self, what: Trouble) -> None:
        answers = {
            "throttled": (OVER_LIMIT, TOO_MANY_REQUESTS),
            "locked out": (WRONG_KEY, unauthorized("Invalid Crumb")),
            "broken": (html_answer(502, "Bad Gateway"), html_answer(502, "Bad Gateway")),
        }
        if what == "gone":
            self.world.cut_off()
        else:
            answer, of_child = answers[what]
            self.world.http.down, self.world.child.down = http_answer(answer), page(of_child)


class TestTheFakes(PlaceConformance):
    @pytest.fixture
    def place(self) -> FakePlace:
        return FakePlace()


class WirePlace:
    """The imitation of both providers behind its proxy, and the real ports that lead there."""

    def __init__(self, providers: Providers, ports: Ports) -> None:
        self.providers = providers
        self.ports = ports
        self.now_us = NOW_US

    def trouble(self, what: Trouble) -> None:
        faults: dict[Trouble, AnyFault] = {
            "throttled": Status(429),
            "locked out": Status(401),
            "broken": Status(502),
            "gone": Reset(),
        }
        self.providers.plan.always("finnhub", faults[what])
        self.providers.plan.always("yahoo", faults[what], endpoint="/v8/finance/chart")


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WirePlace]:
    """One child and one imitation for all: loading yfinance takes seconds."""
    home: Path = tmp_path_factory.mktemp("home")
    child = ChildProcess(home / "yfinance")
    with Providers(clock=lambda: NOW_US / 1e6) as providers, pytest.MonkeyPatch.context() as patch:
        for name, value in providers.environment.items():
            patch.setenv(name, value)
        settings = Settings(home=home, finnhub_api_key=Secret(GOOD_KEY))
        yield WirePlace(providers, replace(real_ports(settings), child=child))
    child.close()


class TestOverTheWire(PlaceConformance):
    @pytest.fixture
    def place(self, wire: WirePlace) -> Iterator[WirePlace]:
        yield wire
        wire.providers.plan.clear()
        assert wire.providers.foreign == []
        assert not any(call.token_in_url for call in wire.providers.calls)
