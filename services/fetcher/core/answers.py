"""What a source brings back: a quote, bars in columns, or why there is neither."""

from __future__ import annotations

import msgspec

from market.messages.fetcher import Reason


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


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one call brought: validated bars, a quote still to be judged, or both.

    ``faults`` tells the first few refused rows in words. ``used_told`` is how many calls of the
    last minute the provider says it has counted, ``as_of_us`` the last trade that the bars hold
    (0: not told).
    """

    quote: QuoteAnswer | None = None
    bars: Columns | None = None
    answer_hash: str = ""
    refused_rows: int = 0
    faults: tuple[str, ...] = ()
    used_told: int | None = None
    as_of_us: int = 0


class Failure(msgspec.Struct, frozen=True):
    """Why a call brought nothing; ``retry_after_seconds`` is the source's own word, if any.

    ``value`` is the price that is doubtful.
    """

    reason: Reason
    message: str
    retry_after_seconds: float | None = None
    answer_hash: str = ""
    value: float = 0.0
