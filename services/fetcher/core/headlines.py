"""What may be said of a headline: plain text, a web address, a time that has been.

A headline is a stranger's text that ends up on a page and before a reader: markup, control
characters and letters that turn the line around are taken out here, once, for everybody.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import msgspec

from market.messages.news import (
    HEADLINE_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    URL_CHARACTERS_MAX,
    Headline,
)
from services.fetcher.core.answers import Answer, Failure
from services.fetcher.core.validate import FUTURE_US, REFUSED_SHARE_MAX

OLDEST_US = 946_684_800_000_000
"""The year 2000: whatever was published before is a stamp that is none."""

TEXT_READ_MAX = 4 * HEADLINE_CHARACTERS_MAX
"""So much of a text is looked at: twice its bound and some markup around it."""

FUTURE = "from the future"

_SILENT = re.compile(r"<(script|style)\b.*?(</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"</?[a-z!][^<>]*(>|\Z)", re.IGNORECASE)

_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and a symbol by their category that show nothing: fillers of Hangul, empty Braille."""

ADDRESS = re.compile(
    r"https?://(?P<host>[\w.-]+)(?::\d{1,5})?(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.IGNORECASE,
)
"""An address of the web: a host by its name, nobody's password before it."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A headline as a source told it; ``symbols`` are those it is about, empty where not told."""

    headline: str
    published_us: int
    publisher: str = ""
    url: str = ""
    id: str = ""
    symbols: tuple[str, ...] = ()


def valid_headlines(told: Sequence[Told | None], symbol: str, asked_us: int) -> Answer | Failure:
    """The headlines that may be believed, newest first; None stands for a row that is none.

    Where several are from the future the clock of all is wrong, and none is believed.
    """
    if not told:
        return Failure("no_data", "the answer has no headlines")
    faults = [_fault(one, symbol, asked_us) if one else "unreadable" for one in told]
    good = [_plain(one) for one, fault in zip(told, faults, strict=True) if one and not fault]
    refused = Counter(fault for fault in faults if fault)
    because = "; ".join(f"{count} {fault}" for fault, count in refused.most_common())
    if not good or refused[FUTURE] > max(1, REFUSED_SHARE_MAX * len(told)):
        return Failure("invalid", f"no headline is believable: {because}")
    good.sort(key=lambda one: (-one.published_us, one.id))
    return Answer(news=tuple(good), refused_rows=refused.total(), refused_because=because)


def plain_text(text: str, characters_max: int) -> str:
    """One line of plain text; what is too long ends in an ellipsis."""
    text = html.unescape(text[:TEXT_READ_MAX])
    text = _TAG.sub(" ", _SILENT.sub(" ", text))
    text = "".join(_visible(letter) for letter in text)
    text = " ".join(text.split())
    return text if len(text) <= characters_max else text[: characters_max - 1].rstrip() + "…"


def is_web_address(url: str) -> bool:
    """Whether a browser may be sent there: http or https to a host, nothing hidden in it."""
    if len(url) > URL_CHARACTERS_MAX or not url.isprintable() or " " in url:
        return False
    return ADDRESS.fullmatch(url) is not None


def _fault(told: Told, symbol: str, asked_us: int) -> str:
    """Why a headline is not believed, empty where it is."""
    if not plain_text(told.headline, HEADLINE_CHARACTERS_MAX):
        return "without words"
    if told.published_us > asked_us + FUTURE_US:
        return FUTURE
    if told.published_us < OLDEST_US:
        return "without a time"
    if told.url and not is_web_address(told.url):
        return "with an address that is none"
    if told.symbols and symbol not in told.symbols:
        return "about another symbol"
    return ""


def _plain(told: Told) -> Headline:
    return Headline(
        headline=plain_text(told.headline, HEADLINE_CHARACTERS_MAX),
        publisher=plain_text(told.publisher, NAME_CHARACTERS_MAX),
        url=told.url,
        published_us=told.published_us,
        id=plain_text(told.id, NAME_CHARACTERS_MAX),
    )


def _visible(letter: str) -> str:
    """Controls and blanks part words; others of no shape (marks of direction, halves) go."""
    kind = unicodedata.category(letter)
    if kind in ("Cc", "Zl", "Zp") or letter in _BLANKS:
        return " "
    return "" if kind.startswith("C") else letter
