"""The votes: each reads one measure of a daily reading on its scale, from -1 (sell) to 1 (buy).

Continuous votes instead of thresholds: a measure that hardly moves hardly moves its vote. What
cannot be measured does not vote. A component's score is 50 + 50 times the mean of its votes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from market.evidence import Known, TickerEvidence, market_keys
from market.messages.analyzer import Component, ComponentScores, Rule
from market.messages.indicators import Reading
from market.symbols import plain


class Scale(NamedTuple):
    """How a measure becomes a vote: 0 at ``neutral``, full at ``full`` above or below it.

    ``text`` is filled with the value, its size, the side (above or below) and the reading ``r``.
    """

    name: str
    measure: Callable[[Reading], float | None]
    full: float
    text: str
    neutral: float = 0.0


def votes(evidence: TickerEvidence) -> tuple[Rule, ...]:
    """Every vote on a ticker, in the order of the table; a null vote says what is missing."""
    reading = evidence.own.reading
    return (
        *(_vote("technical_analysis", scale, reading) for scale in TECHNICAL),
        *_market_votes(evidence),
        *(_vote("volume", scale, reading) for scale in VOLUME),
    )


def component_scores(rules: Iterable[Rule]) -> ComponentScores:
    """The score of each component, 0 to 100; null where nothing voted."""
    found: dict[Component, list[float]] = {}
    for rule in rules:
        if rule.vote is not None:
            found.setdefault(rule.component, []).append(rule.vote)
    return ComponentScores(**{component: _score(of) for component, of in found.items()})


def _score(of: list[float]) -> float:
    # Rounded about 50, so that mirrored votes give mirrored scores.
    return round(50 + round(50 * sum(of) / len(of), 2), 2)


def _market_votes(evidence: TickerEvidence) -> list[Rule]:
    """The votes of SPY and, beside it, of QQQ; without SPY there is no market context."""
    keys = market_keys(evidence.key)
    asked = keys if keys[0] in evidence.market else keys[:1]
    return [rule for key in asked for rule in _index_votes(key, evidence.market.get(key))]


def _index_votes(key: str, known: Known | None) -> list[Rule]:
    if known is None:
        text = f"{key} has no daily bar of this day or the week before"
        return [Rule("market_context", plain(key).lower(), text, None, None)]
    return [_vote("market_context", scale, known.reading, key) for scale in TREND]


def _vote(component: Component, scale: Scale, reading: Reading, whose: str = "") -> Rule:
    name = f"{plain(whose).lower()}_{scale.name}" if whose else scale.name
    value = scale.measure(reading)
    if value is None or not math.isfinite(value):
        text = f"{name.replace('_', ' ')} is not defined at {reading.bars_used} bars"
        return Rule(component, name, text, None, None)
    value = round(value, 6)  # the vote follows from what is printed
    share = (value - scale.neutral) / scale.full
    vote = round(max(-1.0, min(1.0, share)), 4)
    text = _text(scale, value, reading)
    return Rule(component, name, f"{whose} {text}" if whose else text, value, vote)


def _text(scale: Scale, value: float, reading: Reading) -> str:
    side = "above" if value >= 0 else "below"
    return scale.text.format(value=value, size=abs(value), side=side, r=reading)


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _ratio(a: float | None, b: float | None) -> float | None:
    """None where there is nothing to divide, or nothing to divide by."""
    return None if a is None or b is None or b <= 0 else a / b


def _surprise(reading: Reading) -> float | None:
    """The 20-bar move in standard deviations of such moves, were the daily ones independent."""
    deviation = None if reading.sd20 is None else reading.sd20 * math.sqrt(20)
    return _ratio(reading.roc20, deviation)


def _push(reading: Reading) -> float | None:
    """How unusual the volume is (a logarithm), signed by the day's direction."""
    ratio = _ratio(reading.volume, reading.volume_sma20)
    change = _difference(reading.close, reading.previous_close)
    if change is None or ratio is None or ratio <= 0:
        return None
    return math.log(ratio) * ((change > 0) - (change < 0))


TREND = (
    Scale(
        "close_vs_ema50",
        lambda r: _ratio(_difference(r.close, r.ema50), r.atr),
        full=3,
        text="close {size:.2f} ATR {side} EMA50",
    ),
    Scale(
        "close_vs_ema200",
        lambda r: _ratio(_difference(r.close, r.ema200), r.atr),
        full=8,
        text="close {size:.2f} ATR {side} EMA200",
    ),
    Scale(
        "move_20_bars",
        _surprise,
        full=2,
        text="20-bar move of {value:+.2f} standard deviations",
    ),
)
"""What the ticker and the market are both measured by."""

TECHNICAL = (
    *TREND,
    Scale(
        "ema20_vs_ema50",
        lambda r: _ratio(_difference(r.ema20, r.ema50), r.atr),
        full=2,
        text="EMA20 {size:.2f} ATR {side} EMA50",
    ),
    Scale(
        "macd_vs_signal",
        lambda r: _ratio(_difference(r.macd, r.macd_signal), r.atr),
        full=0.5,
        text="MACD {size:.2f} ATR {side} its signal",
    ),
    Scale("rsi", lambda r: r.rsi, full=25, neutral=50, text="RSI at {value:.1f}"),
)

VOLUME = (
    Scale(
        "volume_vs_average",
        _push,
        full=1,
        text="volume {r.volume:,.0f} against {r.volume_sma20:,.0f} on average,"
        " close {r.previous_close:g} to {r.close:g}",
    ),
    Scale(
        "obv_change",
        lambda r: _ratio(r.obv_change20, r.volume_sum20),
        full=0.3,
        text="OBV moved {value:+.1%} of the volume of 20 bars",
    ),
    Scale("money_flow", lambda r: r.cmf20, full=0.2, text="Chaikin money flow at {value:+.2f}"),
)
