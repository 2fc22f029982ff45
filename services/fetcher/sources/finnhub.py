"""Finnhub: the last price, by REST with a key; its free plan has no bars (403, always)."""

from __future__ import annotations

import hashlib
import math

import msgspec

from services.fetcher.core.answers import Answer, Failure, QuoteAnswer
from services.fetcher.core.declaration import Declaration
from services.fetcher.effects import Fetch
from services.fetcher.http import HttpAnswer
from services.fetcher.ports import Ports

DECLARED = Declaration(
    name="finnhub",
    capabilities=("quote",),
    worker="finnhub",
    together=4,
    per_minute=60,
    per_second=25,  # "on top of all plans' limits, 30 calls a second", less what travel may add
    lost_after_seconds=15.0,
)

BASE_URL = "https://finnhub.io/api/v1"
QUOTE_PATH = "/quote"
KEY_HEADER = "X-Finnhub-Token"  # never in the URL: there it would stand in every error's text
SECONDS = 5.0


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


def fetch(effect: Fetch, ports: Ports) -> Answer | Failure:
    """Ask for the last price of a ticker."""
    headers = {KEY_HEADER: ports.finnhub_key.reveal(), "Accept": "application/json"}
    params = {"symbol": spelling(effect.call.ticker)}
    answer = ports.http(BASE_URL + QUOTE_PATH, params, headers, SECONDS)
    return answer if isinstance(answer, Failure) else parse_quote(answer, effect.at_us)


def spelling(ticker: str) -> str:
    """Finnhub writes share classes with a dot: BRK.B."""
    return ticker.replace("-", ".")


def parse_quote(answer: HttpAnswer, asked_us: int) -> Answer | Failure:
    """The quote of an answer, or what kind of failure the answer is."""
    digest = hashlib.sha256(answer.body).hexdigest()
    if answer.status != 200:
        return failure_of(answer, asked_us, digest)
    if answer.content_type != "application/json":
        text = f"{answer.content_type or 'nothing'} instead of JSON"
        return Failure("provider_error", text, None, digest)
    try:
        quote = msgspec.json.decode(answer.body, type=_Quote)
    except msgspec.MsgspecError as error:
        if text := error_text(answer.body):
            return Failure("provider_error", text, None, digest)
        return Failure("invalid", str(error), None, digest)
    if quote.c == 0 and quote.t == 0:
        return Failure("unknown_symbol", "Finnhub does not know the symbol", None, digest)
    return Answer(
        quote=QuoteAnswer(
            price=quote.c,
            market_time_us=quote.t * 1_000_000,
            open=quote.o,
            high=quote.h,
            low=quote.l,
            previous_close=quote.pc,
        ),
        answer_hash=digest,
    )


def failure_of(answer: HttpAnswer, asked_us: int, digest: str) -> Failure:
    """What an error status means."""
    text = error_text(answer.body) or f"HTTP {answer.status}"
    match answer.status:
        case 401:
            remedy = "check FINNHUB_API_KEY, then start again"
            return Failure("unauthorized", f"{text} ({remedy})", None, digest)
        case 403:
            return Failure("forbidden", text, None, digest)
        case 429:
            return Failure("rate_limited", text, pause_seconds(answer, asked_us), digest)
    return Failure("provider_error", f"HTTP {answer.status}", None, digest)


def pause_seconds(answer: HttpAnswer, asked_us: int) -> float | None:
    """How long to rest, as the answer tells: Retry-After, else X-Ratelimit-Reset and a second."""
    retry_after = _number(answer.headers.get("retry-after"))
    if retry_after is not None:
        return retry_after
    reset = _number(answer.headers.get("x-ratelimit-reset"))
    return None if reset is None else reset - asked_us / 1e6 + 1.0


def error_text(body: bytes) -> str:
    """Finnhub's own words: its errors are flat, {"error": text}."""
    try:
        return msgspec.json.decode(body, type=_Error).error[:200]
    except msgspec.MsgspecError:
        return ""


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
