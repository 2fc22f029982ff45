"""Tickers: one canonical spelling (Yahoo's), and the mark of simulated series."""

from __future__ import annotations

import re

PROTECTED = ("SPY", "QQQ")
"""Always tracked, collected first, never removable: every decision is read against them."""

MARK = "~sim"
"""Ends the key of every simulated series.

So that nothing simulated mixes with the real by accident.
"""

_PLAIN = re.compile(r"[A-Z0-9]{1,5}(?:-[A-Z]{1,2})?")
_EXTENDED = re.compile(r"\^[A-Z0-9]{1,10}|[A-Z0-9]{2,10}-[A-Z]{3,4}|[A-Z0-9]{1,10}=[XF]")


class BadTicker(ValueError):
    """A text that is no ticker under the rule in force; carries the remedy."""

    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(f"{text[:40]!r} is not a ticker: {remedy}")
        self.text = text
        self.remedy = remedy


def canonical(text: str, *, extended: bool = False) -> str:
    """The canonical ticker of any accepted spelling: ``brk.b`` is ``BRK-B``; raises `BadTicker`.

    Without ``extended``: 1 to 5 letters or digits and an optional class suffix. With it also
    ``BTC-USD``, ``^GSPC``, ``EURUSD=X`` and ``ES=F``.
    """
    ticker = text.strip().upper().replace(".", "-").replace("/", "-")
    if _PLAIN.fullmatch(ticker):
        return ticker
    if _EXTENDED.fullmatch(ticker):
        if extended:
            return ticker
        raise BadTicker(text, "switch on TAPEDECK_FETCHER__EXTENDED_SYMBOLS to track such symbols")
    raise BadTicker(
        text,
        "write 1 to 5 letters or digits, and a class suffix where there is one: NVDA, BRK-B",
    )


def is_share(ticker: str) -> bool:
    """Whether the ticker is that of a share or a fund, not of an index, a coin or a currency."""
    return _PLAIN.fullmatch(ticker) is not None


def simulated(ticker: str) -> str:
    """The key under which the ticker's simulated series is kept."""
    return ticker if is_simulated(ticker) else ticker + MARK


def is_simulated(key: str) -> bool:
    """Whether the key is that of a simulated series."""
    return key.endswith(MARK)


def plain(key: str) -> str:
    """The ticker without the mark of simulation."""
    return key.removesuffix(MARK)
