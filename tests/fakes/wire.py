"""What crosses the imitated wire: a request, its answer, and the note that is kept of the call."""

from __future__ import annotations

import json
from typing import Literal

import msgspec

Provider = Literal["finnhub", "yahoo"]

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"

CONNECT = "CONNECT"
"""Stands for the endpoint while a client connects: nothing is asked yet."""


class Request(msgspec.Struct, frozen=True):
    """One HTTP request as a provider sees it; header names are lower case."""

    host: str
    method: str
    path: str
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    body: bytes = b""


class Target(msgspec.Struct, frozen=True):
    """What a request is about: the endpoint without host, version and symbol, and the symbol."""

    provider: Provider
    endpoint: str
    symbol: str | None = None


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = {}


class Call(msgspec.Struct, frozen=True):
    """The note of one call: what was asked, when, and how it was answered; never the key itself.

    A connection that went wrong is noted too, with the endpoint CONNECT. After a 429 the caller
    should rest until `rests_until_seconds`.
    """

    provider: Provider
    host: str
    method: str
    path: str
    endpoint: str
    symbol: str | None
    query: dict[str, str]
    at_seconds: float
    token_in_header: bool
    token_in_url: bool
    status: int
    fault: str | None
    rests_until_seconds: float = 0.0


def printed(document: object) -> bytes:
    """JSON without spaces; NaN is written as NaN, which strict readers refuse."""
    return json.dumps(document, separators=(",", ":")).encode()


def json_answer(document: object, status: int = 200) -> Answer:
    return Answer(status, printed(document))


def html_answer(status: int, title: str) -> Answer:
    """An error page as a proxy in front of a provider writes it."""
    page = (
        f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {title}</h1></center>\r\n<hr><center>nginx</center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    return Answer(status, page.encode(), HTML)
