"""How a fault changes an answer as a whole, as far as that can be told before it is sent."""

from __future__ import annotations

import msgspec

from tests.fakes import chart, finnhub, yahoo
from tests.fakes.edits import edited
from tests.fakes.faults import (
    AnyFault,
    BrokenJson,
    Empty,
    Html,
    Odd,
    Redirect,
    Status,
)
from tests.fakes.wire import HTML, Answer, Provider, html_answer, json_answer

TITLES = {
    403: "Forbidden",
    404: "Not Found",
    422: "Unprocessable Entity",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}

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


def spoil(fault: AnyFault | None, provider: Provider, answer: Answer, at_seconds: float) -> Answer:
    """The answer as this fault makes it; faults of delivery leave it as it is."""
    match fault:
        case Status():
            return _status_answer(provider, fault, at_seconds)
        case Redirect(location):
            return Answer(302, b"", HTML, {"Location": location})
        case Html() | Odd() | Empty() | BrokenJson():
            return _unreadable(fault, answer)
    return edited(fault, answer) if fault else answer


def _status_answer(provider: Provider, fault: Status, at_seconds: float) -> Answer:
    title = TITLES.get(fault.code, "Error")
    answer = STATUS_ANSWERS.get((provider, fault.code), html_answer(fault.code, title))
    headers = dict(answer.headers)
    if fault.retry_after_seconds is not None:
        headers["Retry-After"] = str(fault.retry_after_seconds)
    if fault.reset_after_seconds is not None:
        headers["X-Ratelimit-Reset"] = str(int(at_seconds) + fault.reset_after_seconds)
    return msgspec.structs.replace(answer, headers=headers)


def _unreadable(fault: Html | Odd | Empty | BrokenJson, answer: Answer) -> Answer:
    match fault:
        case Html():
            return html_answer(200, "Welcome")
        case Odd(body):
            return msgspec.structs.replace(answer, status=200, body=body.encode())
        case Empty():
            return msgspec.structs.replace(answer, status=200, body=b"")
    return msgspec.structs.replace(answer, body=answer.body[: len(answer.body) * 3 // 4])
