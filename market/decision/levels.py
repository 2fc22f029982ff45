"""Entry, stop and target of a trade: at support and resistance where they are, in ATRs where not.

The stop stands 0.25 ATR beyond the nearest level behind the price, between 1 and 3 ATR away; the
target 0.1 ATR before the nearest level ahead, where that pays 1.5 times the risk, and else where
it does. A SELL is the mirror of a BUY. All that follows is computed from the prices as printed.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from market.messages.analyzer import Levels
from market.messages.indicators import Level, Reading

Side = Literal["BUY", "SELL"]

BEYOND_ATR = 0.25
STOP_ATR_MIN = 1.0
STOP_ATR_MAX = 3.0
STOP_ATR_ALONE = 2.0
BEFORE_ATR = 0.1
REWARD_MIN = 1.5


class _View(NamedTuple):
    """The way a side looks at prices: ``sign`` is 1 where higher is better."""

    sign: int
    behind: Literal["support", "resistance"]
    ahead: Literal["support", "resistance"]
    down: str
    up: str


_VIEWS: dict[Side, _View] = {
    "BUY": _View(1, "support", "resistance", "below", "above"),
    "SELL": _View(-1, "resistance", "support", "above", "below"),
}


def printed(price: float) -> float:
    """The price as it is printed and used: to 0.01, below 1 to 0.0001."""
    return round(price, 2 if price >= 1 else 4)


def plan(reading: Reading, side: Side) -> Levels | None:
    """The levels of a trade at the last close; None where no stop and target above 0 exist."""
    if not reading.atr or reading.atr <= 0:
        return None
    view, entry = _VIEWS[side], printed(reading.close)
    distance, stop_source = _stop(reading, reading.atr, view)
    stop = printed(entry - view.sign * distance)
    if view.sign * (entry - stop) <= 0:
        return None
    target, target_source = _target(reading, reading.atr, view, entry, stop)
    if view.sign * (target - entry) <= 0 or min(stop, target) <= 0:
        return None
    r_r = round(_r_r(entry, stop, target), 2)
    return Levels(entry, stop, target, r_r, stop_source, target_source)


def _stop(reading: Reading, atr: float, view: _View) -> tuple[float, str]:
    """The distance from the entry, and why."""
    level = _nearest(reading, view.behind, -view.sign)
    if level is None:
        return STOP_ATR_ALONE * atr, f"{STOP_ATR_ALONE:g} ATR, with no {view.behind} {view.down}"
    at = f"the {view.behind} at {_words(level.price)}"
    distance = view.sign * (reading.close - level.price) + BEYOND_ATR * atr
    if distance < STOP_ATR_MIN * atr:
        return STOP_ATR_MIN * atr, f"{STOP_ATR_MIN:g} ATR, as {at} is nearer"
    if distance > STOP_ATR_MAX * atr:
        return STOP_ATR_MAX * atr, f"{STOP_ATR_MAX:g} ATR, as {at} is farther"
    return distance, f"{BEYOND_ATR:g} ATR {view.down} {at}"


def _target(
    reading: Reading, atr: float, view: _View, entry: float, stop: float
) -> tuple[float, str]:
    """The price, and why."""
    level = _nearest(reading, view.ahead, view.sign)
    fallback = _reaching(entry + REWARD_MIN * (entry - stop), view.sign)
    if level is None:
        return fallback, f"{REWARD_MIN:g} times the risk, with no {view.ahead} {view.up}"
    at = f"the {view.ahead} at {_words(level.price)}"
    price = printed(level.price - view.sign * BEFORE_ATR * atr)
    if _r_r(entry, stop, price) >= REWARD_MIN:
        return price, f"{BEFORE_ATR:g} ATR {view.down} {at}"
    return fallback, f"{REWARD_MIN:g} times the risk, as {at} pays less"


def _nearest(reading: Reading, kind: str, sign: int) -> Level | None:
    """The nearest level of a kind above (``sign`` 1) or below (-1) the close."""
    found = [v for v in reading.levels if v.kind == kind and sign * (v.price - reading.close) > 0]
    return min(found, key=lambda level: abs(level.price - reading.close), default=None)


def _reaching(price: float, sign: int) -> float:
    """The nearest printed price that does not fall short of this one, seen from the entry."""
    near = printed(price)
    short = sign * (price - near) > 1e-9
    return printed(near + sign * (0.01 if near >= 1 else 0.0001)) if short else near


def _words(price: float) -> str:
    return f"{price:.2f}" if price >= 1 else f"{price:.4f}"


def _r_r(entry: float, stop: float, target: float) -> float:
    return (target - entry) / (entry - stop)
