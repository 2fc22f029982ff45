"""The child's use of exchange_calendars: the sessions of an exchange."""

from __future__ import annotations

from datetime import datetime

import exchange_calendars

from services.fetcher.child.frames import Answered, AskSessions, Load, Loaded, SessionTable


def answer(request: AskSessions | Load) -> Answered:
    """The sessions; or nothing but that the library is loaded."""
    return read(request) if isinstance(request, AskSessions) else Loaded()


def read(asked: AskSessions) -> SessionTable:
    """The sessions between two dates, holidays and early closes as the library knows them."""
    calendar = exchange_calendars.get_calendar(asked.exchange, start=asked.first, end=asked.last)
    schedule = calendar.schedule
    return SessionTable(
        date=[day.date().isoformat() for day in schedule.index],
        open_us=[_microseconds(instant) for instant in schedule["open"]],
        close_us=[_microseconds(instant) for instant in schedule["close"]],
    )


def _microseconds(instant: datetime) -> int:
    return round(instant.timestamp()) * 1_000_000
