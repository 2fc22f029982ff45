"""Whether what the collector said is what the imitated market served: every number, or why not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from bus.message import Event
from market.messages.fetcher import Bars, FetchRefused, Quote
from market.messages.news import Headline, News
from market.sessions import day_start_us
from tests.fakes.articles import articles
from tests.fakes.bars import Bar
from tests.fakes.market import Market, Truth, history
from tests.fakes.market import quote as true_quote
from tests.fakes.sessions import new_york_day

CLOSE_TO = 1e-6
"""Yahoo's charts print float32, which is true to seven digits."""

Row = tuple[float, float, float, float, float]


class Served:
    """The truth of the market up to an instant, against which events are held."""

    def __init__(self, market: Market, at_seconds: float) -> None:
        self._market = market
        self._at_seconds = at_seconds
        self._series: dict[str, _Series] = {}

    def lies(self, events: Iterable[Event]) -> list[str]:
        """One sentence for each quote, bar and headline never served, each unreasoned refusal."""
        return [lie for event in events for lie in self._lies(event)]

    def rows(self, ticker: str, timeframe: str) -> dict[int, Row]:
        """The bars of a ticker by start in microseconds, oldest first."""
        return self._of(ticker).rows(timeframe)

    def _lies(self, event: Event) -> Iterator[str]:
        match event:
            case Quote() if not self._is_true(event):
                yield f"a quote that was never served: {event}"
            case News() if false := self._false(event):
                yield f"headlines of {event.ticker} that were never published: {false}"
            case Bars():
                yield from self._of(event.ticker).lies(event)
            case FetchRefused() if not event.message:
                yield f"a refusal without a reason: {event}"

    def _false(self, news: News) -> list[Headline]:
        now = history(self._market.listings[news.ticker], int(self._at_seconds))
        true = {(one.headline, one.at_seconds * 1_000_000) for one in articles(now)}
        return [one for one in news.headlines if (one.headline, one.published_us) not in true]

    def _is_true(self, quote: Quote) -> bool:
        seconds = quote.market_time_us / 1e6
        if seconds > self._at_seconds:
            return False
        truth = true_quote(history(self._market.listings[quote.ticker], int(seconds)))
        if quote.price != truth.price or truth.at_seconds != int(seconds):
            return False
        beside = [
            (quote.open, truth.open),
            (quote.high, truth.high),
            (quote.low, truth.low),
            (quote.previous_close, truth.previous_close),
        ]
        return all(one is None or math.isclose(one, two, rel_tol=CLOSE_TO) for one, two in beside)

    def _of(self, ticker: str) -> _Series:
        if ticker not in self._series:
            self._series[ticker] = _Series(self._market.truth(ticker, self._at_seconds))
        return self._series[ticker]


class _Series:
    """One ticker's bars as they were traded."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth

    def rows(self, timeframe: str) -> dict[int, Row]:
        return self._daily if timeframe == "1d" else self._hourly

    def lies(self, bars: Bars) -> Iterator[str]:
        """A forming bar lies within what the bar became; any other is that bar."""
        columns = (bars.start_us, bars.open, bars.high, bars.low, bars.close, bars.volume)
        served = self.rows(bars.timeframe)
        for number, (start_us, *row) in enumerate(zip(*columns, strict=True), 1):
            truth = served.get(int(start_us))
            forming = bars.forming and number == len(bars.start_us)
            if truth is None or not (_within(row, truth) if forming else _equal(row, truth)):
                what = f"{bars.ticker} {bars.timeframe} {start_us}"
                yield f"a bar that was never served: {what}: {row} instead of {truth}"

    @cached_property
    def _daily(self) -> dict[int, Row]:
        days = [new_york_day(bar.start_seconds) for bar in self._truth.daily]
        return {
            day_start_us(day.isoformat()): self._as_traded(bar)
            for day, bar in zip(days, self._truth.daily, strict=True)
        }

    @cached_property
    def _hourly(self) -> dict[int, Row]:
        return {bar.start_seconds * 1_000_000: self._as_traded(bar) for bar in self._truth.hourly}

    def _as_traded(self, bar: Bar) -> Row:
        """The imitation's prices are adjusted for later splits; what is said must not be."""
        day, ratio = new_york_day(bar.start_seconds), 1.0
        for split in self._truth.splits:
            ratio *= split.numerator / split.denominator if day < split.day else 1.0
        prices = (bar.open * ratio, bar.high * ratio, bar.low * ratio, bar.close * ratio)
        return *prices, bar.volume / ratio


def same(rows: Mapping[int, Iterable[float]], truth: Mapping[int, Row]) -> bool:
    """Whether bars are those that were served, all of them from the first one on."""
    first = min(rows)
    wanted = {start: row for start, row in truth.items() if start >= first}
    return rows.keys() == wanted.keys() and all(_equal(rows[at], wanted[at]) for at in wanted)


def folded(events: Iterable[Event]) -> dict[tuple[str, str], dict[int, Row]]:
    """Every series as its chunks make it, a later one replacing the bars it repeats."""
    series: dict[tuple[str, str], dict[int, Row]] = {}
    for event in events:
        if isinstance(event, Bars):
            columns = (event.open, event.high, event.low, event.close, event.volume)
            chunk = dict(zip(event.start_us, zip(*columns, strict=True), strict=True))
            series.setdefault((event.ticker, event.timeframe), {}).update(chunk)
    return series


def _equal(row: Iterable[float], truth: Row) -> bool:
    return all(
        math.isclose(one, two, rel_tol=CLOSE_TO) for one, two in zip(row, truth, strict=True)
    )


def _within(row: Iterable[float], truth: Row) -> bool:
    opening, high, low, close, volume = row
    true_open, true_high, true_low, _, true_volume = truth
    more = 1 + CLOSE_TO
    return (
        math.isclose(opening, true_open, rel_tol=CLOSE_TO)
        and true_low <= low * more <= close * more * more
        and close <= high * more <= true_high * more * more
        and volume <= true_volume
    )
