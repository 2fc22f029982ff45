"""The shape of Finnhub's company news; each article is read by itself, a bad one spoils none."""

from __future__ import annotations

import msgspec

from services.fetcher.core.answers import Answer, Failure
from services.fetcher.core.headlines import Told, valid_headlines
from services.fetcher.sources.bodies import shaped

ARTICLES_MAX = 1_000


class _Article(msgspec.Struct):
    """One article; ``related`` are the symbols it is about, ``datetime`` is in seconds."""

    headline: str
    datetime: int
    id: int | str = ""
    related: str | None = None
    source: str | None = None
    url: str | None = None


def read(body: bytes, symbol: str, asked_us: int) -> Answer | Failure:
    """The headlines of an answer about a symbol, in Finnhub's spelling."""
    rows = shaped(body, list[msgspec.Raw])
    if isinstance(rows, Failure):
        return rows
    return valid_headlines([_told(row) for row in rows[:ARTICLES_MAX]], symbol, asked_us)


def _told(row: msgspec.Raw) -> Told | None:
    article = shaped(bytes(row), _Article)
    if isinstance(article, Failure):
        return None
    return Told(
        headline=article.headline,
        published_us=article.datetime * 1_000_000,
        publisher=article.source or "",
        url=(article.url or "").strip(),
        id=str(article.id or ""),
        symbols=tuple(filter(None, (article.related or "").replace(" ", "").split(","))),
    )
