"""A simulated market: a walk with moods, sessions and busy mornings, for ever the same.

Everything follows from (seed, ticker, date) by hashing, so a bar that has closed is the same
whenever it is asked for, in every process and version. The walk takes one step each weekday,
holiday or not: a closed day only shows as a gap, so the table of sessions may arrive later.

A day's logarithmic return is beta times the market's plus the ticker's own, each normal under a
slowly changing volatility (log-volatility is a first-order autoregression: quiet and wild weeks
come in clusters). The day runs from its open to its close over a Brownian bridge in steps of ten
minutes, busy at both ends; daily and hourly bars and the price between are cut from the same steps.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from config.settings import Settings
from market.messages.fetcher import Sessions, Timeframe
from market.sessions import HOUR_US, Session, day_start_us, session_on
from market.symbols import PROTECTED, plain
from services.fetcher.core.answers import Answer, Columns, Failure, QuoteAnswer
from services.fetcher.core.bars import NEW_YORK, new_york_date
from services.fetcher.core.declaration import Declaration, Unusable
from services.fetcher.core.jitter import fraction
from services.fetcher.core.validate import valid_bars
from services.fetcher.effects import Simulate

DECLARED = Declaration(
    name="simulated",
    capabilities=("quote", "bars"),
    worker="simulated",
    together=2,
    lost_after_seconds=30.0,
)

FIRST_DAY = date(2016, 1, 4)  # a Monday
YEAR_WEEKDAYS = 260  # of the walk, which counts every weekday
STEP_US = 600_000_000
HISTORY_SESSIONS: dict[Timeframe, int] = {"1d": 1_260, "1h": 504}

MARKET_VOLATILITY = 0.009
MOOD_LASTS, MOOD_MOVES = 0.97, 0.10
PULL = 0.004  # of the distance to where the price belongs, per day: no price runs away
GAP_SHARE = 0.35  # of a day's volatility, between two sessions
SATURDAY = 5


class Character(NamedTuple):
    """What kind of security it is: price (USD), shares a day, how it goes with the market."""

    level: float
    daily_volume: float
    beta: float
    volatility: float


class Day(NamedTuple):
    """The walk on one weekday: logarithms of the closes around it, its volatility, its mood."""

    before: float
    after: float
    volatility: float
    mood: float


class Point(NamedTuple):
    """The price at an instant, and the day's volume up to it."""

    at_us: int
    price: float
    volume: float


def configured(settings: Settings) -> Declaration | Unusable:
    """It needs nobody."""
    del settings
    return DECLARED


def look(effect: Simulate) -> Answer | Failure:
    """What the simulated market shows at the instant of the question."""
    ticker, now_us = plain(effect.call.ticker), effect.at_us
    timeframe = effect.call.timeframe
    if timeframe is None:
        return Answer(quote=quote(effect.seed, ticker, effect.table, now_us))
    since = new_york_date(effect.latest_us) - timedelta(days=1) if effect.latest_us else FIRST_DAY
    shown = sessions(effect.table, now_us, since, HISTORY_SESSIONS[timeframe])
    return valid_bars(bars(effect.seed, ticker, timeframe, shown, now_us))


def quote(seed: int, ticker: str, table: Sessions, now_us: int) -> QuoteAnswer:
    """The price now, or at the last close."""
    earlier, latest = sessions(table, now_us, FIRST_DAY, 2)
    points = traded(seed, ticker, latest, now_us)
    prices = [point.price for point in points]
    return QuoteAnswer(
        price=prices[-1],
        market_time_us=points[-1].at_us,
        open=prices[0],
        high=max(prices),
        low=min(prices),
        previous_close=traded(seed, ticker, earlier, now_us)[-1].price,
        volume=float(int(points[-1].volume)),
    )


