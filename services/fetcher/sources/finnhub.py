"""Finnhub: the last price, by REST with a key; its free plan has no bars (403, always)."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from config.settings import Settings
from services.fetcher.core.answers import Answer, Failure, QuoteAnswer
from services.fetcher.core.declaration import Declaration, Unusable
from services.fetcher.effects import Fetch
from services.fetcher.keys import key_hash
from services.fetcher.ports import Ports
from services.fetcher.raw import RawAnswer
from services.fetcher.sources import statuses
from services.fetcher.sources.bodies import TEXT_MAX, not_json, shaped

DECLARED = Declaration(
    name="finnhub",
    capabilities=("quote",),
    worker="finnhub",
    together=4,
    per_minute=60,
    reserve_per_minute=5,
    per_second=25,  # "on top of all plans' limits, 30 calls a second", less what travel may add
    lost_after_seconds=15.0,
)

BASE_URL = "https://finnhub.io/api/v1"
QUOTE_PATH = "/quote"
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


def configured(settings: Settings) -> Declaration | Unusable:
    """It needs a key, and may be asked as often as the key's plan allows."""
    if not settings.finnhub_api_key:
        return Unusable(DECLARED.name, "no key: set FINNHUB_API_KEY, or go on without")
    return replace(
        DECLARED,
        per_minute=settings.fetcher.finnhub_per_minute,
        key_hash=key_hash(settings.finnhub_api_key),
    )


def ask(effect: Fetch, ports: Ports) -> RawAnswer | Failure:
    """Ask for the last price of a ticker."""
    headers = {KEY_HEADER: ports.finnhub_key.reveal(), "Accept": "application/json"}
    params = {"symbol": spelling(effect.call.ticker)}
    return ports.http(BASE_URL + QUOTE_PATH, params, headers, SECONDS)


def spelling(ticker: str) -> str:
    """Finnhub writes share classes with a dot: BRK.B."""
    return ticker.replace("-", ".")


def parse(raw: RawAnswer, effect: Fetch) -> Answer | Failure:
    """The quote of an answer, or what kind of failure the answer is."""
    if raw.status != 200:
        return failure_of(raw, effect.at_us)
    if page := not_json(raw):
        return page
    quote = shaped(raw.body, _Quote)
    if isinstance(quote, Failure):
        text = error_text(raw.body)
        return Failure("provider_error", text) if text else quote
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
        ),
        used_told=statuses.used_told(raw),
    )


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
