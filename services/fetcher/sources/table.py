"""Tables of bars as people keep them: CSV, the columns by their usual names.

Every bad row is refused with its line; a table whose meaning is open is refused as a whole, with
what to do about it.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from market.messages.fetcher import Timeframe
from market.sessions import day_start_us

ROWS_MAX = 200_000
"""Twenty years of hours are 35,000 rows."""

FAULTS_MAX = 20
"""So many bad rows are told in words; all are counted."""

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "at": ("date", "datetime", "timestamp", "time"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "volume": ("volume", "vol"),
    "split": ("stock splits", "splits", "split"),
    "dividend": ("dividends", "dividend"),
}
OPTIONAL = frozenset({"split", "dividend"})

SPLIT_SEEN = 0.5
"""How much of a split, in logarithms, the prices must show at least to be those as traded."""


class Unreadable(Exception):
    """The table as a whole is none; its words say what to do."""


class Line(NamedTuple):
    """One row, and where it stands."""

    number: int
    cells: Sequence[str]


class Bar(NamedTuple):
    """One row as it is meant; ``split`` is 1.0 where there is none."""

    number: int
    start_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    split: float = 1.0
    dividend: float = 0.0

    @property
    def fault(self) -> str:
        """Why it is no bar, empty where it is one."""
        if not all(math.isfinite(number) for number in self[2:]):
            return "one of its numbers is none"
        if self.low <= 0:
            return f"the low is {self.low:g}"
        if self.high < max(self.open, self.close, self.low):
            return f"the high, {self.high:g}, is not the highest"
        if self.low > min(self.open, self.close):
            return f"the low, {self.low:g}, is not the lowest"
        if self.volume < 0 or self.dividend < 0 or self.split <= 0:
            return "the volume, a dividend or a split is less than nothing"
        return ""


class Table(NamedTuple):
    """The bars in their order, how many rows were refused, and the first few of them in words."""

    bars: list[Bar]
    refused: int
    faults: tuple[str, ...]


def read_csv(body: bytes, name: str, timeframe: Timeframe, zone: str) -> Table:
    """The bars of a CSV file; raises `Unreadable`."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{name} is not UTF-8: save it as CSV UTF-8") from error
    head = text[: text.find("\n")] if "\n" in text else text
    separator = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = next(reader, [])
        lines = [Line(reader.line_num, cells) for cells in reader if any(cells)]
    except csv.Error as error:
        raise Unreadable(f"{name} line {reader.line_num}: {error}") from error
    return _table(header, lines, name, timeframe, zone)


def _table(
    header: Sequence[str], lines: list[Line], name: str, timeframe: Timeframe, zone: str
) -> Table:
    if len(lines) > ROWS_MAX:
        raise Unreadable(f"{name} has more than {ROWS_MAX} rows: leave the oldest out")
    places = _places(header, name)
    bars: list[Bar] = []
    faults: list[str] = []
    for line in lines:
        try:
            bar = _bar(line, places, timeframe, zone)
        except _Zoneless as error:
            raise Unreadable(_zoneless(name, line.number, str(error))) from error
        except (ValueError, IndexError, OverflowError) as error:
            faults.append(f"{name} line {line.number}: {error}"[:200])
            continue
        bars.append(bar)
    return _in_order(bars, faults, name)


def _places(header: Sequence[str], name: str) -> dict[str, int]:
    """Which column holds what; names in any case, and with spaces or underlines."""
    known = {text.strip().lower().replace("_", " "): n for n, text in enumerate(header)}
    places = {
        meaning: known[alias]
        for meaning, aliases in NAMES.items()
        for alias in reversed(aliases)
        if alias in known
    }
    if missing := [one for one in NAMES if one not in places and one not in OPTIONAL]:
        names = ", ".join(NAMES[one][0] for one in missing)
        raise Unreadable(f"{name} has no column {names}: name it so in the first line"[:200])
    return places


def _bar(line: Line, places: dict[str, int], timeframe: Timeframe, zone: str) -> Bar:
    cells = {meaning: line.cells[place] for meaning, place in places.items()}
    at = _instant(cells["at"])
    start_us = day_start_us(at.date().isoformat()) if timeframe == "1d" else _start_us(at, zone)
    return Bar(
        line.number,
        start_us,
        open=_number(cells["open"], "open"),
        high=_number(cells["high"], "high"),
        low=_number(cells["low"], "low"),
        close=_number(cells["close"], "close"),
        volume=_number(cells["volume"], "volume"),
        split=_number(cells.get("split") or "0", "split") or 1.0,
        dividend=_number(cells.get("dividend") or "0", "dividend"),
    )


def _instant(cell: str) -> datetime:
    """A date, or a date and a time, as ISO 8601 writes them."""
    try:
        at = datetime.fromisoformat(cell.strip())
    except ValueError:
        raise ValueError(f"{cell[:40]!r} is no date: write it as 2024-01-31") from None
    if not 1900 <= at.year <= 2100:
        raise ValueError(f"{cell[:40]!r} is not of this time")
    return at


class _Zoneless(Exception):
    """A time of day that may be anybody's."""


def _start_us(at: datetime, zone: str) -> int:
    if at.tzinfo is None:
        if not zone:
            raise _Zoneless(at.isoformat(" "))
        at = at.replace(tzinfo=ZoneInfo(zone))
    return round(at.astimezone(UTC).timestamp()) * 1_000_000


def _zoneless(name: str, number: int, text: str) -> str:
    return (
        f"{name} line {number}: {text} has no zone: write one (2024-01-31T09:30:00-05:00),"
        " or set fetcher.files_zone (America/New_York)"
    )


def _number(cell: str, name: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise ValueError(f"the {name} is {cell[:40]!r}") from None


def _in_order(bars: list[Bar], faults: list[str], name: str) -> Table:
    """Oldest first, as a table may be either way; of two rows for one time the first is kept."""
    kept: list[Bar] = []
    for bar in sorted(bars, key=lambda one: (one.start_us, one.number)):
        fault = bar.fault
        if not fault and kept and kept[-1].start_us == bar.start_us:
            fault = f"line {kept[-1].number} tells the same time"
        if fault:
            faults.append(f"{name} line {bar.number}: {fault}")
        else:
            kept.append(bar)
    _check_splits(kept, name)
    return Table(kept, len(faults), tuple(faults[:FAULTS_MAX]))


def _check_splits(bars: Iterable[Bar], name: str) -> None:
    """A split that the prices do not show was taken out of them already."""
    before: Bar | None = None
    for bar in bars:
        if before is not None and abs(math.log(bar.split)) > SPLIT_SEEN:
            shown = math.log(before.close / bar.close) / math.log(bar.split)
            if shown < SPLIT_SEEN:
                raise Unreadable(
                    f"{name} line {bar.number} tells a split of {bar.split:g} that the prices do"
                    " not show, so they are adjusted already: leave that column out"
                )
        before = bar
