"""A process of its own that asks the real yfinance and prints what it got, as JSON.

Arguments: a folder for yfinance's caches, and the questions as JSON: [[symbol, {history's
arguments}], ...]; {"news": 5} asks for so many headlines instead. An answer is {"rows": [[epoch
seconds, open, high, low, close, adjusted close, volume, dividend, split], ...]}, {"news": [[id,
title, instant], ...]} or {"error": the exception's name}.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import yfinance

COLUMNS = ["Open", "High", "Low", "Close", "Adj Close", "Volume", "Dividends", "Stock Splits"]

ARTICLE = ["title", "pubDate"]


def answer(symbol: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        if "news" in arguments:
            told = yfinance.Ticker(symbol).get_news(count=arguments["news"])
            return {"news": [[one["id"], *map(one["content"].get, ARTICLE)] for one in told]}
        frame = yfinance.Ticker(symbol).history(auto_adjust=False, **arguments)
    except Exception as error:  # noqa: BLE001 - which one it is, is the answer
        return {"error": type(error).__name__}
    stamps = [int(stamp.timestamp()) for stamp in frame.index]
    columns = [frame[name].tolist() for name in COLUMNS]
    return {"rows": [list(row) for row in zip(stamps, *columns, strict=True)]}


def main() -> None:
    yfinance.set_tz_cache_location(sys.argv[1])
    yfinance.config.debug.hide_exceptions = False
    questions = json.loads(sys.argv[2])
    sys.stdout.write(json.dumps([answer(symbol, arguments) for symbol, arguments in questions]))


if __name__ == "__main__":
    main()
