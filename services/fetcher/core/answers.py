"""What a source brings back: a quote, bars in columns, or why there is neither."""

from __future__ import annotations

from typing import Literal

import msgspec

from market.messages.fetcher import Reason
from market.messages.news import Headline


class QuoteAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A last price as a source told it, with the source's own time of it; not validated yet."""

    price: float
    market_time_us: int
    open: float | None = None
    high: float | None = None
    low: float | None = None
    previous_close: float | None = None
    volume: float | None = None


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Bars in columns of one length, as `Bars` has them: ``splits`` 1.0 and ``dividends`` 0.0."""

    start_us: tuple[int, ...]
    open: tuple[float, ...]
    high: tuple[float, ...]
    low: tuple[float, ...]
    close: tuple[float, ...]
    volume: tuple[float, ...]
    splits: tuple[float, ...]
    dividends: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.start_us)

    def take(self, rows: list[int]) -> Columns:
        """These rows, in this order."""
        return Columns(
            start_us=tuple(self.start_us[i] for i in rows),
            open=tuple(self.open[i] for i in rows),
            high=tuple(self.high[i] for i in rows),
            low=tuple(self.low[i] for i in rows),
            close=tuple(self.close[i] for i in rows),
            volume=tuple(self.volume[i] for i in rows),
            splits=tuple(self.splits[i] for i in rows),
            dividends=tuple(self.dividends[i] for i in rows),
        )


class MarketAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the exchange is open, as a source told it with its own time; not validated yet."""

    is_open: bool
    market_time_us: int
    session: Literal["pre_market", "regular", "post_market", ""] = ""
    holiday: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one call brought: validated bars or headlines, a quote or a word still to be judged.

    ``faults`` tells the first few refused rows in words, ``refused_because`` all of them by kind.
    ``used_told`` is how many calls of the last minute the provider says it has counted,
    ``as_of_us`` the last trade that the bars hold (0: not told).
    """

    quote: QuoteAnswer | None = None
    bars: Columns | None = None
    news: tuple[Headline, ...] | None = None
    market: MarketAnswer | None = None
    answer_hash: str = ""
    refused_rows: int = 0
    refused_because: str = ""
    faults: tuple[str, ...] = ()
    used_told: int | None = None
    as_of_us: int = 0


class Failure(msgspec.Struct, frozen=True):
    """Why a call brought nothing; ``retry_after_seconds`` is the source's own word, if any.

    ``value`` is the price that is doubtful, ``named`` the other symbol that an answer is about.
    """

    reason: Reason
    message: str
    retry_after_seconds: float | None = None
    answer_hash: str = ""
    value: float = 0.0
    named: str = ""
