"""On-balance volume alone."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given

from market.bars import Columns
from market.indicators import obv
from tests.market.indicators.series import column, drawn, history


def test_it_counts_volume_up_when_the_close_rises_and_down_when_it_falls() -> None:
    balance, told = obv.SEED, []
    for change, volume in ((0.0, 500.0), (1.0, 300.0), (0.0, 200.0), (-0.5, 50.0)):
        balance, value = obv.step(balance, change, volume)
        told.append(value)

    assert told == [0.0, 300.0, 300.0, 250.0]


@given(drawn())
def test_it_is_the_sum_of_the_signed_volumes(bars: Columns) -> None:
    closes, volumes = bars.close.tolist(), bars.volume.tolist()
    signs = [(now > before) - (now < before) for before, now in pairwise(closes)]
    signed = [sign * volume for sign, volume in zip(signs, volumes[1:], strict=True)]

    _, values = history(bars)

    assert column(values, "obv").tolist() == [sum(signed[:bar]) for bar in range(len(closes))]


@given(drawn())
def test_without_volume_it_stays_at_zero(bars: Columns) -> None:
    _, values = history(bars._replace(volume=0.0 * bars.volume))

    assert set(column(values, "obv").tolist()) == {0.0}
