"""The one sentence that says why: the signal, the number it follows from, the strongest votes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from market.messages.analyzer import AnalysisSettings, Component, Rule, Signal


def reason(
    signal: Signal,
    score: float,
    settings: AnalysisSettings,
    rules: Sequence[Rule],
    weights: Mapping[Component, float],
) -> str:
    """Why the composite gives this signal, with its strongest votes either way."""
    return f"{signal}: {_place(signal, score, settings)}{_strongest(rules, weights)}"


def veto(because: str) -> str:
    """Why nothing is done, whatever the composite says."""
    return f"HOLD: {because}"


def _place(signal: Signal, score: float, settings: AnalysisSettings) -> str:
    low, high = f"{settings.sell_below:g}", f"{settings.buy_above:g}"
    places = {
        "BUY": f"is at least {high}",
        "SELL": f"is at most {low}",
        "HOLD": f"lies between {low} and {high}",
    }
    return f"the composite of {score:.2f} {places[signal]}"


def _strongest(rules: Sequence[Rule], weights: Mapping[Component, float]) -> str:
    """The heaviest vote of each direction; there is a score, so somebody voted."""
    voting = Counter(rule.component for rule in rules if rule.vote is not None)
    pulls = [
        (weights.get(rule.component, 0.0) * rule.vote / voting[rule.component], rule.text)
        for rule in rules
        if rule.vote is not None
    ]
    most = max(pulls, key=lambda pull: pull[0])
    least = min(pulls, key=lambda pull: pull[0])
    up = f"; most for buying: {most[1]}" if most[0] > 0 else ""
    down = f"; most for selling: {least[1]}" if least[0] < 0 else ""
    return up + down
