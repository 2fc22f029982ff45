"""The headlines of the imitated market: one a session and listing, told by both providers.

Both tell the same words at the same time, under addresses and ids of their own. There is nothing in
them but the day's close.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from tests.fakes.market import History
from tests.fakes.wire import Answer, json_answer

PUBLISHER = "Imitation"
ASKED_BY_DEFAULT = 10


class Article(msgspec.Struct, frozen=True):
    """A headline, and when it was published (epoch seconds)."""

    headline: str
    at_seconds: int


def articles(history: History) -> list[Article]:
    """All that were published until the history's instant, latest first."""
    return [
        Article(
            f"{history.listing.name} ends the day at {day.bar.close:.2f}",
            day.session.close_seconds,
        )
        for day in reversed(history.days)
        if day.session.close_seconds <= history.at_seconds
    ]


def finnhub_articles(history: History, first: date, last: date) -> list[dict[str, Any]]:
    """Those of some UTC dates, as Finnhub tells them."""
    symbol = history.listing.finnhub_symbol
    return [
        {
            "category": "company",
            "datetime": article.at_seconds,
            "headline": article.headline,
            "id": article.at_seconds,
            "image": "",
            "related": symbol,
            "source": PUBLISHER,
            "summary": "",
            "url": f"https://finnhub.io/api/news?id={article.at_seconds}-{symbol}",
        }
        for article in articles(history)
        if first <= datetime.fromtimestamp(article.at_seconds, UTC).date() <= last
    ]


def yahoo_stream(history: History | None, body: bytes) -> Answer:
    """The latest ones as Yahoo tells them, with an advertisement among them; 10 if not told."""
    count = _wish(body).get("snippetCount", ASKED_BY_DEFAULT)
    latest = articles(history)[:count] if history else []
    stream = [_item(article, history.listing.symbol) for article in latest] if history else []
    found = [*stream[:2], *([ADVERTISEMENT] if stream else []), *stream[2:]]
    return json_answer({"data": {"tickerStream": {"stream": found}}, "status": "OK"})


def symbol_asked(body: bytes) -> str | None:
    """Whom a question for Yahoo's news is about."""
    symbols = _wish(body).get("s") or [None]
    symbol: str | None = symbols[0]
    return symbol


def _wish(body: bytes) -> Mapping[str, Any]:
    wish: Mapping[str, Any] = json.loads(body or b"{}").get("serviceConfig", {})
    return wish


ADVERTISEMENT: dict[str, Any] = {
    "id": "ad-1",
    "ad": [{"title": "Buy now"}],
    "content": None,
}


def _item(article: Article, symbol: str) -> dict[str, Any]:
    published = datetime.fromtimestamp(article.at_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    name = f"{symbol.lower()}-{article.at_seconds}"
    link = {"url": f"https://finance.yahoo.com/news/{name}.html", "site": "finance"}
    content = {
        "id": name,
        "contentType": "STORY",
        "title": article.headline,
        "summary": "",
        "pubDate": published,
        "displayTime": published,
        "provider": {"displayName": PUBLISHER, "url": "http://finance.yahoo.com/"},
        "canonicalUrl": link,
        "clickThroughUrl": link,
    }
    return {"id": name, "content": content}
