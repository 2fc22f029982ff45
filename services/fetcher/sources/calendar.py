"""The exchange's calendar, through exchange_calendars in the child: sessions, a year each way.

Once, those of the years that a history goes back are read too.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from market.messages.fetcher import Sessions
from services.fetcher.child.asking import failure_of
from services.fetcher.child.client import Child
from services.fetcher.child.frames import AskSessions, Failed, SessionTable
from services.fetcher.core.answers import Failure
from services.fetcher.core.declaration import Declaration

DECLARED = Declaration(
    name="calendar",
    capabilities=("sessions",),
    worker="child",
    together=1,
    lost_after_seconds=60.0,
)

SECONDS = 10.0
AROUND_DAYS = 365
HISTORY_DAYS = 6 * 365
"""Once, the sessions of a whole history are read: 51 kB, where two years take 15 kB."""


def fetch_sessions(
    exchange: str, asked_us: int, child: Child, *, past_known: bool = True
) -> Sessions | Failure:
    """The sessions from a year before ``asked_us`` to a year after it; from six, if not known."""
    today = datetime.fromtimestamp(asked_us / 1e6, UTC).date()
    before = timedelta(days=AROUND_DAYS if past_known else HISTORY_DAYS)
    after = timedelta(days=AROUND_DAYS)
    asked = AskSessions(exchange, (today - before).isoformat(), (today + after).isoformat())
    answer = child.ask(asked, SECONDS)
    if isinstance(answer, SessionTable):
        columns = (tuple(answer.date), tuple(answer.open_us), tuple(answer.close_us))
        return Sessions(exchange, *columns)
    if isinstance(answer, Failed):
        return failure_of(answer)
    return Failure("provider_error", "the child answered another question")
