"""Whether what is known of a ticker is fresh: nothing newer can be had, or not for long."""

from __future__ import annotations

from market.messages.fetcher import Sessions
from market.sessions import covers, day_of, latest_session, session_after


def stale_because(
    table: Sessions, bar_start_us: int, heard_at_us: int, now_us: int, allowed_us: int
) -> str:
    """Why evidence on the daily bar is not fresh now; empty while it is.

    While the calendar is known, evidence ages from the close of the first bar that it lacks; where
    it is not, from when the ticker was heard of last. It stays fresh for ``allowed_us`` (time to
    live and one cycle), in which the collector brings the bar by itself.
    """
    if not covers(table, now_us):
        age_us = now_us - heard_at_us
        fault = f"nothing came for {_span(age_us)} and the trading calendar is not known"
    else:
        lacking = session_after(table, day_of(bar_start_us))
        if lacking is None or lacking.close_us > now_us:
            return ""
        age_us = now_us - lacking.close_us
        fault = f"the bar of {lacking.date} closed {_span(age_us)} ago and has not come"
    return fault if age_us > allowed_us else ""


def lagging_us(table: Sessions, known_at_us: int, now_us: int) -> int:
    """For how long something newer than a price could have come: the market's open time since.

    While the market is closed a price of its last session grows no older. Where the calendar does
    not know the instant it is the whole age. Of what is older than two sessions no more is counted.
    """
    session = latest_session(table, now_us)
    if session is None:
        return max(0, now_us - known_at_us)
    before = latest_session(table, session.open_us - 1)
    return sum(
        max(0, min(now_us, one.close_us) - max(known_at_us, one.open_us))
        for one in (before, session)
        if one
    )


def _span(age_us: int) -> str:
    """The time in words, in the largest unit that it fills twice."""
    minutes = age_us // 60_000_000
    for unit, size in (("days", 1440), ("hours", 60)):
        if minutes >= 2 * size:
            return f"{minutes // size} {unit}"
    return "1 minute" if minutes == 1 else f"{minutes} minutes"
