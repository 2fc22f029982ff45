"""The imitation of the Yahoo hosts that yfinance talks to: cookie, crumb, consent, charts, news.

The chart itself is in chart and chart_rows. As with the real service, a chart needs no crumb,
quote pages do, and a client that does not look like a browser is told "Too Many Requests".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from tests.fakes.articles import symbol_asked, yahoo_stream
from tests.fakes.chart import chart_answer
from tests.fakes.listings import Listing
from tests.fakes.market import Market
from tests.fakes.wire import HTML, TEXT, Answer, Request, Target, html_answer, json_answer

CHART_HOSTS = ("query1.finance.yahoo.com", "query2.finance.yahoo.com")
COOKIE_HOST = "fc.yahoo.com"
CONSENT_HOSTS = ("guce.yahoo.com", "consent.yahoo.com")
HOSTS = (*CHART_HOSTS, COOKIE_HOST, *CONSENT_HOSTS, "finance.yahoo.com")

CRUMB = "im1tati0n.Crumb"
COOKIE = (
    "A3=d=AQABBImitation&S=AQAAAl; Max-Age=31557600; Domain=.yahoo.com; Path=/; "
    "SameSite=None; Secure; HttpOnly"
)
TOO_MANY_REQUESTS = Answer(429, b"Edge: Too Many Requests", HTML)

# Endpoints whose last path segment is the symbol.
BY_SYMBOL = (
    "/v8/finance/chart",
    "/v10/finance/quoteSummary",
    "/ws/fundamentals-timeseries/v1/finance/timeseries",
)

NEWS = "/xhr/ncp"
"""Its question is sent by POST, and names the symbol in its body."""


def target(request: Request) -> Target:
    """Endpoint and symbol of a request; on the cookie and consent hosts the host is part of it."""
    path = request.path.rstrip("/")
    if request.host == COOKIE_HOST or request.host in CONSENT_HOSTS:
        return Target("yahoo", request.host + path)
    for endpoint in BY_SYMBOL:
        if path.startswith(endpoint + "/"):
            return Target("yahoo", endpoint, path.removeprefix(endpoint + "/").upper())
    if path == NEWS:
        return Target("yahoo", NEWS, symbol_asked(request.body))
    symbol = request.query.get("symbols") or request.query.get("symbol")
    return Target("yahoo", path, symbol.upper() if symbol else None)


class Yahoo:
    """Answers requests as Yahoo would; holds nothing."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def answer(self, request: Request, at_seconds: float, stale_seconds: float = 0.0) -> Answer:
        """The answer at an instant; `stale_seconds` makes the prices that much older."""
        asked = target(request)
        if request.host in CONSENT_HOSTS:
            return _consent(request)
        if request.host == COOKIE_HOST:
            return _with_cookie(html_answer(404, "Not Found"))
        if not request.headers.get("user-agent", "").startswith("Mozilla/"):
            return TOO_MANY_REQUESTS
        symbol = asked.symbol or ""
        if asked.endpoint == "/v8/finance/chart":
            return chart_answer(
                self._market.history(symbol, at_seconds - stale_seconds), request.query
            )
        if asked.endpoint == NEWS:
            return yahoo_stream(self._market.history(symbol, at_seconds), request.body)
        page = PAGES.get(asked.endpoint, _not_found)
        return page(request, self._market.listings.get(symbol))


def unauthorized(why: str) -> Answer:
    error = {"code": "Unauthorized", "description": why}
    return json_answer({"finance": {"result": None, "error": error}}, 401)


def _not_found(request: Request, listing: Listing | None) -> Answer:
    return html_answer(404, "Not Found")


def _crumb(request: Request, listing: Listing | None) -> Answer:
    if "A3=" not in request.headers.get("cookie", ""):
        return unauthorized("Invalid Cookie")
    return Answer(200, CRUMB.encode(), TEXT)


def _quote_summary(request: Request, listing: Listing | None) -> Answer:
    if request.query.get("crumb") != CRUMB:
        return unauthorized("Invalid Crumb")
    if listing is None:
        text = f"Quote not found for symbol: {target(request).symbol}"
        error = {"code": "Not Found", "description": text}
        return json_answer({"quoteSummary": {"result": None, "error": error}}, 404)
    result = [{"quoteType": _quote_type(listing)}]
    return json_answer({"quoteSummary": {"result": result, "error": None}})


def _quotes(request: Request, listing: Listing | None) -> Answer:
    if request.query.get("crumb") != CRUMB:
        return unauthorized("Invalid Crumb")
    found = [_quote_type(listing)] if listing else []
    return json_answer({"quoteResponse": {"result": found, "error": None}})


def _fundamentals(request: Request, listing: Listing | None) -> Answer:
    return json_answer({"timeseries": {"result": [], "error": None}})


PAGES: Mapping[str, Callable[[Request, Listing | None], Answer]] = {
    "/v1/test/getcrumb": _crumb,
    "/v10/finance/quoteSummary": _quote_summary,
    "/v7/finance/quote": _quotes,
    "/ws/fundamentals-timeseries/v1/finance/timeseries": _fundamentals,
}


def _quote_type(listing: Listing) -> dict[str, object]:
    return {
        "exchange": listing.exchange,
        "exchangeTimezoneName": "America/New_York",
        "longName": listing.name,
        "quoteType": listing.instrument,
        "shortName": listing.name,
        "symbol": listing.symbol,
        "timeZoneFullName": "America/New_York",
    }


def _consent(request: Request) -> Answer:
    """The form, its acceptance, and the cookie that ends the consent flow."""
    if request.path != "/consent":
        return _with_cookie(html_answer(200, "OK"))
    form = (
        '<html><body><form method="post">'
        '<input type="hidden" name="csrfToken" value="imitation"/>'
        '<input type="hidden" name="sessionId" value="3_cc-session_imitation"/>'
        "</form></body></html>"
    )
    return Answer(200, form.encode(), HTML)


def _with_cookie(answer: Answer) -> Answer:
    return msgspec.structs.replace(answer, headers=answer.headers | {"Set-Cookie": COOKIE})
