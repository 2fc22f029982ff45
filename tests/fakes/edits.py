"""How a fault of the data changes what an answer says: the numbers of a quote or a chart here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tests.fakes.faults import (
    AnyFault,
    Disordered,
    Doubled,
    ExtraRow,
    MissingColumns,
    NoRows,
    Prices,
    Stamps,
    UnequalColumns,
    WrongSymbol,
    WrongTypes,
)
from tests.fakes.finnhub import UNKNOWN_QUOTE
from tests.fakes.told_edits import edited_articles, edited_status, edited_stream
from tests.fakes.wire import Answer, printed

# Bodies are edited where their shape is known, so they stay plain JSON values here.
Json = dict[str, Any]

PRICES = ("open", "high", "low", "close")

SPOILED: dict[str, Callable[[float], object]] = {
    "nan": lambda price: float("nan"),
    "nan_text": lambda price: "NaN",
    "null": lambda price: None,
    "zero": lambda price: 0,
    "negative": lambda price: -price,
    "spike": lambda price: round(10 * price, 2),
    "unit": lambda price: round(100 * price, 2),
}


def edited(fault: AnyFault, answer: Answer) -> Answer:
    """The answer with its numbers as this fault makes them; errors and pages have none."""
    if answer.status != 200 or not answer.body.startswith((b"{", b"[")):
        return answer
    return msgspec.structs.replace(answer, body=printed(_edited(json.loads(answer.body), fault)))


def _edited(document: Any, fault: AnyFault) -> object:
    """Each shape in its own way; what no fault is meant for stays as it is."""
    match document:
        case list():
            return edited_articles(document, fault)
        case {"chart": {"result": [result, *_]} as chart}:
            return document | {"chart": chart | {"result": [_chart(result, fault)]}}
        case {"data": {"tickerStream": {"stream": stream}} as data}:
            told = {"tickerStream": {"stream": edited_stream(stream, fault)}}
            return document | {"data": data | told}
        case {"isOpen": _}:
            return edited_status(document, fault)
        case {"c": _}:
            return _quote(document, fault)
    return document


def _quote(quote: Json, fault: AnyFault) -> Json:
    match fault:
        case Prices(to):
            return quote | {name: SPOILED[to](quote[name]) for name in ("c", "h", "l", "o")}
        case WrongTypes():
            return {name: str(value) for name, value in quote.items()}
        case MissingColumns():
            return {name: value for name, value in quote.items() if name != "c"}
        case Stamps(seconds):
            return quote | {"t": quote["t"] + seconds}
        case NoRows():
            return dict(UNKNOWN_QUOTE)
    return quote


def _chart(result: Json, fault: AnyFault) -> Json:
    match fault:
        case WrongSymbol(symbol):
            result["meta"]["symbol"] = symbol
        case Stamps(seconds):
            _move(result, seconds)
        case NoRows():
            result.pop("timestamp", None)
            result["indicators"] = {"quote": [{}]}
        case Doubled() | Disordered() | ExtraRow() if "timestamp" in result:
            _rearrange(result, fault)
        case Prices() | WrongTypes() | UnequalColumns() | MissingColumns():
            _spoil(result, fault)
    return result


def _move(result: Json, seconds: int) -> None:
    result["timestamp"] = [stamp + seconds for stamp in result.get("timestamp", [])]
    result["meta"]["regularMarketTime"] += seconds


def _rearrange(result: Json, fault: Doubled | Disordered | ExtraRow) -> None:
    columns = _columns(result)
    rows = range(len(columns[0]))
    match fault:
        case Doubled(count):
            _take(columns, [*rows, *rows[-count:]])
        case Disordered():
            _take(columns, rows[::-1])
        case ExtraRow():
            price, at_seconds = (
                result["meta"][f"regularMarket{name}"] for name in ("Price", "Time")
            )
            stamps, volumes, *prices = columns
            for column in prices:
                column.append(price)
            stamps.append(at_seconds)
            volumes.append(0)


def _columns(result: Json) -> list[list[Any]]:
    """Every column of a chart's rows: stamps, volumes, then all prices."""
    quote = result["indicators"]["quote"][0]
    adjusted = [one["adjclose"] for one in result["indicators"].get("adjclose", [])]
    return [result["timestamp"], quote["volume"], *(quote[name] for name in PRICES), *adjusted]


def _take(columns: list[list[Any]], rows: Sequence[int]) -> None:
    for column in columns:
        column[:] = [column[row] for row in rows]


def _spoil(result: Json, fault: Prices | WrongTypes | UnequalColumns | MissingColumns) -> None:
    columns: Json = result["indicators"]["quote"][0]
    meta: Json = result["meta"]
    match fault:
        case Prices(to, rows):
            columns |= {name: _last_spoiled(columns.get(name, []), to, rows) for name in PRICES}
            meta["regularMarketPrice"] = SPOILED[to](meta["regularMarketPrice"])
        case WrongTypes():
            columns |= {name: [str(one) for one in columns.get(name, [])] for name in PRICES}
            meta["regularMarketPrice"] = str(meta["regularMarketPrice"])
        case UnequalColumns():
            columns["close"] = columns.get("close", [])[:-1]
        case MissingColumns():
            columns.pop("close", None)


def _last_spoiled(prices: list[float], to: str, rows: int) -> list[object]:
    kept = max(len(prices) - rows, 0)
    return [*prices[:kept], *(SPOILED[to](price) for price in prices[kept:])]
