"""Two instants of the imitated market, as epoch seconds: one while it is open, one while closed."""

from __future__ import annotations

from datetime import UTC, datetime

OPEN = datetime(2026, 9, 25, 15, 4, 7, tzinfo=UTC).timestamp()  # Friday, 11:04:07 New York
CLOSED = datetime(2026, 9, 27, 15, 0, tzinfo=UTC).timestamp()  # the Sunday after
