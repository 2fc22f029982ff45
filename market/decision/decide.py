"""The decision itself: evidence and settings in; BUY, SELL or HOLD out, and all it follows from."""

from __future__ import annotations

from typing import NamedTuple

from market.decision import explain
from market.decision.components import component_scores, votes
from market.decision.composite import Composite, weigh
from market.decision.levels import Side, plan
from market.decision.probability import driftless
from market.decision.sizing import NO_POSITION, Stakes, size, stakes
from market.evidence import TickerEvidence
from market.messages.analyzer import (
    AnalysisSettings,
    Decision,
    Levels,
    PositionSizing,
    Rule,
    Signal,
)
from market.messages.indicators import Reading
from market.symbols import is_simulated

BARS_MIN = 201
"""Daily bars a decision needs: one more than the longest average, as rating services ask for."""


class _Trade(NamedTuple):
    """The plan of the side that the composite leans to."""

    levels: Levels
    stakes: Stakes


def decide(evidence: TickerEvidence, settings: AnalysisSettings) -> Decision:
    """Decide on a ticker by its evidence alone; the same evidence gives the same decision."""
    reading, rules = evidence.own.reading, votes(evidence)
    scores = component_scores(rules)
    composite = weigh(scores, settings.weights)
    lack = _lack(reading, composite, settings)
    trade = None if lack else _trade(reading, composite, settings)
    signal, because = _judge(lack, composite, trade, settings, rules)
    return Decision(
        ticker=evidence.key,
        signal=signal,
        reason=because,
        composite_score=composite.score,
        component_scores=scores,
        weights_used=composite.weights_used,
        missing=composite.missing,
        rules=rules,
        levels=trade.levels if trade else None,
        position_sizing=_sized(signal, trade, settings) if trade else None,
        probability=driftless(*trade) if trade else None,
        bar_start_us=reading.bar_start_us,
        bars_used=reading.bars_used,
        evidence=evidence.named,
        simulated=is_simulated(evidence.key),
    )


def _lack(reading: Reading, composite: Composite, settings: AnalysisSettings) -> str:
    """What the evidence lacks for any decision; empty where it suffices."""
    if reading.bars_used < BARS_MIN:
        return f"{reading.bars_used} daily bars are too few to decide on, {BARS_MIN} are needed"
    if composite.score is None or composite.present < settings.minimum_present_weight:
        missing = ", ".join(name.replace("_", " ") for name in composite.missing)
        return (
            f"insufficient data, as only {composite.present:.0%} of the weight is present and"
            f" {settings.minimum_present_weight:.0%} is needed (missing: {missing})"
        )
    if not reading.atr or reading.atr <= 0:
        return "without an average true range there are no levels"
    return ""


def _trade(reading: Reading, composite: Composite, settings: AnalysisSettings) -> _Trade | None:
    side: Side = "SELL" if composite.score is not None and composite.score < 50 else "BUY"
    levels = plan(reading, side)
    return _Trade(levels, stakes(levels, settings)) if levels else None


def _judge(
    lack: str,
    composite: Composite,
    trade: _Trade | None,
    settings: AnalysisSettings,
    rules: tuple[Rule, ...],
) -> tuple[Signal, str]:
    """The signal and its sentence; every veto makes it HOLD."""
    if lack or composite.score is None:
        return "HOLD", explain.veto(lack)
    wanted = _label(composite.score, settings)
    if wanted != "HOLD" and (against := _objection(wanted, composite.score, trade, settings)):
        return "HOLD", explain.veto(against)
    return wanted, explain.reason(wanted, composite.score, settings, rules, composite.weights_used)


def _label(score: float, settings: AnalysisSettings) -> Signal:
    if score >= settings.buy_above:
        return "BUY"
    return "SELL" if score <= settings.sell_below else "HOLD"


def _objection(
    wanted: Signal, score: float, trade: _Trade | None, settings: AnalysisSettings
) -> str:
    """Why the trade that the composite asks for is not worth making; empty where it is."""
    asked = f"the composite of {score:.2f} says {wanted}, but"
    if trade is None:
        return f"{asked} no stop and target above zero can be drawn"
    if trade.stakes.r_r < settings.minimum_r_r:
        return (
            f"{asked} reward to risk after costs is {trade.stakes.r_r:.2f},"
            f" less than {settings.minimum_r_r:g}"
        )
    return ""


def _sized(signal: Signal, trade: _Trade, settings: AnalysisSettings) -> PositionSizing:
    return NO_POSITION if signal == "HOLD" else size(trade.levels, trade.stakes, settings)
