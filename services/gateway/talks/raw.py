"""A provider's raw answer: the bytes that evidence reaches down to."""

from __future__ import annotations

from base64 import b64encode

from bus.actor import Refused
from services.gateway.answers import RawAnswer
from services.gateway.arguments import OneAnswer
from services.gateway.kept import Kept
from services.gateway.talk import ReadKept, Talk


def raw(arguments: OneAnswer) -> Talk:
    """The answer of this hash."""
    found: tuple[Kept, ...] = yield ReadKept(arguments.hash.lower())
    if not found:
        raise Refused(
            "not_found",
            f"no raw answer {arguments.hash} is kept",
            "raw answers are kept for fetcher.raw_days; answer_hash of an event names its own",
        )
    if len(found) > 1:
        raise Refused(
            "ambiguous",
            f"several raw answers begin with {arguments.hash}",
            "give more digits of the hash",
        )
    return _shown(found[0])


def _shown(kept: Kept) -> RawAnswer:
    try:
        body, encoding = kept.body.decode(), "utf-8"
    except UnicodeDecodeError:
        body, encoding = b64encode(kept.body).decode(), "base64"
    return RawAnswer(
        hash=kept.hash,
        source=kept.source,
        ticker=kept.ticker,
        url=kept.url,
        status=kept.status,
        content_type=kept.content_type,
        received_at_us=kept.received_us,
        size=len(kept.body),
        encoding=encoding,
        body=body,
    )
