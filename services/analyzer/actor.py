"""The analyzer as an actor: evidence goes in, decisions come out, questions are answered."""

from __future__ import annotations

from bus.actor import Actor, Need, Output, Refused
from market.messages.analyzer import Analysis, AnalysisConfigured, Analyze, ConfigureAnalysis
from market.messages.indicators import Indicators
from services.analyzer.core import answering
from services.analyzer.core.options import Options
from services.analyzer.core.state import FOLDS, State, made_by

__all__ = ["Options", "build"]


def build(options: Options) -> Actor[State]:
    """The analyzer with these options."""
    actor = Actor("analyzer", State)
    for event, fold in FOLDS.items():
        actor.evolve(event)(fold)
    actor.react(Indicators, AnalysisConfigured)(made_by)
    actor.decide(ConfigureAnalysis)(configure)

    @actor.answer(Analyze)
    def analyze(state: State, query: Analyze, now_us: int) -> Analysis | Need:
        return answering.analyze(state, query, now_us, options)

    return actor


def configure(state: State, command: ConfigureAnalysis, now_us: int) -> Output:
    """Follow other settings; nothing is said where they are in force and on the tape already."""
    settings = command.settings
    if not any(weight > 0 for weight in settings.weights.values()):
        raise Refused(
            "bad_settings",
            "every weight is 0, so nothing could be decided",
            "give at least one component a weight above 0",
        )
    if state.settings_seq and settings == state.settings:
        return []
    return [AnalysisConfigured(settings)]
