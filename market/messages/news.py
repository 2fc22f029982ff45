"""What the fetcher says of headlines: what was published about a ticker, where and when."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from bus.message import Event
from market.messages.words import Source, Ticker

HEADLINES_MAX = 50
"""Headlines in one event; more of them are several events."""

HEADLINE_CHARACTERS_MAX = 300
NAME_CHARACTERS_MAX = 80
URL_CHARACTERS_MAX = 1_000


class Headline(msgspec.Struct, frozen=True):
    """What somebody published about a ticker, as plain text without any markup.

    ``id`` is the source's own. ``url`` begins with http:// or https://; it is empty where the
    source told none. ``published_us`` is the publisher's time, as the source tells it.
    """

    headline: Annotated[str, Meta(min_length=1, max_length=HEADLINE_CHARACTERS_MAX)]
    publisher: Annotated[str, Meta(max_length=NAME_CHARACTERS_MAX)]
    url: Annotated[str, Meta(max_length=URL_CHARACTERS_MAX)]
    published_us: int
    id: Annotated[str, Meta(max_length=NAME_CHARACTERS_MAX)] = ""


class News(Event, frozen=True):
    """Headlines of a ticker that were not told before, newest first, from one answer of a source.

    None where the source was asked and told nothing new. What another source told already, under
    the same address or in the same words within half a day, is not told again. ``refused_rows``
    counts those of the answer that failed validation, ``refused_because`` says why.
    """

    stream: ClassVar[str] = "market.news"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)

    ticker: Ticker
    source: Source
    headlines: Annotated[tuple[Headline, ...], Meta(max_length=HEADLINES_MAX)] = ()
    answer_hash: str = ""
    refused_rows: int = 0
    refused_because: str = ""
