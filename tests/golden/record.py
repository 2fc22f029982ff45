"""Records the golden tape: ``python -m tests.golden.record``; run only for a new format or story.

Forty sessions of three real series and one simulated one, with forming bars and corrections, from
the imitated market.
"""

from __future__ import annotations

import lzma
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from bus.codec import Append, Codec
from bus.message import Event
from bus.tape import TapeWriter
from market.messages import CONTRACT
from market.messages.analyzer import AnalysisConfigured, AnalysisSettings
from market.messages.fetcher import Bars, Quote
from market.messages.indicators import IndicatorsConfigured, IndicatorSettings
from market.symbols import simulated
from tests.fakes.bars import Bar
from tests.fakes.market import Market
from tests.golden.reliving import Said, relive

PATH = Path(__file__).with_name("tape-format-1.db.xz")
DAYS_BEFORE, DAYS_LIVED = 420, 40
AT = int(datetime(2024, 6, 28, 21, tzinfo=UTC).timestamp())
DAY_US = 86_400_000_000


def collected() -> Iterator[tuple[int, Event]]:
    """What the fetcher and the settings told, each at its time (microseconds UTC)."""
    series = {ticker: Market().truth(ticker, AT).daily for ticker in ("SPY", "QQQ", "NVDA")}
    first = len(series["SPY"]) - DAYS_LIVED
    start_us = _at(series["SPY"][first - 1])
    yield start_us, IndicatorsConfigured(IndicatorSettings())
    yield start_us, AnalysisConfigured(AnalysisSettings())
    yield start_us, _bars(simulated("SPY"), series["QQQ"][first - DAYS_BEFORE : first])
    for ticker, bars in series.items():
        yield start_us, _bars(ticker, bars[first - DAYS_BEFORE : first])
    for day in range(first, len(series["SPY"])):
        for ticker, bars in series.items():
            yield from _day(ticker, bars[day - 1 : day + 1], corrected=day % 16 == 0)


def _day(ticker: str, bars: tuple[Bar, ...], *, corrected: bool) -> Iterator[tuple[int, Event]]:
    at_us = _at(bars[-1])
    yield at_us - 3_600_000_000, _bars(ticker, bars, forming=True)
    yield at_us, Quote(ticker, bars[-1].close, "finnhub", market_time_us=at_us)
    if corrected:
        wrong = bars[-1].close * 1.01
        yield at_us, _bars(ticker, bars, closing=wrong)
    yield at_us, _bars(ticker, bars)


def _bars(
    ticker: str, bars: tuple[Bar, ...], *, forming: bool = False, closing: float | None = None
) -> Bars:
    closes = (*(bar.close for bar in bars[:-1]), closing or bars[-1].close)
    return Bars(
        ticker=ticker,
        timeframe="1d",
        source="simulated" if "~" in ticker else "yahoo",
        forming=forming,
        start_us=tuple(_at(bar) // DAY_US * DAY_US for bar in bars),
        open=tuple(bar.open for bar in bars),
        high=tuple(max(bar.high, close) for bar, close in zip(bars, closes, strict=True)),
        low=tuple(min(bar.low, close) for bar, close in zip(bars, closes, strict=True)),
        close=closes,
        volume=tuple(float(bar.volume) for bar in bars),
    )


def _at(bar: Bar) -> int:
    """A quarter of an hour after the close of the bar's day."""
    return (bar.start_seconds + 24_300) * 1_000_000


def write(said: list[Said], path: Path) -> None:
    """Put the history on a tape, turn by turn, and pack the file."""
    codec = Codec(CONTRACT)
    with tempfile.TemporaryDirectory() as folder:
        tape = TapeWriter(Path(folder) / "tape.db")
        marks = {name: tape.enlist(name, 0) for name in ("fetcher", "indicators", "analyzer")}
        for (producer, at_us), group in groupby(said, lambda s: (s.producer, s.fact.at_us)):
            drafts = tuple(codec.draft(one.fact.event) for one in group)
            known = tape.marks[producer]
            turn = Append(
                producer, marks[producer].epoch, known.mark, tape.head + 1, "logged", drafts
            )
            tape.append([turn], at_us)
        tape.close()
        with sqlite3.connect(Path(folder) / "tape.db") as db:
            db.execute("PRAGMA journal_mode = DELETE")
        path.write_bytes(lzma.compress((Path(folder) / "tape.db").read_bytes(), preset=9))


if __name__ == "__main__":
    write(relive(collected()), PATH)
