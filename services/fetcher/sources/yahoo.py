"""Yahoo, through yfinance's session in the child: daily and hourly bars, last price, headlines.

One question is one call to the chart: yfinance's own way through a `Ticker` looks up the time zone
first (one more call for each new symbol, that no budget sees), and asks again after every error.
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from config.settings import Settings
from market.messages.fetcher import Timeframe
from services.fetcher.child import asking
from services.fetcher.core.answers import Answer, Failure
from services.fetcher.core.declaration import Declaration, Unusable
from services.fetcher.core.validate import valid_bars
from services.fetcher.effects import Fetch
from services.fetcher.ports import Ports
from services.fetcher.raw import RawAnswer
from services.fetcher.sources import chart, statuses, yahoo_news
from services.fetcher.sources.bodies import TEXT_MAX, not_json, shaped

DECLARED = Declaration(
    name="yahoo",
    capabilities=("quote", "bars", "news"),
    worker="child",
    together=1,
    per_minute=30,  # its own limit is unpublished; 950 tickers in one run brought a 429 (2024-11)
    reserve_per_minute=3,
    adaptive=True,
    quote_with_bars=True,
    lost_after_seconds=45.0,
    pause_seconds=300.0,
    pause_seconds_max=3600.0,
    answer_bytes_max=4_000_000,  # 730 days of hours are 500 kB
)

CHART_URL = "https://query2.finance.yahoo.com/v8/finance/chart/"

SECONDS = 7.0
"""With the two seconds that loading takes, a dead network is given up within ten."""

SYMBOL_MAX = 24

PERIODS: dict[Timeframe, tuple[tuple[float, str], ...]] = {
    "1d": ((4, "5d"), (25, "1mo"), (80, "3mo"), (350, "1y"), (math.inf, "5y")),
    "1h": ((4, "5d"), (25, "1mo"), (80, "3mo"), (math.inf, "730d")),
}
"""The shortest period whose bars join the last known one, that many days ago; the last is all."""

REASONS = {**statuses.REASONS, 401: "provider_error", 403: "provider_error"}
"""There is no key that a person could mend."""


def configured(settings: Settings) -> Declaration | Unusable:
    """It needs nothing."""
    del settings
    return DECLARED


def ask(effect: Fetch, ports: Ports) -> RawAnswer | Failure:
    """Ask for what is new since the last bar; for a quote alone, for the last few days."""
    if effect.call.capability == "news":
        sent = yahoo_news.question(effect.call.ticker)
        return asking.page(ports.child, yahoo_news.URL, yahoo_news.PARAMS, SECONDS, sent)
    timeframe = timeframe_of(effect)
    latest_us = effect.latest_us if effect.call.timeframe else effect.at_us
    params = {
        "range": period(timeframe, effect.at_us, latest_us),
        "interval": timeframe,
        "includePrePost": "false",
        "events": "div,splits",
    }
    return asking.page(ports.child, CHART_URL + effect.call.ticker, params, SECONDS)


def timeframe_of(effect: Fetch) -> Timeframe:
    """The rows that are asked for; a price alone comes with those of days."""
    return effect.call.timeframe or "1d"


def period(timeframe: Timeframe, asked_us: int, latest_us: int) -> str:
    """How far to look back, in Yahoo's words."""
    days = (asked_us - latest_us) / 86_400e6 if latest_us else math.inf
    return next(name for reach_days, name in PERIODS[timeframe] if days <= reach_days)


def parse(raw: RawAnswer, effect: Fetch) -> Answer | Failure:
    """The bars of a chart as they were traded, and the last price; or headlines."""
    if raw.status != 200:
        return statuses.failure_of(raw, effect.at_us, error_text(raw.body), REASONS)
    if page := not_json(raw):
        return page
    if effect.call.capability == "news":
        return yahoo_news.read(raw.body, effect.call.ticker, effect.at_us)
    body = shaped(raw.body, chart.Body)
    if isinstance(body, Failure):
        return body
    if not body.chart.result:
        text = body.chart.error.description[:TEXT_MAX] if body.chart.error else "no chart"
        return Failure("no_data", text)
    return answer_of(body.chart.result[0], effect.call.ticker, timeframe_of(effect))


def answer_of(result: chart.Result, ticker: str, timeframe: Timeframe) -> Answer | Failure:
    """What one chart says, if it is the one that was asked for."""
    if result.meta.symbol != ticker:
        other = result.meta.symbol[:SYMBOL_MAX]
        return Failure("invalid", f"the answer is about {other!r}", named=other)
    served = chart.served(result, timeframe)
    if isinstance(served, Failure):
        return served
    traded = chart.as_traded(served)
    if isinstance(traded, Failure):
        return traded
    answer = valid_bars(traded)
    if isinstance(answer, Failure):
        return answer
    quote = chart.quote_of(served, result.meta)
    as_of_us = quote.market_time_us if quote else 0
    return replace(answer, quote=quote if timeframe == "1d" else None, as_of_us=as_of_us)


def error_text(body: bytes) -> str:
    """Yahoo's own words, where its error has some."""
    told = shaped(body, chart.Body)
    error = None if isinstance(told, Failure) else told.chart.error
    return error.description[:TEXT_MAX] if error else ""