def bars(
    seed: int, ticker: str, timeframe: Timeframe, shown: Sequence[Session], now_us: int
) -> Columns:
    """The bars of these sessions as far as they have happened, the last one perhaps forming."""
    rows: list[tuple[int, float, float, float, float, float]] = []
    for session in shown:
        points = traded(seed, ticker, session, now_us)
        if timeframe == "1d":
            rows.append((day_start_us(session.date), *_bar(points)))
        else:
            rows.extend((hour[0].at_us, *_bar(hour)) for hour in _hours(points, session))
    start_us, opening, high, low, close, volume = zip(*rows, strict=True)
    return Columns(
        start_us=start_us,
        open=opening,
        high=high,
        low=low,
        close=close,
        volume=volume,
        splits=(1.0,) * len(rows),
        dividends=(0.0,) * len(rows),
    )


def sessions(table: Sessions, now_us: int, since: date, count: int) -> list[Session]:
    """The last sessions that have begun, oldest first; beyond the table every weekday is one."""
    found: list[Session] = []
    day = new_york_date(now_us)
    while len(found) < count and day >= since:
        session = _session(table, day)
        if session and session.open_us <= now_us:
            found.append(session)
        day -= timedelta(days=1)
    return found[::-1]


def traded(seed: int, ticker: str, session: Session, now_us: int) -> list[Point]:
    """The session's points up to now; the last one lies between two steps while it runs."""
    steps = (session.close_us - session.open_us) // STEP_US
    day = (date.fromisoformat(session.date) - FIRST_DAY).days
    points = _points(seed, ticker, day, session.open_us, steps)
    if now_us >= session.close_us:
        return list(points)
    done = (now_us - session.open_us) // STEP_US
    last, coming = points[done], points[done + 1]
    part = (now_us - last.at_us) / STEP_US
    now = Point(
        now_us,
        _cents(last.price + part * (coming.price - last.price)),
        last.volume + part * (coming.volume - last.volume),
    )
    return [*points[: done + 1], now]


def character(seed: int, ticker: str) -> Character:
    """A security's own nature; SPY and QQQ are little more than the market."""
    dice = [fraction("character", seed, ticker, n) for n in range(4)]
    if ticker in PROTECTED:
        return Character(300 + 300 * dice[0], 6e7 * (0.7 + dice[1]), 1 + 0.2 * dice[2], 0.002)
    level, volume = 40 * 10 ** dice[0], 2e6 * 30 ** dice[1]
    return Character(level, volume, 0.6 + dice[2], 0.006 + 0.016 * dice[3])


@lru_cache(maxsize=256)
def walk(seed: int, ticker: str, year: int) -> tuple[Day, ...]:
    """A year of the daily walk, in logarithms around 0; it goes on where the year before ends."""
    nature = character(seed, ticker)
    at = walk(seed, ticker, year - 1)[-1].after if year else 0.0
    days = []
    shocks = zip(_shocks(seed, "market", year), _shocks(seed, ticker, year), strict=True)
    for (market_mood, market_shock), (own_mood, own_shock) in shocks:
        market_sigma = nature.beta * MARKET_VOLATILITY * math.exp(market_mood)
        own_sigma = nature.volatility * math.exp(own_mood)
        after = at * (1 - PULL) + market_sigma * market_shock + own_sigma * own_shock
        sigma = math.hypot(market_sigma, own_sigma)
        days.append(Day(at, after, sigma, (market_mood + own_mood) / 2))
        at = after
    return tuple(days)


@lru_cache(maxsize=256)
def _shocks(seed: int, name: str, year: int) -> tuple[tuple[float, float], ...]:
    """Mood and shock of each weekday of a year."""
    mood = _shocks(seed, name, year - 1)[-1][0] if year else 0.0
    found = []
    for number in range(year * YEAR_WEEKDAYS, (year + 1) * YEAR_WEEKDAYS):
        moves, shock = _normals(seed, name, number, 2)
        mood = MOOD_LASTS * mood + MOOD_MOVES * moves
        found.append((mood, shock))
    return tuple(found)


