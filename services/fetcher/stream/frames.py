"""Finnhub's frames: trades, pings and errors, read into trades that may be believed.

Recorded: ``{"data":[{"c":["1","12"],"p":98.4556,"s":"GOOG","t":1674226439375,"v":51}],
"type":"trade"}``, ``{"type":"ping"}`` and ``{"msg":"Subscribing to too many symbols",
"type":"error"}``; ``t`` in milliseconds, ``c`` may be null or empty.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from market.messages.stream import EXAMPLE_CHARACTERS_MAX
from services.fetcher.core.answers import Failure
from services.fetcher.core.hearing import Refusal, Trade
from services.fetcher.core.streaming import is_coin
from services.fetcher.core.validate import FUTURE_US
from services.fetcher.sources.bodies import shaped
from services.fetcher.sources.finnhub import spelling

NOT_THE_MARKETS_PRICE: Final = frozenset(
    {
        "3",  # average price
        "5",  # cash sale: settled the same day
        "9",  # bunched, sold late
        "10",  # price variation
        "11",  # cap election
        "16",  # market centre's official close, which repeats a trade
        "17",  # next day
        "20",  # market centre's official open, which repeats a trade
        "21",  # prior reference price
        "22",  # seller: settled later
        "24",  # form T: before or after the session
        "25",  # the same, out of sequence
        "26",  # contingent
        "27",  # stock option trade
        "30",  # sold out of sequence
        "31",  # stopped stock
        "32",  # derivatively priced
        "37",  # qualified contingent
        "39",  # corrected consolidated close
    }
)
"""Conditions that keep a trade from being the last price (Finnhub's table of them; CTS, UTP).

Odd lots (12) are prices of the market, and more than half of its trades; the tapes leave them out
for their size.
"""

STALE_US = 300_000_000
"""Clocks differ by minutes, and trades may be told late; what is older is no last price."""

_UNPRINTABLE = re.compile(r"[^ -~]+")


class _Frame(msgspec.Struct):
    type: str
    data: list[msgspec.Raw] = []
    msg: str = ""


class _Trade(msgspec.Struct):
    p: float
    s: str
    t: int
    c: list[str] | None = None


def symbol_of(ticker: str) -> str:
    """How the stream spells a ticker: coins by their exchange (COINBASE:BTC-USD), BRK.B."""
    return f"COINBASE:{ticker}" if is_coin(ticker) else spelling(ticker)


def read(frame: bytes, tickers: Mapping[str, str], now_us: int) -> list[Trade | Refusal]:
    """The trades of a frame in their order, and what is refused; a ping says nothing.

    ``tickers`` are the subscribed ones by their symbols. Never raises, whatever the bytes are.
    """
    found = shaped(frame, _Frame)
    if isinstance(found, Failure):
        return [Refusal("unreadable", _printable(frame))]
    match found.type:
        case "trade":
            return list(_trades(found.data, tickers, now_us))
        case "ping":
            return []
        case "error":
            return [Refusal("error", _printable(found.msg))]
    return [Refusal("unknown_kind", _printable(frame))]


def _trades(
    rows: list[msgspec.Raw], tickers: Mapping[str, str], now_us: int
) -> Iterator[Trade | Refusal]:
    for row in rows:
        trade = shaped(bytes(row), _Trade)
        if isinstance(trade, Failure):
            yield Refusal("unreadable", _printable(bytes(row)))
        elif refusal := _fault(trade, tickers, now_us):
            yield refusal
        else:
            yield Trade(tickers[trade.s], trade.p, trade.t * 1_000)


def _fault(trade: _Trade, tickers: Mapping[str, str], now_us: int) -> Refusal | None:
    if trade.s not in tickers:
        return Refusal("wrong_symbol", _printable(trade.s))
    told = f"{tickers[trade.s]} {trade.p:g}"
    if not (math.isfinite(trade.p) and trade.p > 0):
        return Refusal("no_price", told)
    if not now_us - STALE_US <= trade.t * 1_000 <= now_us + FUTURE_US:
        return Refusal("stamp", f"{told} at {trade.t} ms"[:EXAMPLE_CHARACTERS_MAX])
    odd = NOT_THE_MARKETS_PRICE.intersection(trade.c or ())
    return Refusal("condition", f"{told}, {', '.join(sorted(odd))}") if odd else None


def _printable(text: str | bytes) -> str:
    """How it begins, in plain letters: it goes onto the tape and before people."""
    start = text[: 2 * EXAMPLE_CHARACTERS_MAX]
    words = start.decode("ascii", "replace") if isinstance(start, bytes) else start
    return _UNPRINTABLE.sub("?", words)[:EXAMPLE_CHARACTERS_MAX]
