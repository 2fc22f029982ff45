"""Questions to the child as the sources put them, and what the child's errors mean."""

from __future__ import annotations

from collections.abc import Mapping

from market.messages.fetcher import Reason
from services.fetcher.child.client import Child
from services.fetcher.child.frames import AskPage, AskTable, Failed, Page, Text
from services.fetcher.core.answers import Failure
from services.fetcher.raw import RawAnswer

UNREACHABLE = frozenset({"CurlError", "Late"})
"""The classes of errors that speak of the network; all others speak of the child itself."""


def page(
    child: Child, url: str, params: Mapping[str, str], seconds: float, sent: bytes = b""
) -> RawAnswer | Failure:
    """A page through the child's browser, or why there is none after so many seconds."""
    answer = child.ask(AskPage(url, dict(params), seconds, sent), seconds)
    match answer:
        case Page():
            return RawAnswer(answer.status, answer.headers, answer.body, answer.url)
        case Failed():
            return failure_of(answer)
    return Failure("provider_error", "the child answered another question")


def table(child: Child, body: bytes, rows_max: int, seconds: float) -> bytes | Failure:
    """The first rows of a Parquet file as CSV, or why there are none."""
    answer = child.ask(AskTable(body, rows_max), seconds)
    match answer:
        case Text():
            return answer.body
        case Failed():
            return Failure("invalid", f"not a Parquet file: {answer.message}"[:300])
    return Failure("provider_error", "the child answered another question")


def failure_of(failed: Failed) -> Failure:
    """What an error of the child means."""
    reason: Reason = "unreachable" if UNREACHABLE & set(failed.kinds) else "provider_error"
    name = failed.kinds[0] if failed.kinds else "error"
    return Failure(reason, f"{name}: {failed.message}"[:300])
