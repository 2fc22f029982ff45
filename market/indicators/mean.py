"""The running mean of every recursive indicator: plain over its seed, then exponential."""

from __future__ import annotations

from market.indicators.operand import N, where


def step(mean: N, value: N, count: N, period: int, weight: float) -> N:
    """The mean after its ``count``-th value: plain up to ``period`` values, then by ``weight``.

    The plain mean of the first ``period`` values is the seed of StockCharts, TA-Lib and Pine's
    ``rma``; written as a mean that moves by 1 / count, seed and recursion are the same line. Up to
    the first value (count <= 1) the mean is the value itself.
    """
    plain = 1.0 / where(count < 1.0, 1.0, count)
    moved: N = mean + (value - mean) * where(count <= period, plain, weight)
    return moved
