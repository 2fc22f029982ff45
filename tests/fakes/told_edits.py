"""How a fault of the data changes headlines, and what is said of the exchange."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.fakes.faults import (
    AnyFault,
    Doubled,
    Hostile,
    MissingColumns,
    NoRows,
    Shut,
    Stamps,
    WrongSymbol,
    WrongTypes,
)

# Bodies are edited where their shape is known, so they stay plain JSON values here.
Json = dict[str, Any]

HOSTILE = "<script>alert('tape')</script>\u202e<img src=x onerror=alert(1)>&lt;b&gt;\x00\n"
"""Put before a headline; nothing of it may be seen."""

SCRIPT = "javascript:alert(document.domain)"


def edited_articles(articles: list[Json], fault: AnyFault) -> list[Json]:
    """Finnhub's list of articles."""
    rows = _rows(articles, fault)
    return [_article(one, at, fault) for at, one in enumerate(rows)]


def edited_stream(stream: list[Json], fault: AnyFault) -> list[Json]:
    """Yahoo's stream; it does not tell whom an article is about."""
    rows = _rows(stream, fault)
    return [one if "ad" in one else _item(one, at, fault) for at, one in enumerate(rows)]


def edited_status(status: Json, fault: AnyFault) -> Json:
    """Finnhub's word on the exchange."""
    match fault:
        case Shut(holiday):
            return status | {"isOpen": False, "session": None, "holiday": holiday}
        case Stamps(seconds):
            return status | {"t": status["t"] + seconds}
        case WrongSymbol(symbol):
            return status | {"exchange": symbol}
        case WrongTypes():
            return {name: str(value) for name, value in status.items()}
        case MissingColumns():
            return {name: value for name, value in status.items() if name != "isOpen"}
    return status


def _rows(rows: list[Json], fault: AnyFault) -> list[Json]:
    match fault:
        case NoRows():
            return []
        case Doubled(count):
            return [*rows, *rows[:count]]
    return rows


def _article(article: Json, at: int, fault: AnyFault) -> Json:
    match fault:
        case WrongSymbol(symbol):
            return article | {"related": symbol}
        case Stamps(seconds):
            return article | {"datetime": article["datetime"] + seconds}
        case WrongTypes():
            return article | {"datetime": str(article["datetime"])}
        case MissingColumns():
            return {name: value for name, value in article.items() if name != "headline"}
        case Hostile():
            link = {"url": SCRIPT} if at % 2 else {}
            return article | {"headline": HOSTILE + article["headline"]} | link
    return article


def _item(item: Json, at: int, fault: AnyFault) -> Json:
    content: Json = item["content"]
    match fault:
        case Stamps(seconds):
            published = datetime.fromisoformat(content["pubDate"]) + timedelta(seconds=seconds)
            content = content | {"pubDate": published.strftime("%Y-%m-%dT%H:%M:%SZ")}
        case WrongTypes():
            content = content | {"title": 7}
        case MissingColumns():
            content = {name: value for name, value in content.items() if name != "title"}
        case Hostile():
            link = {"clickThroughUrl": {"url": SCRIPT}} if at % 2 else {}
            content = content | {"title": HOSTILE + content["title"]} | link
    return item | {"content": content}
