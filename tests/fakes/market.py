"""The imitated market: one deterministic price series a listing, told down to the tick.

Everything served is an aggregate of the same ticks, so quotes, minutes, hours and days always
agree. A symbol's series starts at the first session of 2016 and depends on nothing but the
symbol: two processes, and two runs, serve the same numbers at the same instant.

    market = Market()
    market.truth("NVDA", now_seconds).daily[-1].close
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Mapping
from datetime import date
from functools import cache, cached_property

import msgspec

from tests.fakes.bars import Bar, Tick, bar_of_bars, bar_of_ticks, single
from tests.fakes.listings import LISTINGS, Listing, Split
from tests.fakes.sessions import FIRST_DAY, Session, new_york_day, sessions

HOUR_SECONDS = 3_600
TICK_SECONDS = 15

# A walk that is pulled home: half the distance to the listing's level is gone after 70 sessions,
# so SPY is near 600 in any year and still trends for months.
PULL_PER_SESSION = 0.01
GAP_SHARE = 0.35  # of a day's standard deviation happens over night
HOUR_WEIGHTS = (1.6, 1.1, 0.8, 0.7, 0.7, 0.9, 1.2)  # of volatility and volume: the day's smile
SESSION_WEIGHT = math.hypot(*HOUR_WEIGHTS) / math.sqrt(1 - GAP_SHARE**2)  # gap and hours: one day


class Day(msgspec.Struct, frozen=True, dict=True):
    """One finished session with its hours (09:30, 10:30, ... New York)."""

    session: Session
    hours: tuple[Bar, ...]

    @cached_property
    def bar(self) -> Bar:
        return bar_of_bars(self.hours)


class Dividend(msgspec.Struct, frozen=True):
    ex_seconds: int  # open of the ex-dividend session
    amount: float


class Quote(msgspec.Struct, frozen=True):
    """What Finnhub's quote says: prices of the running or last session, USD, rounded to 0.01."""

    price: float
    open: float
    high: float
    low: float
    previous_close: float
    at_seconds: int


class Truth(msgspec.Struct, frozen=True):
    """The exact numbers that the imitation serves for a symbol at one instant.

    `daily` and `hourly` carry the prices of Yahoo's charts (float32 widened), keyed by session
    open and by hour start; while the market is open the last bar of each is still forming.
    `adjusted_closes` stands beside `daily`.
    """

    symbol: str
    at_seconds: int
    is_open: bool
    daily: tuple[Bar, ...]
    hourly: tuple[Bar, ...]
    adjusted_closes: tuple[float, ...]
    dividends: tuple[Dividend, ...]
    splits: tuple[Split, ...]
    quote: Quote


class History(msgspec.Struct, frozen=True):
    """A listing's days up to an instant; the last one may be under way."""

    listing: Listing
    at_seconds: int
    days: tuple[Day, ...]
    last: Tick
    running: tuple[Tick, ...] = ()  # of the hour under way, which ends the last day

    @property
    def is_open(self) -> bool:
        session = self.days[-1].session
        return session.open_seconds <= self.at_seconds < session.close_seconds


class Market:
    """All listings, asked for an instant: `history` for the providers, `truth` for the tests."""

    def __init__(self, listings: Mapping[str, Listing] = LISTINGS) -> None:
        self.listings = dict(listings)

    def history(self, symbol: str, at_seconds: float) -> History | None:
        """What has been traded until `at_seconds`; None for an unknown symbol."""
        listing = self.listings.get(symbol)
        return None if listing is None else history(listing, int(at_seconds))

    def truth(self, symbol: str, at_seconds: float) -> Truth:
        """The served numbers; KeyError for a symbol that is not listed."""
        return truth(history(self.listings[symbol], int(at_seconds)))


def history(listing: Listing, at_seconds: int) -> History:
    """Cut a listing's series at an instant, with the running hour made of its ticks so far."""
    days = _series(listing).until(new_york_day(at_seconds))
    while days and days[-1].session.open_seconds > at_seconds:
        days = days[:-1]
    if len(days) < 2:  # every answer names the close before
        raise ValueError(
            f"the imitated market opened on {FIRST_DAY}: set the clock two sessions later or more"
        )
    today = days[-1]
    if at_seconds >= today.session.close_seconds:
        last = Tick(today.session.close_seconds, today.hours[-1].close, 0)
        return History(listing, at_seconds, tuple(days), last)
    done = [bar for bar in today.hours if bar.start_seconds + HOUR_SECONDS <= at_seconds]
    hour = today.hours[len(done)]
    traded = ticks(listing.symbol, hour, today.session)
    running = tuple(tick for tick in traded if tick.at_seconds <= at_seconds)
    hours = (*done, bar_of_ticks(running))
    return History(
        listing, at_seconds, (*days[:-1], Day(today.session, hours)), running[-1], running
    )


def truth(history: History) -> Truth:
    """Everything that the imitation serves from a history, as tests compare it."""
    daily = [day.bar for day in history.days]
    return Truth(
        symbol=history.listing.symbol,
        at_seconds=history.at_seconds,
        is_open=history.is_open,
        daily=tuple(map(_as_printed, daily)),
        hourly=tuple(_as_printed(bar) for day in history.days for bar in day.hours),
        adjusted_closes=tuple(adjusted_closes(history)),
        dividends=dividends(history),
        splits=history.listing.splits,
        quote=quote(history),
    )


def quote(history: History) -> Quote:
    day, before = history.days[-1].bar, history.days[-2].bar
    return Quote(day.close, day.open, day.high, day.low, before.close, history.last.at_seconds)


