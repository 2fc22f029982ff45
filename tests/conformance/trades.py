"""What every port to a stream of trades promises: one connection, whose trades are its tickers'.

class TestFake(TradesConformance):
    @pytest.fixture
    def world(self) -> TradesWorld: ...
"""

from __future__ import annotations

from typing import Protocol

from services.fetcher.core.hearing import Trade
from services.fetcher.stream.port import Told, Trades

TICKERS = ("SPY", "QQQ")
LISTENS = 50
"""So often a second is listened to, before what was told counts as lost."""


class TradesWorld(Protocol):
    """A port, and the other end of it."""

    now_us: int

    @property
    def port(self) -> Trades:
        """The port under test."""

    def tell(self, trade: Trade) -> None:
        """Have a trade told to whoever is connected."""

    def cut(self) -> None:
        """End the connection without a word."""

    def refuse(self) -> None:
        """Refuse the next connection with 502."""

    def subscribed(self, tickers: tuple[str, ...]) -> bool:
        """Whether one connection stands, sooner or later, with these subscribed and no others."""

    def alone(self) -> bool:
        """Whether no connection stands, sooner or later."""

    def most(self) -> int:
        """The most connections that ever stood at once."""


class TradesConformance:
    """Inherit, and give a ``world``."""

    def test_what_is_told_of_a_ticker_is_heard(self, world: TradesWorld) -> None:
        assert world.port.connect(1, TICKERS) is None
        trade = Trade("SPY", 601.25, world.now_us)
        assert world.subscribed(TICKERS)
        world.tell(trade)
        heard = (tick for _ in range(LISTENS) for tick in world.port.listen(1, TICKERS).ticks)
        assert next(one.at_us for one in heard if one.price == trade.price) == trade.at_us

    def test_other_tickers_are_subscribed_over_the_same_connection(
        self, world: TradesWorld
    ) -> None:
        world.port.connect(1, TICKERS)
        assert world.port.listen(1, ("SPY", "NVDA")).failure is None
        assert world.subscribed(("SPY", "NVDA"))
        assert world.most() == 1

    def test_a_second_connection_takes_the_place_of_the_first(self, world: TradesWorld) -> None:
        world.port.connect(1, TICKERS)
        assert world.port.connect(2, TICKERS) is None
        assert world.most() == 1
        assert world.port.listen(2, TICKERS).failure is None
        assert _gone(world.port.listen(1, TICKERS))

    def test_who_hangs_up_another_connection_than_the_one_that_stands_changes_nothing(
        self, world: TradesWorld
    ) -> None:
        world.port.connect(2, TICKERS)
        world.port.hang_up(1)
        assert world.port.listen(2, TICKERS).failure is None
        world.port.hang_up(2)
        assert world.alone()
        assert _gone(world.port.listen(2, TICKERS))

    def test_a_refused_connection_says_why_and_leaves_none(self, world: TradesWorld) -> None:
        world.refuse()
        failure = world.port.connect(1, TICKERS)
        assert failure is not None
        assert failure.reason == "provider_error"
        assert _gone(world.port.listen(1, TICKERS))

    def test_a_connection_that_is_cut_says_so_once_and_is_gone(self, world: TradesWorld) -> None:
        world.port.connect(1, TICKERS)
        world.cut()
        told = [world.port.listen(1, TICKERS) for _ in range(LISTENS)]
        failures = [one.failure for one in told if one.failure]
        assert {one.reason for one in failures} == {"unreachable"}
        assert _gone(told[-1])
        assert world.alone()


def _gone(told: Told) -> bool:
    return told.failure is not None and told.failure.message == "the connection is gone"
