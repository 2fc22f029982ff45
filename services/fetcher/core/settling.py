"""The daily settlement: when a session is over its bar must come closed, or it is asked for again.

Some minutes after the close a provider may still end with the day before, or with a row that is
none. Then the day would stay forming until the next session; so it is asked for again, at growing
distances and not for ever, and every vain answer is told with its reason.
"""

from __future__ import annotations

from market.messages.fetcher import Sessions, SourceCalled
from market.messages.history import DayUnsettled
from market.sessions import Session, day_of, day_start_us, latest_session
from market.symbols import is_simulated
from services.fetcher.core.answers import Answer
from services.fetcher.core.schedule import SETTLED_US
from services.fetcher.core.state import Collector, Lane

TIMES_MAX = 8
"""With the pauses between them an hour and a half; after that the next cycle asks."""

PAUSE_SECONDS, PAUSE_SECONDS_MAX = 60, 1_800
SECOND_US = 1_000_000


def unsettled(
    state: Collector, call: SourceCalled, answer: Answer, asked_us: int, now_us: int
) -> DayUnsettled | None:
    """What is to be told of an answer of days, which is said already: the day that it lacks."""
    series = state.of(call.ticker)
    if call.timeframe != "1d" or is_simulated(call.ticker):
        return None
    due = due_session(state.hours(call.ticker, asked_us), asked_us)
    lane = series.lane("1d")
    if due is None or not series.tracked or series.listing.state != "listed":
        return None
    due_us = day_start_us(due.date)
    if lane.past.closed_us >= due_us or lane.past.first_us > due_us:
        return None  # settled, or the symbol is younger than that day
    before = lane.past.unsettled
    times = before.times + 1 if before and before.start_us == due_us else 1
    if before and times > TIMES_MAX:
        return None
    return DayUnsettled(
        ticker=call.ticker,
        day=due.date,
        because=_because(lane, due_us, answer),
        times=times,
        retry_at_us=0 if times == TIMES_MAX else now_us + pause_us(times),
        source=call.source,
        answer_hash=answer.answer_hash,
    )


def due_session(table: Sessions, asked_us: int) -> Session | None:
    """The last session whose bar must be closed in an answer to a question of that instant."""
    session = latest_session(table, asked_us)
    while session and session.close_us + SETTLED_US > asked_us:
        session = latest_session(table, session.open_us - 1)
    return session


def pause_us(times: int) -> int:
    """How long it is waited after so many vain answers."""
    return SECOND_US * min(PAUSE_SECONDS_MAX, PAUSE_SECONDS << min(times - 1, 16))


def wanted_since_us(lane: Lane, since_us: int) -> int:
    """Since when the lane is wanted: also from when its day is asked for again."""
    again = lane.past.unsettled
    return max(since_us, again.retry_at_us if again else 0)


def _because(lane: Lane, due_us: int, answer: Answer) -> str:
    refused = (
        f", {answer.refused_rows} of its rows are not believable" if answer.refused_rows else ""
    )
    how = "goes on without it to" if lane.latest_us > due_us else "ends with"
    return f"the answer {how} {day_of(lane.latest_us)}{refused}"
