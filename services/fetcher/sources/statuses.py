"""What the statuses of HTTP mean: the same for every source that does not say otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping

from market.messages.fetcher import Reason
from services.fetcher.core.answers import Failure
from services.fetcher.raw import RawAnswer

REASONS: Mapping[int, Reason] = {
    400: "no_data",
    401: "unauthorized",
    403: "forbidden",
    404: "unknown_symbol",
    422: "no_data",
    429: "rate_limited",
}
"""400, 404 and 422 are answers about the question; what is not here is the provider's failure."""


def failure_of(
    raw: RawAnswer, asked_us: int, words: str = "", reasons: Mapping[int, Reason] = REASONS
) -> Failure:
    """The failure that an error status is; ``words`` are the source's own."""
    reason = reasons.get(raw.status, "provider_error")
    told = pause_seconds(raw, asked_us) if reason == "rate_limited" else None
    return Failure(reason, words or f"HTTP {raw.status}", told)


def pause_seconds(raw: RawAnswer, asked_us: int) -> float | None:
    """How long to rest, as the answer tells: Retry-After, else X-Ratelimit-Reset and a second."""
    retry_after = _number(raw.headers.get("retry-after"))
    if retry_after is not None:
        return retry_after
    reset = _number(raw.headers.get("x-ratelimit-reset"))
    return None if reset is None else reset - asked_us / 1e6 + 1.0


def used_told(raw: RawAnswer) -> int | None:
    """How many calls of the window the source says it has counted: limit less remaining."""
    limit = _number(raw.headers.get("x-ratelimit-limit"))
    remaining = _number(raw.headers.get("x-ratelimit-remaining"))
    if limit is None or remaining is None or not 0 <= remaining <= limit:
        return None
    return round(limit - remaining)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
