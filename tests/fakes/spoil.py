"""How a fault changes an answer, as far as that can be told before it is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from tests.fakes import chart, finnhub, yahoo
from tests.fakes.faults import (
    AnyFault,
    BrokenJson,
    Empty,
    Html,
    MissingColumns,
    Prices,
    Redirect,
    Status,
    UnequalColumns,
    WrongTypes,
)
from tests.fakes.wire import HTML, Answer, Provider, html_answer, json_answer, printed

# Bodies are edited where their shape is known, so they stay plain JSON values here.
Json = dict[str, Any]

COLUMNS = ("open", "high", "low", "close")
TITLES = {403: "Forbidden", 404: "Not Found", 500: "Internal Server Error", 502: "Bad Gateway"}

STATUS_ANSWERS: dict[tuple[Provider, int], Answer] = {
    ("finnhub", 401): finnhub.WRONG_KEY,
    ("finnhub", 403): finnhub.NO_ACCESS,
    ("finnhub", 429): finnhub.OVER_LIMIT,
    ("finnhub", 500): json_answer(None, 500),
    ("yahoo", 401): yahoo.unauthorized("Invalid Crumb"),
    ("yahoo", 404): chart.NOT_FOUND,
    ("yahoo", 422): chart.refusal_answer(
        422, "Unprocessable Entity", "Data doesn't exist for the asked dates"
    ),
    ("yahoo", 429): yahoo.TOO_MANY_REQUESTS,
    ("yahoo", 500): chart.refusal_answer(500, "Internal Server Error", "Internal error"),
}

SPOILED: dict[str, Callable[[float], object]] = {
    "nan": lambda price: float("nan"),
    "null": lambda price: None,
    "zero": lambda price: 0,
    "negative": lambda price: -price,
    "spike": lambda price: round(10 * price, 2),
}


def spoil(fault: AnyFault | None, provider: Provider, answer: Answer, at_seconds: float) -> Answer:
    """The answer as this fault makes it; faults of delivery leave it as it is."""
    match fault:
        case Status():
            return _status_answer(provider, fault, at_seconds)
        case Redirect(location):
            return Answer(302, b"", HTML, {"Location": location})
        case Html() | Empty() | BrokenJson():
            return _unreadable(answer, fault)
        case Prices() | WrongTypes() | UnequalColumns() | MissingColumns():
            return _edited(answer, fault)
    return answer


def _status_answer(provider: Provider, fault: Status, at_seconds: float) -> Answer:
    title = TITLES.get(fault.code, "Error")
    answer = STATUS_ANSWERS.get((provider, fault.code), html_answer(fault.code, title))
    headers = dict(answer.headers)
    if fault.retry_after_seconds is not None:
        headers["Retry-After"] = str(fault.retry_after_seconds)
    if fault.reset_after_seconds is not None:
        headers["X-Ratelimit-Reset"] = str(int(at_seconds) + fault.reset_after_seconds)
    return msgspec.structs.replace(answer, headers=headers)


def _unreadable(answer: Answer, fault: AnyFault) -> Answer:
    match fault:
        case Empty():
            return msgspec.structs.replace(answer, status=200, body=b"")
        case BrokenJson():
            return msgspec.structs.replace(answer, body=answer.body[: len(answer.body) * 3 // 4])
    return html_answer(200, "Welcome")


def _edited(answer: Answer, fault: AnyFault) -> Answer:
    if answer.status != 200 or not answer.body.startswith(b"{"):
        return answer
    document: Json = json.loads(answer.body)
    if "chart" in document:
        result = document["chart"]["result"][0]
        document["chart"]["result"] = [_edited_chart(result, fault)]
    elif "c" in document:
        document = _edited_quote(document, fault)
    return msgspec.structs.replace(answer, body=printed(document))


def _edited_quote(quote: Json, fault: AnyFault) -> Json:
    match fault:
        case Prices(to):
            return quote | {name: SPOILED[to](quote[name]) for name in ("c", "h", "l", "o")}
        case WrongTypes():
            return {name: str(value) for name, value in quote.items()}
        case MissingColumns():
            return {name: value for name, value in quote.items() if name != "c"}
    return quote


def _edited_chart(result: Json, fault: AnyFault) -> Json:
    columns: Json = result["indicators"]["quote"][0]
    meta: Json = result["meta"]
    match fault:
        case Prices(to, rows):
            columns |= {name: _last_spoiled(columns[name], to, rows) for name in COLUMNS}
            meta["regularMarketPrice"] = SPOILED[to](meta["regularMarketPrice"])
        case WrongTypes():
            columns |= {name: [str(price) for price in columns[name]] for name in COLUMNS}
            meta["regularMarketPrice"] = str(meta["regularMarketPrice"])
        case UnequalColumns():
            columns["close"] = columns["close"][:-1]
        case MissingColumns():
            del columns["close"]
    return result


def _last_spoiled(prices: list[float], to: str, rows: int) -> list[object]:
    kept = max(len(prices) - rows, 0)
    return [*prices[:kept], *(SPOILED[to](price) for price in prices[kept:])]
