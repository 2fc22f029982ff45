"""Finnhub, by REST with a key: the last price, headlines, whether the exchange is open.

Its free plan has no bars (403, always). Its stream of trades is in `services.fetcher.stream`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from config.settings import Settings
from market.messages.fetcher import Asked
from services.fetcher.core.answers import Answer, Failure, MarketAnswer, QuoteAnswer
from services.fetcher.core.bars import new_york_date
from services.fetcher.core.declaration import Declaration, Unusable
from services.fetcher.effects import Fetch
from services.fetcher.keys import key_hash
from services.fetcher.ports import Ports
from services.fetcher.raw import RawAnswer
from services.fetcher.sources import finnhub_news, statuses
from services.fetcher.sources.bodies import TEXT_MAX, not_json, shaped

DECLARED = Declaration(
    name="finnhub",
    capabilities=("quote", "news", "market_status"),
    worker="finnhub",
    together=4,
    per_minute=60,
    reserve_per_minute=5,
    per_second=25,  # "on top of all plans' limits, 30 calls a second", less what travel may add
    lost_after_seconds=15.0,
    shares_only=True,
    streams=50,  # of a free key
)

BASE_URL = "https://finnhub.io/api/v1"
KEY_HEADER = "X-Finnhub-Token"  # never in the URL: there it would stand in every error's text
SECONDS = 5.0

REASONS = {**statuses.REASONS, 404: "provider_error"}
"""An unknown symbol is 200 with zeros; a 404 is a page of whatever stands in front of Finnhub."""


class _Quote(msgspec.Struct):
    """The shape of /quote; an unknown symbol is 200 with zeros (recorded 2026-09-16)."""

    c: float
    t: int
    o: float | None = None
    h: float | None = None
    l: float | None = None  # noqa: E741
    pc: float | None = None


class _Error(msgspec.Struct):
    error: str = ""


class _Status(msgspec.Struct, rename="camel"):
    """The shape of /stock/market-status (recorded 2026-09-16); it is closed before the open."""

    exchange: str
    is_open: bool
    t: int
    session: str | None = None
    holiday: str | None = None


SESSIONS: Mapping[str, Literal["pre_market", "regular", "post_market"]] = {
    "pre-market": "pre_market",
    "regular": "regular",
    "post-market": "post_market",
}
"""Finnhub's names of the hours; in others nothing is traded."""

EXCHANGE = "US"

NEWS_DAYS = 7
"""Headlines of a week are what a reader of sentiment looks back on; Finnhub keeps a year."""


def configured(settings: Settings) -> Declaration | Unusable:
    """It needs a key, and may be asked as often as the key's plan allows; it streams if told to."""
    if not settings.finnhub_api_key:
        return Unusable(DECLARED.name, "no key: set FINNHUB_API_KEY, or go on without")
    streams: tuple[Asked, ...] = ("trades",) if settings.fetcher.streaming else ()
    return replace(
        DECLARED,
        capabilities=(*DECLARED.capabilities, *streams),
        per_minute=settings.fetcher.finnhub_per_minute,
        key_hash=key_hash(settings.finnhub_api_key),
    )


def ask(effect: Fetch, ports: Ports) -> RawAnswer | Failure:
    """Ask for what the call is about."""
    headers = {KEY_HEADER: ports.finnhub_key.reveal(), "Accept": "application/json"}
    path, params = question(effect)
    return ports.http(BASE_URL + path, params, headers, SECONDS)


def question(effect: Fetch) -> tuple[str, dict[str, str]]:
    """The path and what is asked there; headlines since the day of the newest known one."""
    symbol = spelling(effect.call.ticker)
    match effect.call.capability:
        case "market_status":
            return "/stock/market-status", {"exchange": EXCHANGE}
        case "news":
            today = new_york_date(effect.at_us)
            first = today - timedelta(days=NEWS_DAYS)
            if effect.latest_us:
                first = max(first, new_york_date(effect.latest_us) - timedelta(days=1))
            last = today + timedelta(days=1)  # the days of its archive may be UTC's
            dates = {"from": first.isoformat(), "to": last.isoformat()}
            return "/company-news", {"symbol": symbol, **dates}
    return "/quote", {"symbol": symbol}


def spelling(ticker: str) -> str:
    """Finnhub writes share classes with a dot: BRK.B."""
    return ticker.replace("-", ".")


def parse(raw: RawAnswer, effect: Fetch) -> Answer | Failure:
    """What an answer brings, or what kind of failure it is."""
    if raw.status != 200:
        return failure_of(raw, effect.at_us)
    if page := not_json(raw):
        return page
    answer = READERS[effect.call.capability](raw.body, effect)
    if isinstance(answer, Answer):
        return replace(answer, used_told=statuses.used_told(raw))
    text = error_text(raw.body) if answer.reason == "invalid" else ""
    return Failure("provider_error", text) if text else answer


def read_quote(body: bytes, effect: Fetch) -> Answer | Failure:
    """The last price."""
    del effect
    quote = shaped(body, _Quote)
    if isinstance(quote, Failure):
        return quote
    if quote.c == 0 and quote.t == 0:
        return Failure("unknown_symbol", "Finnhub does not know the symbol")
    return Answer(
        quote=QuoteAnswer(
            price=quote.c,
            market_time_us=quote.t * 1_000_000,
            open=quote.o,
            high=quote.h,
            low=quote.l,
            previous_close=quote.pc,
        )
    )


def read_news(body: bytes, effect: Fetch) -> Answer | Failure:
    """The headlines."""
    return finnhub_news.read(body, spelling(effect.call.ticker), effect.at_us)


def read_market_status(body: bytes, effect: Fetch) -> Answer | Failure:
    """Whether the exchange is open."""
    del effect
    told = shaped(body, _Status)
    if isinstance(told, Failure):
        return told
    if told.exchange != EXCHANGE:
        return Failure("invalid", f"the answer is about {told.exchange[:24]!r}")
    market = MarketAnswer(
        is_open=told.is_open,
        market_time_us=told.t * 1_000_000,
        session=SESSIONS.get(told.session or "", ""),
        holiday=told.holiday or "",
    )
    return Answer(market=market)


READERS: Mapping[Asked, Callable[[bytes, Fetch], Answer | Failure]] = {
    "quote": read_quote,
    "news": read_news,
    "market_status": read_market_status,
}
"""What it can bring, and how that is read."""


def failure_of(raw: RawAnswer, asked_us: int) -> Failure:
    """What an error status means; a bad key needs a person."""
    failure = statuses.failure_of(raw, asked_us, error_text(raw.body), REASONS)
    if failure.reason != "unauthorized":
        return failure
    remedy = "check FINNHUB_API_KEY, then start again"
    return Failure("unauthorized", f"{failure.message} ({remedy})")


def error_text(body: bytes) -> str:
    """Finnhub's own words: its errors are flat, {"error": text}."""
    told = shaped(body, _Error)
    return "" if isinstance(told, Failure) else told.error[:TEXT_MAX]
