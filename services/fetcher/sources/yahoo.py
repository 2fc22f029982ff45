"""Yahoo, through yfinance in the child: daily and hourly bars, and the last price beside them."""

from __future__ import annotations

import math
from itertools import accumulate

from market.messages.fetcher import Reason, Timeframe
from services.fetcher.child.frames import AskChart, Chart, Failed
from services.fetcher.core.answers import Answer, Columns, Failure, QuoteAnswer
from services.fetcher.core.bars import day_of, new_york_date
from services.fetcher.core.declaration import Declaration
from services.fetcher.core.validate import valid_bars
from services.fetcher.effects import Fetch
from services.fetcher.ports import Ports

DECLARED = Declaration(
    name="yahoo",
    capabilities=("quote", "bars"),
    worker="child",
    together=1,
    per_minute=30,  # its own limit is unpublished; 950 tickers in one run brought a 429 (2024-11)
    quote_with_bars=True,
    lost_after_seconds=45.0,
    pause_seconds=300.0,
    pause_seconds_max=3600.0,
)

SECONDS = 7.0
"""With the two seconds that loading takes, a dead network is given up within ten."""

PERIODS: dict[Timeframe, tuple[tuple[float, str], ...]] = {
    "1d": ((4, "5d"), (25, "1mo"), (80, "3mo"), (350, "1y"), (math.inf, "5y")),
    "1h": ((4, "5d"), (25, "1mo"), (80, "3mo"), (math.inf, "730d")),
}
"""The shortest period whose bars join the last known one, that many days ago; the last is all."""

REASONS: dict[str, Reason] = {
    "YFRateLimitError": "rate_limited",
    "YFPricesMissingError": "no_data",
    "JSONDecodeError": "provider_error",
    "YFException": "provider_error",
    "CurlError": "unreachable",
    "ImportError": "provider_error",
    "Late": "unreachable",
    "Ended": "provider_error",
}
"""What the child's errors mean, by the names of their classes; anything else is an odd answer."""


def fetch(effect: Fetch, ports: Ports) -> Answer | Failure:
    """Ask for what is new since the last bar; for a quote alone, for the last few days."""
    ticker, timeframe = effect.call.ticker, effect.call.timeframe or "1d"
    latest_us = effect.latest_us if effect.call.timeframe else effect.at_us
    asked = AskChart(ticker, period(timeframe, effect.at_us, latest_us), timeframe, SECONDS)
    answer = ports.child.ask(asked, SECONDS)
    if isinstance(answer, Chart):
        return parse_chart(answer, ticker, timeframe)
    if isinstance(answer, Failed):
        return failure_of(answer)
    return Failure("provider_error", "the child answered another question")


def period(timeframe: Timeframe, asked_us: int, latest_us: int) -> str:
    """How far to look back, in Yahoo's words."""
    days = (asked_us - latest_us) / 86_400e6 if latest_us else math.inf
    return next(name for reach_days, name in PERIODS[timeframe] if days <= reach_days)


def parse_chart(chart: Chart, ticker: str, timeframe: Timeframe) -> Answer | Failure:
    """The bars as they were traded, and the last price."""
    digest = chart.answer_hash
    if chart.symbol != ticker:
        return Failure("invalid", f"the answer is about {chart.symbol[:24]!r}", None, digest)
    columns = as_traded(chart)
    bars = valid_bars(columns, digest)
    if isinstance(bars, Failure):
        return bars
    return Answer(
        quote=quote_of(chart) if timeframe == "1d" else None,
        bars=bars.bars,
        answer_hash=digest,
        refused_rows=bars.refused_rows,
    )


def as_traded(chart: Chart) -> Columns:
    """Undo Yahoo's adjustment for splits.

    Yahoo divides every price before a split by its ratio, and does so again for all of history at
    the next one: only the price of the day stays true for ever.
    """
    splits = tuple(split if split > 0 else 1.0 for split in chart.splits)
    later = tuple(accumulate(reversed(splits[1:]), lambda a, b: a * b, initial=1.0))[::-1]
    return Columns(
        start_us=tuple(chart.start_us),
        open=_times(chart.open, later),
        high=_times(chart.high, later),
        low=_times(chart.low, later),
        close=_times(chart.close, later),
        volume=tuple(v / ratio for v, ratio in zip(chart.volume, later, strict=True)),
        splits=splits,
        dividends=_times(chart.dividends, later),
    )


def quote_of(chart: Chart) -> QuoteAnswer | None:
    """The last price, with the day's bar around it where the daily chart has that."""
    if chart.price is None or chart.market_time_us is None:
        return None
    day = new_york_date(chart.market_time_us).isoformat()
    today = bool(chart.start_us) and day_of(chart.start_us[-1]) == day
    before = -2 if today else -1
    return QuoteAnswer(
        price=chart.price,
        market_time_us=chart.market_time_us,
        open=chart.open[-1] if today else None,
        high=chart.high[-1] if today else None,
        low=chart.low[-1] if today else None,
        previous_close=chart.close[before] if len(chart.close) >= -before else None,
        volume=chart.day_volume,
    )


def failure_of(failed: Failed) -> Failure:
    """What the child's error means; statuses of 404 and 422 are answers."""
    reason: Reason
    match failed.status:
        case 0:
            reason = next((REASONS[kind] for kind in failed.kinds if kind in REASONS), "invalid")
        case 404:
            reason = "unknown_symbol"
        case 400 | 422:
            reason = "no_data"
        case 429:
            reason = "rate_limited"
        case _:
            reason = "provider_error"
    name = failed.kinds[0] if failed.kinds else "error"
    text = (
        f"HTTP {failed.status}: {failed.message}" if failed.status else f"{name}: {failed.message}"
    )
    return Failure(reason, text[:300], None, failed.answer_hash)


def _times(prices: list[float], ratios: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(price * ratio for price, ratio in zip(prices, ratios, strict=True))
