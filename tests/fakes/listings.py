"""The securities that the imitated market lists, with the character of each."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec


class Split(msgspec.Struct, frozen=True):
    """A share split: Yahoo tells it as an event, and its prices are adjusted for it already."""

    day: date
    numerator: int
    denominator: int


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One security: where its price lives (USD), how it moves, and what the providers call it."""

    symbol: str  # Yahoo's spelling: BRK-B
    name: str
    level: float
    daily_volatility: float  # standard deviation of a day's logarithmic return
    daily_volume: int
    quarterly_dividend: float = 0.0
    splits: tuple[Split, ...] = ()
    instrument: Literal["EQUITY", "ETF"] = "EQUITY"
    exchange: str = "NMS"
    exchange_name: str = "NasdaqGS"

    @property
    def finnhub_symbol(self) -> str:
        """Finnhub writes a share class with a dot: BRK.B."""
        return self.symbol.replace("-", ".")


def _listings(*listings: Listing) -> dict[str, Listing]:
    return {listing.symbol: listing for listing in listings}


LISTINGS = _listings(
    Listing(
        symbol="SPY",
        name="SPDR S&P 500 ETF Trust",
        level=600.0,
        daily_volatility=0.010,
        daily_volume=62_000_000,
        quarterly_dividend=1.75,
        instrument="ETF",
        exchange="PCX",
        exchange_name="NYSEArca",
    ),
    Listing(
        symbol="QQQ",
        name="Invesco QQQ Trust",
        level=520.0,
        daily_volatility=0.013,
        daily_volume=41_000_000,
        quarterly_dividend=0.70,
        instrument="ETF",
        exchange="NGM",
        exchange_name="NasdaqGM",
    ),
    Listing(
        symbol="NVDA",
        name="NVIDIA Corporation",
        level=190.0,
        daily_volatility=0.026,
        daily_volume=180_000_000,
        quarterly_dividend=0.01,
        splits=(Split(date(2024, 6, 10), 10, 1),),
    ),
    Listing(
        symbol="AAPL",
        name="Apple Inc.",
        level=260.0,
        daily_volatility=0.016,
        daily_volume=48_000_000,
        quarterly_dividend=0.26,
    ),
    Listing(
        symbol="MSFT",
        name="Microsoft Corporation",
        level=500.0,
        daily_volatility=0.015,
        daily_volume=21_000_000,
        quarterly_dividend=0.83,
    ),
    Listing(
        symbol="AMZN",
        name="Amazon.com, Inc.",
        level=230.0,
        daily_volatility=0.019,
        daily_volume=40_000_000,
    ),
    Listing(
        symbol="GOOGL",
        name="Alphabet Inc.",
        level=280.0,
        daily_volatility=0.018,
        daily_volume=32_000_000,
        quarterly_dividend=0.21,
    ),
    Listing(
        symbol="TSLA",
        name="Tesla, Inc.",
        level=400.0,
        daily_volatility=0.035,
        daily_volume=85_000_000,
    ),
    Listing(
        symbol="JPM",
        name="JPMorgan Chase & Co.",
        level=310.0,
        daily_volatility=0.014,
        daily_volume=9_000_000,
        quarterly_dividend=1.40,
        exchange="NYQ",
        exchange_name="NYSE",
    ),
    Listing(
        symbol="BRK-B",
        name="Berkshire Hathaway Inc.",
        level=490.0,
        daily_volatility=0.011,
        daily_volume=4_500_000,
        exchange="NYQ",
        exchange_name="NYSE",
    ),
)
