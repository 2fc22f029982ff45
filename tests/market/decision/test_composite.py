"""The composite: what is present is weighed, what is missing is named."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.decision.composite import COMPONENTS, Composite, weigh
from market.messages.analyzer import WEIGHTS, ComponentScores

scores = st.builds(
    ComponentScores,
    **{name: st.none() | st.floats(0, 100).map(lambda s: round(s, 2)) for name in COMPONENTS},
)
weights = st.fixed_dictionaries({name: st.just(0.0) | st.floats(0.001, 1) for name in COMPONENTS})


def test_present_components_share_the_weight_of_the_missing_ones() -> None:
    found = weigh(ComponentScores(technical_analysis=80, market_context=60, volume=40), WEIGHTS)
    assert found == Composite(
        score=65.71,  # (.35 * 80 + .20 * 60 + .15 * 40) / .70
        weights_used={
            "technical_analysis": 0.5,
            "market_context": 0.2 / 0.7,
            "volume": 0.15 / 0.7,
        },
        missing=("sentiment", "seasonality"),
        present=0.7,
    )


def test_half_of_the_weight_is_half_in_spite_of_binary_fractions() -> None:
    assert weigh(ComponentScores(technical_analysis=80, volume=40), WEIGHTS).present == 0.5


def test_nothing_present_gives_no_score() -> None:
    assert weigh(ComponentScores(), WEIGHTS) == Composite(None, {}, COMPONENTS, 0.0)


def test_a_component_without_weight_is_neither_used_nor_missing() -> None:
    found = weigh(ComponentScores(technical_analysis=80, volume=0), {"technical_analysis": 1.0})
    assert found == Composite(
        80.0, {"technical_analysis": 1.0}, ("market_context", "sentiment", "seasonality"), 1.0
    )


@given(scores, weights)
def test_weights_used_sum_to_one_and_the_score_lies_among_the_scores(
    of: ComponentScores, by: dict[str, float]
) -> None:
    found = weigh(of, by)  # type: ignore[arg-type]
    used = [getattr(of, name) for name in found.weights_used]
    if found.score is None:
        assert not used
        return
    assert math.isclose(math.fsum(found.weights_used.values()), 1.0, abs_tol=1e-12)
    assert min(used) - 0.01 <= found.score <= max(used) + 0.01
    assert set(found.weights_used).isdisjoint(found.missing)
    assert 0 < found.present <= 1


@given(scores, weights)
def test_mirrored_scores_give_the_mirrored_composite(
    of: ComponentScores, by: dict[str, float]
) -> None:
    def mirror(score: float | None) -> float | None:
        return None if score is None else round(100 - score, 2)

    mirrored = ComponentScores(**{name: mirror(getattr(of, name)) for name in COMPONENTS})
    one, other = weigh(of, by), weigh(mirrored, by)  # type: ignore[arg-type]
    assert (one.score is None) == (other.score is None)
    if one.score is not None and other.score is not None:
        assert one.score + other.score == pytest.approx(100, abs=0.011)
