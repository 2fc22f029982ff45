"""The whole collector with its real ports: served by the imitation, and cut off from everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from bus.testing import given, microseconds
from config.settings import Secret, Settings
from market.messages.fetcher import Bars, CycleFinished, FetchRefused, Quote
from services.fetcher.actor import build
from services.fetcher.child.client import ChildProcess
from services.fetcher.effects import Open
from services.fetcher.ports import Ports, real_ports
from tests.fakes.networks import black_hole, refused
from tests.fakes.providers import GOOD_KEY, Providers
from tests.services.fetcher.kit import KEYLESS, MARKET, OPTIONS, World, bars_known

NOW = "2026-01-05T16:47:00"


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    found = real_ports(Settings(home=tmp_path, finnhub_api_key=Secret(GOOD_KEY)))
    yield found
    assert isinstance(found.child, ChildProcess)
    found.child.close()


def world_of(ports: Ports) -> World:
    world = World()
    world.ports = ports
    return world


def test_spy_qqq_and_nvda_are_collected_as_they_were_served(
    ports: Ports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deck = given(build(replace(OPTIONS, watchlist=("NVDA",))))
    with Providers(clock=lambda: microseconds(NOW) / 1e6) as providers:
        for name, value in providers.environment.items():
            monkeypatch.setenv(name, value)
        deck.tell(NOW, Open())
        world_of(ports).play(deck, NOW)
        assert providers.foreign == []
        assert providers.distrusted == []

    finished = next(event for event in deck.said if isinstance(event, CycleFinished))
    assert (finished.asked, finished.brought, finished.missing) == (3, 3, ())
    for ticker in ("SPY", "QQQ", "NVDA"):
        truth = MARKET.truth(ticker, microseconds(NOW) / 1e6)
        quote = next(e for e in deck.said if isinstance(e, Quote) and e.ticker == ticker)
        assert quote.price == truth.quote.price
        last = [e for e in deck.said if isinstance(e, Bars) and e.ticker == ticker][-1]
        assert (last.timeframe, last.forming) == ("1h", True)
        assert last.close[-1] == truth.hourly[-1].close
        assert bars_known(deck)[ticker, "1d"] >= 1_250
    assert (tmp_path / "collector_status.json").exists()
    assert GOOD_KEY not in repr(deck.said)


@pytest.mark.parametrize("network", [refused, black_hole])
def test_cut_off_from_everything_the_collector_gives_up_and_simulates(
    ports: Ports, network: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    deck = given(build(KEYLESS))
    with network() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        deck.tell(NOW, Open())
        world_of(ports).play(deck, NOW)
    refusals = [event for event in deck.said if isinstance(event, FetchRefused)]
    assert {refusal.reason for refusal in refusals} == {"unreachable"}
    assert len([one for one in refusals if one.source == "yahoo"]) == 2
    assert bars_known(deck)["SPY~sim", "1d"] == bars_known(deck)["QQQ~sim", "1d"] == 1_260
