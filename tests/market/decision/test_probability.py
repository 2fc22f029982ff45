"""The probability: what the levels alone give, beside what the trade needs."""

from __future__ import annotations

from hypothesis import assume, given

from market.decision.levels import plan
from market.decision.probability import driftless
from market.decision.sizing import stakes
from market.messages.analyzer import AnalysisSettings, Levels, Probability
from market.messages.indicators import Reading
from tests.market.readings import all_settings, readings


def test_it_is_the_share_of_the_risk_in_the_whole_way() -> None:
    levels = Levels(192.5, 190.0, 198.5, 2.4, "", "")
    assert driftless(levels, stakes(levels, AnalysisSettings())) == Probability(
        kind="driftless",
        percent=29.4,
        breakeven_percent=31.7,
        base_rate_percent=None,
        verdict="29.4 in 100 reach the target first on any day;"
        " this trade needs 31.7 after costs: no edge shown",
    )


@given(readings(), all_settings())
def test_it_is_a_percentage_that_never_beats_the_break_even(
    of: Reading, settings: AnalysisSettings
) -> None:
    levels = plan(of, "BUY")
    assume(levels is not None)
    assert levels is not None
    found = driftless(levels, stakes(levels, settings))
    assert 0 <= found.percent <= found.breakeven_percent <= 100
