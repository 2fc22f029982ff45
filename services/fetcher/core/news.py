"""Headlines: when they are wanted, and which of an answer's were not told before.

What was told is remembered as a few numbers for each of a ticker's newest headlines: enough to know
it again from either source and after a restart, and never more than `HEARD_MAX` of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from market.messages.fetcher import Sessions
from market.messages.news import HEADLINES_MAX, Headline, News
from market.messages.words import Source, Ticker
from market.sessions import market_state, next_session
from services.fetcher.core.answers import Answer
from services.fetcher.core.headlines import ADDRESS

HEARD_MAX = 100
"""More than a source tells of one ticker in a day, but for a few; older ones are not told again."""

SAME_WORDS_US = 12 * 3_600_000_000
"""The same words from two publishers within half a day are one headline; a daily column is not."""

AT_REST_US = 86_400_000_000
"""While the market is closed headlines are asked for once a day."""

RECENT_US = 600_000_000
"""Who asks for a ticker gets the headlines of the last ten minutes as they are known."""

_TRACKING = ("utm_", ".tsrc", "guc", "ncid")


class Heard(NamedTuple):
    """A headline that was told: its time, and what it is known by (0: by nothing)."""

    published_us: int
    id: int
    url: int
    words: int


def due_us(table: Sessions, answered_us: int, every_seconds: int) -> int:
    """When headlines that came then are asked for again: while open at each interval, else daily.

    A closed market is asked about after a day, or when it opens.
    """
    next_us = answered_us + every_seconds * 1_000_000
    if market_state(table, next_us) != "closed":
        return next_us
    opening = next_session(table, next_us)
    rests_until_us = answered_us + max(AT_REST_US, every_seconds * 1_000_000)
    return min(rests_until_us, opening.open_us) if opening else rests_until_us


def news_said(
    answer: Answer, ticker: Ticker, source: Source, heard: tuple[Heard, ...]
) -> tuple[News, ...]:
    """The events that tell the new headlines of an answer; one without any where none is new."""
    fresh = list(islice(new_headlines(answer.news or (), source, heard), HEARD_MAX))
    chunks = [fresh[at : at + HEADLINES_MAX] for at in range(0, len(fresh), HEADLINES_MAX)] or [[]]
    return tuple(
        News(
            ticker=ticker,
            source=source,
            headlines=tuple(chunk),
            answer_hash=answer.answer_hash,
            refused_rows=answer.refused_rows if place == len(chunks) - 1 else 0,
            refused_because=answer.refused_because if place == len(chunks) - 1 else "",
        )
        for place, chunk in enumerate(chunks)
    )


def new_headlines(
    headlines: Iterable[Headline], source: str, heard: tuple[Heard, ...]
) -> Iterator[Headline]:
    """Those that were not told before, nor stand earlier in the same answer.

    Where the memory is full nothing from before it is new: that may have been told.
    """
    horizon_us = heard[-1].published_us if len(heard) >= HEARD_MAX else 0
    known = list(heard)
    for headline in headlines:
        one = heard_of(headline, source)
        if one.published_us > horizon_us and not any(_same(one, other) for other in known):
            known.append(one)
            yield headline


def remembered(heard: tuple[Heard, ...], news: News) -> tuple[Heard, ...]:
    """What is remembered after an event: the newest of all, newest first."""
    told = (heard_of(headline, news.source) for headline in news.headlines)
    return tuple(sorted((*told, *heard), reverse=True)[:HEARD_MAX])


def heard_of(headline: Headline, source: str) -> Heard:
    """What a headline is known by."""
    return Heard(
        headline.published_us,
        _number(f"{source}/{headline.id}") if headline.id else 0,
        _number(_address(headline.url)) if headline.url else 0,
        _number("".join(filter(str.isalnum, headline.headline.casefold()))),
    )


def _same(one: Heard, other: Heard) -> bool:
    if one.id and one.id == other.id:
        return True
    if one.url and one.url == other.url:
        return True
    near = abs(one.published_us - other.published_us) <= SAME_WORDS_US
    return near and one.words == other.words


def _address(url: str) -> str:
    """An address without what only tells who sent the reader there."""
    parts = ADDRESS.fullmatch(url)
    if parts is None:
        return url
    host, path = parts["host"].lower().removeprefix("www."), (parts["path"] or "").rstrip("/")
    asked = (pair for pair in (parts["query"] or "").split("&") if not pair.startswith(_TRACKING))
    return f"{host}{path}?{'&'.join(sorted(asked))}"


def _number(text: str) -> int:
    """A digest in 32 bits; 0 stands for nothing."""
    return zlib.crc32(text.encode()) or 1
