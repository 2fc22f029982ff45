"""Readings: what is told of a bar, and that it is told in numbers or not at all."""

from __future__ import annotations

from math import isfinite

import msgspec
import numpy as np
from hypothesis import given

from market.bars import Columns
from market.indicators import passes, readings
from market.indicators.passes import Task
from market.indicators.readings import Ask
from market.levels import WINDOW
from market.messages.indicators import IndicatorSettings, Reading, Trend
from tests.market.indicators.series import DAY, HOUSE, SHORT, drawn, walked


def ask(bars: Columns, state: bytes = passes.SEED, new: int | None = None) -> Ask:
    fresh = bars if new is None else bars.last(new)
    return Ask(Task(state, fresh), bars.last(WINDOW), int(bars.start_us[0]), bars_seq=7)


def closed(bars: Columns, settings: IndicatorSettings = HOUSE) -> tuple[bytes, Reading]:
    (after,) = readings.close([ask(bars)], settings)
    return after


def numbers(reading: Reading) -> list[float]:
    fields = [*msgspec.structs.astuple(reading), *msgspec.structs.astuple(reading.trend or reading)]
    fields += [value for level in reading.levels for value in msgspec.structs.astuple(level)]
    return [value for value in fields if isinstance(value, float)]


@given(drawn())
def test_every_number_of_a_reading_is_finite(bars: Columns) -> None:
    _, reading = closed(bars, SHORT)

    assert all(isfinite(number) for number in numbers(reading))


def test_a_market_that_stands_still_has_no_strength_and_no_direction() -> None:
    flat = np.full(300, 10.0)

    _, reading = closed(Columns(np.arange(300) * DAY, flat, flat, flat, flat, np.zeros(300)))

    assert (reading.rsi, reading.macd, reading.atr, reading.cmf20) == (None, 0.0, 0.0, None)
    assert reading.trend == Trend("sideways", None, 199 * DAY)
    assert reading.levels == ()


def test_there_are_no_levels_before_the_range_that_measures_them() -> None:
    peak = 100.0 - np.abs(np.arange(20) - 6.0)
    bars = Columns(np.arange(20) * DAY, peak, peak + 1, peak - 1, peak, np.ones(20))

    found = [closed(bars.part(0, length))[1] for length in range(12, 21)]

    assert [bool(reading.levels) for reading in found] == [False] * 3 + [True] * 6
    assert all(bool(reading.levels) == (reading.atr is not None) for reading in found)


def test_a_peek_rests_on_its_own_bar_and_on_the_last_close_for_the_rest() -> None:
    bars = walked(300)
    state, last = closed(bars.part(0, 299))

    (peek,) = readings.peek([ask(bars, state, new=1)], [last], HOUSE)
    (blind,) = readings.peek([ask(bars, state, new=1)], [None], HOUSE)

    _, reading = closed(bars)
    assert peek == msgspec.structs.replace(reading, trend=last.trend, levels=last.levels)
    assert blind == msgspec.structs.replace(reading, trend=None, levels=())
