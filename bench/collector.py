"""The collector's cost by the number of its symbols: a tick, an answer, a symbol's memory.

    python -m bench.collector            # 10, 100 and 500 symbols, five rounds
    python -m bench.collector --rounds 1

The real actor is driven through the first minute of a cycle, as its providers' budgets let it go;
every call is answered at once. Times are medians within a round, the lowest of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from itertools import count, islice, product
from typing import Any

import msgspec

from bench.report import Table, aligned, number
from bus.actor import Actor, Effect, spoken
from bus.message import Event, Fact
from market.messages.fetcher import Sessions, Timeframe
from market.sessions import DAY_US, HOUR_US, day_start_us
from services.fetcher.actor import build
from services.fetcher.core.answers import Answer, Columns, QuoteAnswer
from services.fetcher.core.declaration import Options
from services.fetcher.core.state import Collector
from services.fetcher.effects import Fetch, Fetched, Open
from services.fetcher.sources import calendar, finnhub, yahoo

SYMBOLS = (10, 100, 500)
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
MONDAY = date(2026, 1, 5)
NOON_US = day_start_us(MONDAY.isoformat()) + 17 * HOUR_US
ROWS: dict[Timeframe, int] = {"1d": 5, "1h": 35}
"""What an increment brings."""

HEAD = ["symbols", "µs a tick", "µs a quote", "µs a day's answer", "µs an hour's", "bytes a symbol"]


class Drive:
    """The collector with so many symbols, its tape's end, and what each of its steps took."""

    def __init__(self, symbols: int) -> None:
        names = islice(("".join(name) for name in product("ABCDEFGH", repeat=3)), symbols - 2)
        self.actor: Actor[Collector] = build(
            Options(
                sources=(finnhub.DECLARED, yahoo.DECLARED),
                calendar=calendar.DECLARED,
                watchlist=tuple(names),
                interval_seconds=3_600,
            )
        )
        self.state = self.actor.initial()
        self.now_us = NOON_US
        self.took_us: dict[str, list[float]] = {}
        self._seqs = count(1)
        self._hear([sessions()])
        self._hear(self.actor.handle(self.state, Open(), self.now_us).events)

    def run(self, until_us: int) -> None:
        """Go on to an instant; every call is answered at once."""
        while self.now_us < until_us:
            self.step(until_us)

    def step(self, until_us: int = NOON_US + DAY_US) -> None:
        """Make the calls that are due, and answer them; or wait until some are."""
        effects, next_us = self._tick()
        for effect in effects:
            if isinstance(effect, Fetch):
                self._answer(effect)
        if not effects:
            self.now_us = max(self.now_us + 1, next_us or until_us)

    def _tick(self) -> tuple[tuple[Effect, ...], int | None]:
        tick = self._timed("tick", lambda: self.actor.tick(self.state, self.now_us))
        said = spoken(tick.output)
        self._hear(said.events)
        return said.effects, tick.next_us

    def _answer(self, effect: Fetch) -> None:
        told = Fetched(effect.call, self.now_us, answer_to(effect, self.now_us))
        kind = effect.call.timeframe or "quote"
        self._timed(kind, lambda: self._hear(self._said(told)))

    def _said(self, told: Fetched) -> tuple[Event, ...]:
        return self.actor.handle(self.state, told, self.now_us).events

    def _hear(self, events: Iterable[Event]) -> None:
        facts = [Fact(next(self._seqs), self.now_us, event) for event in events]
        self.state = self.actor.hear(self.state, facts)[0]

    def _timed(self, what: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = work()
        self.took_us.setdefault(what, []).append((time.perf_counter() - start) * 1e6)
        return result


def sessions() -> Sessions:
    """Ordinary sessions around the day, weekdays alone."""
    days = [MONDAY + timedelta(days=n) for n in range(-60, 60)]
    days = [day for day in days if day.weekday() < 5]
    starts = [day_start_us(day.isoformat()) for day in days]
    return Sessions(
        "XNYS",
        tuple(day.isoformat() for day in days),
        tuple(at + 14 * HOUR_US + HOUR_US // 2 for at in starts),
        tuple(at + 21 * HOUR_US for at in starts),
    )


def answer_to(effect: Fetch, at_us: int) -> Answer:
    """A price, or as many bars as an increment has."""
    timeframe = effect.call.timeframe
    quote = QuoteAnswer(price=100.0, market_time_us=at_us) if timeframe != "1h" else None
    return Answer(quote=quote, bars=bars(timeframe, at_us) if timeframe else None)


def bars(timeframe: Timeframe, at_us: int) -> Columns:
    """The last bars before an instant, of one price."""
    table = sessions()
    last = sum(open_us <= at_us for open_us in table.open_us)
    if timeframe == "1d":
        starts = [day_start_us(day) for day in table.date[last - ROWS["1d"] : last]]
    else:
        opens = table.open_us[last - 6 : last]
        hours = [open_us + n * HOUR_US for open_us in opens for n in range(7)]
        starts = [at for at in hours if at <= at_us][-ROWS["1h"] :]
    same = (100.0,) * len(starts)
    one, none = (1.0,) * len(starts), (0.0,) * len(starts)
    return Columns(
        start_us=tuple(starts),
        open=same,
        high=same,
        low=same,
        close=same,
        volume=same,
        splits=one,
        dividends=none,
    )


def measured(symbols: int) -> dict[str, float]:
    """One round: medians by what was done, and the bytes that are kept of a symbol."""
    drive = Drive(symbols)
    while not drive.state.of("SPY").has_bars:  # which are news for every symbol
        drive.step()
    drive.took_us.clear()
    drive.run(NOON_US + MINUTE_US)
    medians = {what: statistics.median(took_us) for what, took_us in drive.took_us.items()}
    drive.run(NOON_US + DAY_US // 8)
    size = len(msgspec.msgpack.encode(drive.state.series)) / symbols
    return {**medians, "size": size}


def row(symbols: int, rounds: int) -> list[str]:
    """One line of the table."""
    found = [measured(symbols) for _ in range(rounds)]
    lowest = (min(one[what] for one in found) for what in ("tick", "quote", "1d", "1h", "size"))
    return [str(symbols), *map(number, lowest)]


def main(arguments: list[str]) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.collector", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args(arguments).rounds
    table: Table = [HEAD, *(row(symbols, rounds) for symbols in SYMBOLS)]
    sys.stdout.write(aligned(table) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
