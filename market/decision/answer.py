"""The answer to "analyze": a decision under the keys that its readers print, times as ISO-8601."""

from __future__ import annotations

import msgspec

from market.instants import iso
from market.messages.analyzer import (
    Analysis,
    Component,
    ComponentScores,
    Current,
    DataSource,
    Evidence,
    Levels,
    PositionSizing,
    Probability,
    Rule,
    Signal,
)
from market.sessions import day_of


class CurrentAnswer(msgspec.Struct, frozen=True):
    """Where the price stands now against the decision; see `Current`."""

    price: float
    market_time: str
    known_at: str
    age_seconds: float
    to_entry: float | None
    to_stop: float | None
    to_target: float | None
    still_valid: bool | None


class AnalysisAnswer(msgspec.Struct, frozen=True):
    """One analysis, flat; where nothing was decided all that a decision holds is null.

    ``probability_score`` is a percentage whose meaning ``probability_kind`` and ``probability``
    tell. ``as_of`` is when the answer was given, ``decided_at`` when the decision was recorded as
    ``decision_seq``, ``bar_date`` the session of the daily bar it was decided on.
    """

    ticker: str
    probability_score: float | None
    probability_kind: str | None
    composite_score: float | None
    signal: Signal | None
    reason: str
    data_source: DataSource
    simulated: bool
    stale: bool
    stale_because: str
    component_scores: ComponentScores | None
    levels: Levels | None
    position_sizing: PositionSizing | None
    weights_used: dict[Component, float] | None
    missing: tuple[Component, ...] | None
    probability: Probability | None
    current: CurrentAnswer | None
    rules: tuple[Rule, ...] | None
    evidence: Evidence | None
    bars_used: int | None
    bar_date: str | None
    decided_at: str | None
    decision_seq: int | None
    as_of: str | None
    seq: int


_DECIDED = (
    "composite_score",
    "signal",
    "component_scores",
    "levels",
    "position_sizing",
    "weights_used",
    "missing",
    "probability",
    "rules",
    "evidence",
    "bars_used",
)
"""What is taken from the decision as it stands there."""


def answer(analysis: Analysis) -> AnalysisAnswer:
    """The analysis as its readers print it."""
    decision = analysis.decision
    probability = decision.probability if decision else None
    return AnalysisAnswer(
        ticker=analysis.ticker,
        probability_score=probability.percent if probability else None,
        probability_kind=probability.kind if probability else None,
        reason=decision.reason if decision else analysis.stale_because,
        data_source=analysis.data_source,
        simulated=analysis.simulated,
        stale=analysis.stale,
        stale_because=analysis.stale_because,
        current=_current(analysis.current) if analysis.current else None,
        bar_date=day_of(decision.bar_start_us) if decision else None,
        decided_at=iso(analysis.decided_at_us) if decision else None,
        decision_seq=analysis.decision_seq if decision else None,
        as_of=iso(analysis.as_of_us) if analysis.as_of_us else None,
        seq=analysis.seq,
        **{name: getattr(decision, name, None) for name in _DECIDED},
    )


def _current(current: Current) -> CurrentAnswer:
    return CurrentAnswer(
        price=current.price,
        market_time=iso(current.market_time_us),
        known_at=iso(current.known_at_us),
        age_seconds=current.age_seconds,
        to_entry=current.to_entry,
        to_stop=current.to_stop,
        to_target=current.to_target,
        still_valid=current.still_valid,
    )