@lru_cache(maxsize=64)
def _points(seed: int, ticker: str, day: int, open_us: int, steps: int) -> tuple[Point, ...]:
    """The whole session: ``steps + 1`` points from the open to the close."""
    nature = character(seed, ticker)
    today = _today(seed, ticker, day)
    gap_dice, volume_dice, *dice = _normals(seed, f"{ticker}/steps", day, 2 + 2 * steps)
    busy = [1.0 + 2.0 * (2 * (step + 0.5) / steps - 1) ** 2 for step in range(steps)]
    share = [part / sum(busy) for part in busy]
    opening = today.before + GAP_SHARE * today.volatility * gap_dice
    logs = _bridge(opening, today, share, dice[:steps])
    shares = nature.daily_volume * math.exp(today.mood + 0.25 * volume_dice)
    parts = [shares * s * math.exp(0.3 * z) for s, z in zip(share, dice[steps:], strict=True)]
    volumes = accumulate(parts, initial=0.0)
    return tuple(
        Point(open_us + step * STEP_US, _cents(nature.level * math.exp(log)), volume)
        for step, (log, volume) in enumerate(zip(logs, volumes, strict=True))
    )


def _today(seed: int, ticker: str, day: int) -> Day:
    """The walk on a calendar day; on a weekend, Friday's."""
    year, number = divmod(day // 7 * 5 + min(day % 7, 4), YEAR_WEEKDAYS)
    return walk(seed, ticker, year)[number]


def _bridge(opening: float, today: Day, share: list[float], dice: list[float]) -> list[float]:
    """Logarithms from the open to the close; ``share`` is each step's part of the variance."""
    spread = today.volatility * math.sqrt(1 - GAP_SHARE**2)
    noise = list(
        accumulate((math.sqrt(s) * z for s, z in zip(share, dice, strict=True)), initial=0.0)
    )
    passed = accumulate(share, initial=0.0)
    return [
        opening + (today.after - opening) * part + spread * (at - noise[-1] * part)
        for part, at in zip(passed, noise, strict=True)
    ]


def _session(table: Sessions, day: date) -> Session | None:
    name = day.isoformat()
    if table.date and table.date[0] <= name <= table.date[-1]:
        return session_on(table, name)
    if day.weekday() >= SATURDAY:
        return None
    return Session(name, _new_york_us(day, time(9, 30)), _new_york_us(day, time(16)))


def _new_york_us(day: date, clock: time) -> int:
    instant = datetime.combine(day, clock, NEW_YORK).astimezone(UTC)
    return round(instant.timestamp()) * 1_000_000


def _hours(points: Sequence[Point], session: Session) -> Iterator[list[Point]]:
    """The points of each hour that has begun; an hour ends with the point the next begins with."""
    for start_us in range(session.open_us, session.close_us, HOUR_US):
        hour = [point for point in points if start_us <= point.at_us <= start_us + HOUR_US]
        if hour and hour[0].at_us == start_us:
            yield hour


def _bar(points: Sequence[Point]) -> tuple[float, float, float, float, float]:
    prices = [point.price for point in points]
    volume = float(int(points[-1].volume) - int(points[0].volume))
    return prices[0], max(prices), min(prices), prices[-1], volume


def _normals(seed: int, name: str, number: int, count: int) -> list[float]:
    """Normal deviates that follow from the words alone (Box and Muller, 1958)."""
    pairs = (count + 1) // 2
    raw = hashlib.shake_128(f"{seed}/{name}/{number}".encode()).digest(16 * pairs)
    uniform = [(whole + 0.5) / 2**64 for whole in struct.unpack(f">{2 * pairs}Q", raw)]
    found: list[float] = []
    for first, second in zip(uniform[::2], uniform[1::2], strict=True):
        radius, angle = math.sqrt(-2 * math.log(first)), math.tau * second
        found += (radius * math.cos(angle), radius * math.sin(angle))
    return found[:count]


def _cents(price: float) -> float:
    return round(price, 2 if price >= 1 else 4)
