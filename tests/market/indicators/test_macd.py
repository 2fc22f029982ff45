"""Moving average convergence divergence alone."""

from __future__ import annotations

from market.indicators import ema, macd
from market.indicators.macd import Value
from tests.market.indicators.series import bits, walked


def values(closes: list[float]) -> list[Value[float]]:
    state, found = macd.SEED, []
    for count, close in enumerate(closes, 1):
        state, value = macd.step(state, close, float(count), fast=12, slow=26, signal=9)
        found.append(value)
    return found


def test_each_average_has_its_own_seed_and_the_signal_the_mean_of_the_first_nine_lines() -> None:
    closes = walked(60).close.tolist()
    found = values(closes)

    fast, slow = ema.SEED, ema.SEED
    for count, close in enumerate(closes[:26], 1):
        fast, _ = ema.step(fast, close, float(count), 12)
        slow, _ = ema.step(slow, close, float(count), 26)
    assert found[25].line == fast - slow

    lines = [value.line for value in found[25:34]]
    assert abs(found[33].signal - sum(lines) / 9) < 1e-14


def test_the_histogram_is_the_line_less_its_signal() -> None:
    assert all(
        value.histogram == value.line - value.signal
        for value in values(walked(60).close.tolist())[33:]
    )


def test_on_a_flat_series_all_is_zero() -> None:
    assert bits(values([50.0] * 40)[-1]) == bits(Value(0.0, 0.0, 0.0))
