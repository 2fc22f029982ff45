"""The imitated calendar is the exchange's own."""

from __future__ import annotations

from datetime import date

import exchange_calendars
import pytest

from tests.fakes.sessions import FIRST_DAY, holidays, sessions

LAST_DAY = date(2027, 12, 31)


@pytest.mark.filterwarnings("ignore:Series.values returning")  # the calendar library's own affair
def test_sessions_and_half_days_are_those_of_the_new_york_stock_exchange() -> None:
    exchange = exchange_calendars.get_calendar(
        "XNYS", start=FIRST_DAY.isoformat(), end=LAST_DAY.isoformat()
    )
    served = list(sessions(FIRST_DAY, LAST_DAY))
    assert [session.day for session in served] == [stamp.date() for stamp in exchange.sessions]
    assert [session.open_seconds for session in served] == [
        int(stamp.timestamp()) for stamp in exchange.opens
    ]
    assert [session.close_seconds for session in served] == [
        int(stamp.timestamp()) for stamp in exchange.closes
    ]


def test_a_holiday_has_its_name() -> None:
    assert holidays(2026)[date(2026, 11, 26)] == "Thanksgiving Day"