def dividends(history: History) -> tuple[Dividend, ...]:
    """One a quarter, ex on the first session from the 15th of March, June, September, December."""
    amount = history.listing.quarterly_dividend
    ex_days: dict[tuple[int, int], Session] = {}
    for day in history.days if amount else ():
        moment = day.session.day
        if moment.month % 3 == 0 and moment.day >= 15:
            ex_days.setdefault((moment.year, moment.month), day.session)
    return tuple(Dividend(session.open_seconds, amount) for session in ex_days.values())


def adjusted_closes(history: History) -> list[float]:
    """Daily closes less the later dividends' share of the price, as Yahoo's `adjclose`."""
    amounts = {dividend.ex_seconds: dividend.amount for dividend in dividends(history)}
    factor, adjusted, later = 1.0, [], 0.0
    for day in reversed(history.days):
        close = day.bar.close
        factor *= 1.0 - later / close
        adjusted.append(close * factor)
        later = amounts.get(day.session.open_seconds, 0.0)
    return single(reversed(adjusted))


def ticks(symbol: str, hour: Bar, session: Session) -> list[Tick]:
    """The trades of one finished hour, four a minute: a bridge from its open to its close.

    The extremes are touched once each and the volume is spread evenly, so the ticks add up to
    exactly the hour. The last hour ends with the session (half an hour after it starts).
    """
    seconds = min(HOUR_SECONDS, session.close_seconds - hour.start_seconds)
    count = seconds // TICK_SECONDS
    dice = random.Random(f"{symbol}/{hour.start_seconds}")
    path = _bridge(hour, count, dice)
    share, rest = divmod(hour.volume, count)
    return [
        Tick(hour.start_seconds + i * TICK_SECONDS, price, share + (rest if i == 0 else 0))
        for i, price in enumerate(path)
    ]


def heard_ticks(history: History, day: Day) -> list[Tick]:
    """The trades of one of a history's days, as far as they have happened."""
    running = history.running if day is history.days[-1] else ()
    finished = day.hours[:-1] if running else day.hours
    symbol = history.listing.symbol
    return [t for hour in finished for t in ticks(symbol, hour, day.session)] + [*running]


def _bridge(hour: Bar, count: int, dice: random.Random) -> list[float]:
    spread = 0.4 * (hour.high - hour.low) / math.sqrt(count)
    walk = [0.0]
    for _ in range(count - 1):
        walk.append(walk[-1] + dice.gauss(0.0, spread))
    slope = (hour.close - hour.open - walk[-1]) / (count - 1)
    path = [hour.open + step + slope * i for i, step in enumerate(walk)]
    inner = range(1, count - 1)
    highest, lowest = max(inner, key=path.__getitem__), min(inner, key=path.__getitem__)
    path = [_cents(min(max(price, hour.low), hour.high)) for price in path]
    path[highest], path[lowest] = hour.high, hour.low
    path[0], path[-1] = hour.open, hour.close
    return path


class _Series:
    """A listing's walk, grown session by session as later days are asked for."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._dice = random.Random(listing.symbol)
        self._days: list[Day] = []
        self._grown_to = FIRST_DAY
        self._mood = 0.0  # logarithm of how much wilder than usual the days are
        self._lock = threading.Lock()

    def until(self, last: date) -> list[Day]:
        with self._lock:
            if last >= self._grown_to:
                for session in sessions(self._grown_to, last):
                    self._days.append(self._day(session))
                self._grown_to = date.fromordinal(last.toordinal() + 1)
            return [day for day in self._days if day.session.day <= last]

    def _day(self, session: Session) -> Day:
        listing, dice = self._listing, self._dice
        self._mood = 0.97 * self._mood + dice.gauss(0.0, 0.08)
        deviation = listing.daily_volatility * math.exp(self._mood)
        price = self._days[-1].hours[-1].close if self._days else listing.level
        pull = PULL_PER_SESSION * math.log(listing.level / price)
        price *= math.exp(pull + dice.gauss(0.0, GAP_SHARE * deviation))
        hours: list[Bar] = []
        for start in range(session.open_seconds, session.close_seconds, HOUR_SECONDS):
            hour = self._hour(start, price, deviation, HOUR_WEIGHTS[len(hours)])
            hours.append(hour)
            price = hour.close * math.exp(dice.gauss(0.0, 0.0001))
        return Day(session, tuple(hours))

    def _hour(self, start_seconds: int, price: float, deviation: float, weight: float) -> Bar:
        dice = self._dice
        sigma = deviation * weight / SESSION_WEIGHT
        opening = _cents(price)
        closing = _cents(price * math.exp(dice.gauss(0.0, sigma)))
        high = _cents(max(opening, closing) * math.exp(abs(dice.gauss(0.0, sigma / 2))))
        low = _cents(min(opening, closing) * math.exp(-abs(dice.gauss(0.0, sigma / 2))))
        share = self._listing.daily_volume * weight / sum(HOUR_WEIGHTS)
        excitement = 1.0 + abs(closing / opening - 1.0) / sigma
        volume = int(share * excitement * math.exp(self._mood + dice.gauss(-0.5, 0.25)))
        return Bar(start_seconds, opening, high, low, closing, volume)


@cache
def _series(listing: Listing) -> _Series:
    """One walk a listing and process: growing it twice would only cost time (80 ms each)."""
    return _Series(listing)


def _cents(price: float) -> float:
    return round(max(price, 0.01), 2)


def _as_printed(bar: Bar) -> Bar:
    opening, high, low, close = single((bar.open, bar.high, bar.low, bar.close))
    return Bar(bar.start_seconds, opening, high, low, close, bar.volume)
