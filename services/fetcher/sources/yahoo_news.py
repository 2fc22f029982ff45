"""The shape of Yahoo's news about a ticker, as yfinance asks for it: articles, and ads."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from services.fetcher.core.answers import Answer, Failure
from services.fetcher.core.headlines import Told, valid_headlines
from services.fetcher.sources.bodies import shaped

URL = "https://finance.yahoo.com/xhr/ncp"
PARAMS = {"queryRef": "latestNews", "serviceKey": "ncp_fin"}
ARTICLES_ASKED = 20
ARTICLES_MAX = 200


class _Link(msgspec.Struct):
    url: str | None = None


class _Publisher(msgspec.Struct, rename="camel"):
    display_name: str | None = None


class _Content(msgspec.Struct, rename="camel"):
    """An article; ``pub_date`` is 2026-11-20T15:00:00Z. An external one has no click-through."""

    title: str
    pub_date: str
    provider: _Publisher | None = None
    click_through_url: _Link | None = None
    canonical_url: _Link | None = None


class _Item(msgspec.Struct):
    """A place in the stream; one with an ``ad`` is none of an article's."""

    content: _Content | None = None
    id: str = ""
    ad: Any = None


class _Stream(msgspec.Struct):
    stream: list[msgspec.Raw]


class _Data(msgspec.Struct, rename="camel"):
    ticker_stream: _Stream


class _Body(msgspec.Struct):
    data: _Data


def question(ticker: str) -> bytes:
    """What is sent to ask for the latest articles about a ticker."""
    return msgspec.json.encode({"serviceConfig": {"snippetCount": ARTICLES_ASKED, "s": [ticker]}})


def read(body: bytes, ticker: str, asked_us: int) -> Answer | Failure:
    """The headlines of an answer; whom an article is about the stream does not tell."""
    told = shaped(body, _Body)
    if isinstance(told, Failure):
        return told
    items = [_item(row) for row in told.data.ticker_stream.stream[:ARTICLES_MAX]]
    articles = [_told(item) if item else None for item in items if not (item and item.ad)]
    return valid_headlines(articles, ticker, asked_us)


def _item(row: msgspec.Raw) -> _Item | None:
    item = shaped(bytes(row), _Item)
    return None if isinstance(item, Failure) else item


def _told(item: _Item) -> Told | None:
    content = item.content
    if content is None:
        return None
    links = (content.click_through_url, content.canonical_url)
    return Told(
        headline=content.title,
        published_us=_instant_us(content.pub_date),
        publisher=(content.provider.display_name if content.provider else "") or "",
        url=next((link.url.strip() for link in links if link and link.url), ""),
        id=item.id,
    )


def _instant_us(text: str) -> int:
    """An instant with its zone in microseconds UTC; 0 where it is none."""
    try:
        instant = datetime.fromisoformat(text[:40])
        return round(instant.timestamp() * 1e6) if instant.tzinfo else 0
    except (ValueError, OverflowError):
        return 0
