"""The imitation of Finnhub's REST service: keys, limit and the answers of a free plan.

Shapes, texts and statuses follow recorded answers. Assumed, for want of a record: the
rate headers' values, the sliding form of minute and second, and that refused calls do not count.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import date

import msgspec

from tests.fakes.articles import finnhub_articles
from tests.fakes.market import History, Market, quote
from tests.fakes.sessions import early_closes, holidays, new_york_day, session_on
from tests.fakes.wire import Answer, Request, Target, html_answer, json_answer

HOSTS = ("finnhub.io", "api.finnhub.io")
GOOD_KEY = "good-key"
WINDOW_SECONDS = 60.0
PER_SECOND = 30  # "on top of all plan's limit, there is a 30 API calls/second limit"

# The free plan answers 403 to these, with every key (Finnhub-API issues 532, 534, 546 and 553).
PREMIUM = frozenset(
    {
        "/stock/candle",
        "/indicator",
        "/scan/pattern",
        "/scan/support-resistance",
        "/scan/technical-indicator",
        "/news-sentiment",
        "/stock/social-sentiment",
        "/forex/rates",
    }
)
FOREIGN_SUFFIXES = frozenset({"TO", "V", "L", "DE", "F", "PA", "AS", "MI", "SW", "T", "HK", "AX"})

NO_KEY = json_answer({"error": "Please use an API key."}, 401)
WRONG_KEY = json_answer({"error": "Invalid API key."}, 401)
NO_ACCESS = json_answer({"error": "You don't have access to this resource."}, 403)
OVER_LIMIT = json_answer(
    {"error": "API limit reached. Please try again later. Remaining Limit: 0"}, 429
)
UNKNOWN_QUOTE = {"c": 0, "d": None, "dp": None, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 0}


def target(request: Request) -> Target:
    """Endpoint and symbol of a request; the doubled slash of finnhub-python is forgiven."""
    path = "/" + "/".join(part for part in request.path.split("/") if part)
    endpoint = path.removeprefix("/api/v1") if path.startswith("/api/v1/") else path
    return Target("finnhub", endpoint, request.query.get("symbol"))


def key_of(request: Request) -> str | None:
    return request.headers.get("x-finnhub-token") or request.query.get("token")


class Finnhub:
    """Answers requests as Finnhub would; holds the calls of the last minute, key by key."""

    def __init__(self, market: Market, keys: frozenset[str], per_minute: int = 60) -> None:
        self._market = market
        self._keys = keys
        self._per_minute = per_minute
        self._stamps: defaultdict[str, deque[float]] = defaultdict(deque)

    def answer(self, request: Request, at_seconds: float, stale_seconds: float = 0.0) -> Answer:
        """The answer at an instant; `stale_seconds` makes the prices that much older."""
        key = key_of(request)
        if key is None:
            return NO_KEY
        if key not in self._keys:
            return WRONG_KEY
        allowed, headers = self._count(key, at_seconds)
        answer = self._serve(request, at_seconds - stale_seconds) if allowed else OVER_LIMIT
        return msgspec.structs.replace(answer, headers=answer.headers | headers)

    def _count(self, key: str, at_seconds: float) -> tuple[bool, dict[str, str]]:
        stamps = self._stamps[key]
        while stamps and stamps[0] <= at_seconds - WINDOW_SECONDS:
            stamps.popleft()
        in_second = sum(stamp > at_seconds - 1.0 for stamp in stamps)
        allowed = len(stamps) < self._per_minute and in_second < PER_SECOND
        if allowed:
            stamps.append(at_seconds)
        return allowed, {
            "X-Ratelimit-Limit": str(self._per_minute),
            "X-Ratelimit-Remaining": str(self._per_minute - len(stamps)),
            "X-Ratelimit-Reset": str(math.ceil(stamps[0] + WINDOW_SECONDS)),
        }

    def _serve(self, request: Request, at_seconds: float) -> Answer:
        endpoint = target(request).endpoint
        if endpoint in PREMIUM or _is_foreign(request.query.get("symbol", "")):
            return NO_ACCESS
        serve = ENDPOINTS.get(endpoint)
        if serve is None:
            return html_answer(404, "Not Found")
        return json_answer(serve(self._market, request.query, at_seconds))


def serve_quote(market: Market, query: Mapping[str, str], at_seconds: float) -> object:
    history = _history(market, query, at_seconds)
    if history is None:
        return UNKNOWN_QUOTE
    now = quote(history)
    change = now.price - now.previous_close
    return {
        "c": now.price,
        "d": round(change, 2),
        "dp": round(100 * change / now.previous_close, 4),
        "h": now.high,
        "l": now.low,
        "o": now.open,
        "pc": now.previous_close,
        "t": now.at_seconds,
    }


def serve_market_status(market: Market, query: Mapping[str, str], at_seconds: float) -> object:
    today = new_york_day(at_seconds)
    phase = _phase(at_seconds)
    return {
        "exchange": "US",
        "holiday": holidays(today.year).get(today),
        "isOpen": phase == "regular",
        "session": phase,
        "t": int(at_seconds),
        "timezone": "America/New_York",
    }


def serve_market_holiday(market: Market, query: Mapping[str, str], at_seconds: float) -> object:
    """Closures and half days of this year and the next, latest first."""
    year = new_york_day(at_seconds).year
    days = {day: (name, "") for y in (year, year + 1) for day, name in holidays(y).items()}
    days |= {
        day: ("Early close", "09:30-13:00") for y in (year, year + 1) for day in early_closes(y)
    }
    data = [
        {"eventName": name, "atDate": day.isoformat(), "tradingHour": hours}
        for day, (name, hours) in sorted(days.items(), reverse=True)
    ]
    return {"data": data, "exchange": "US", "timezone": "America/New_York"}


def serve_company_news(market: Market, query: Mapping[str, str], at_seconds: float) -> object:
    """The headlines of the days asked for; none where that is not two dates."""
    history = _history(market, query, at_seconds)
    first, last = _day(query.get("from")), _day(query.get("to"))
    if history is None or first is None or last is None:
        return []
    return finnhub_articles(history, first, last)


def serve_profile(market: Market, query: Mapping[str, str], at_seconds: float) -> object:
    history = _history(market, query, at_seconds)
    if history is None or history.listing.instrument == "ETF":
        return {}
    return {
        "country": "US",
        "currency": "USD",
        "exchange": history.listing.exchange_name,
        "finnhubIndustry": "Imitation",
        "ipo": history.days[0].session.day.isoformat(),
        "logo": "",
        "marketCapitalization": round(history.last.price * 1_000, 2),
        "name": history.listing.name,
        "phone": "",
        "shareOutstanding": 1_000.0,
        "ticker": history.listing.finnhub_symbol,
        "weburl": "",
    }


def serve_search(market: Market, query: Mapping[str, str], at_seconds: float) -> object:
    wanted = query.get("q", "").upper()
    found = [
        {
            "description": listing.name.upper(),
            "displaySymbol": listing.finnhub_symbol,
            "symbol": listing.finnhub_symbol,
            "type": "ETP" if listing.instrument == "ETF" else "Common Stock",
        }
        for listing in market.listings.values()
        if wanted and (wanted in listing.name.upper() or wanted in listing.finnhub_symbol)
    ]
    return {"count": len(found), "result": found}


ENDPOINTS: Mapping[str, Callable[[Market, Mapping[str, str], float], object]] = {
    "/quote": serve_quote,
    "/stock/market-status": serve_market_status,
    "/stock/market-holiday": serve_market_holiday,
    "/company-news": serve_company_news,
    "/stock/profile2": serve_profile,
    "/search": serve_search,
}


def _history(market: Market, query: Mapping[str, str], at_seconds: float) -> History | None:
    wanted = query.get("symbol")
    for listing in market.listings.values():
        if listing.finnhub_symbol == wanted:
            return market.history(listing.symbol, at_seconds)
    return None


def _phase(at_seconds: float) -> str | None:
    session = session_on(new_york_day(at_seconds))
    if session is None or not session.pre_seconds <= at_seconds < session.post_seconds:
        return None
    if at_seconds < session.open_seconds:
        return "pre-market"
    return "regular" if at_seconds < session.close_seconds else "post-market"


def _is_foreign(symbol: str) -> bool:
    return "." in symbol and symbol.rpartition(".")[2] in FOREIGN_SUFFIXES


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None
