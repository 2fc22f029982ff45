"""One step on three kinds of operand: history is its fold, and the kinds agree in every bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bars import Columns
from market.indicators import bundle
from market.indicators.bundle import Bar
from market.indicators.tree import leaves, rebuilt
from market.messages.indicators import IndicatorSettings
from tests.market.indicators.series import (
    HOUSE,
    REAL,
    SHORT,
    bits,
    column,
    drawn,
    history,
    inputs,
    real,
    scaled,
    walked,
)


def as_columns(kind: Any, tree: Any, rows: int) -> Any:
    """The same operands in each of some rows of a column."""
    return rebuilt(tree, (kind(np.full(rows, leaf)) for leaf in leaves(tree)))


def live(
    kind: Any, bars: Columns, settings: IndicatorSettings, rows: int
) -> tuple[list[Any], list[Any]]:
    """Every state and value, stepped as columns of equal rows."""
    state, states, values = as_columns(kind, bundle.SEED, rows), [], []
    for bar in inputs(bars):
        state, value = bundle.step(state, as_columns(kind, bar, rows), settings)
        states.append(state)
        values.append(value)
    return states, values


KINDS = pytest.mark.parametrize("kind", [np.asarray, pl.Series], ids=["numpy", "polars"])


def assert_the_same_bits(kind: Any, bars: Columns, settings: IndicatorSettings) -> None:
    states, values = history(bars, settings)
    states_live, values_live = live(kind, bars, settings, rows=2)

    for row in (0, 1):
        assert [bits(state, row) for state in states_live] == [bits(state) for state in states]
        assert [bits(value, row) for value in values_live] == [bits(value) for value in values]


@KINDS
@given(bars=drawn())
def test_live_is_history_bit_for_bit(kind: Any, bars: Columns) -> None:
    assert_the_same_bits(kind, bars, SHORT)


@KINDS
def test_live_is_history_bit_for_bit_beyond_every_first_index(kind: Any) -> None:
    assert_the_same_bits(kind, walked(300), HOUSE)


@KINDS
@pytest.mark.parametrize("name", REAL)
def test_live_is_history_bit_for_bit_on_real_series(
    kind: Any, name: str, shared_data: Path
) -> None:
    assert_the_same_bits(kind, real(shared_data, name).last(600), HOUSE)


def test_different_rows_do_not_see_each_other() -> None:
    walks = [walked(240, seed) for seed in range(5)]
    state = as_columns(pl.Series, bundle.SEED, len(walks))
    for bars in zip(*(inputs(walk) for walk in walks), strict=True):
        columns = Bar._make(map(pl.Series, zip(*bars, strict=True)))
        state, _ = bundle.step(state, columns, HOUSE)

    alone = [history(walk)[0][-1] for walk in walks]
    assert [bits(state, row) for row in range(len(walks))] == [bits(each) for each in alone]


@given(bars=drawn(min_size=2), data=st.data())
def test_a_reading_does_not_change_when_later_bars_are_removed(
    bars: Columns, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(bars.close) - 1))

    _, whole = history(bars, SHORT)
    _, prefix = history(bars.part(0, cut), SHORT)

    assert [bits(value) for value in whole[:cut]] == [bits(value) for value in prefix]


@given(bars=drawn(min_size=2))
def test_a_peek_leaves_the_state_as_it_was(bars: Columns) -> None:
    *closed, forming = inputs(bars)
    state, _ = bundle.fold(bundle.SEED, closed, SHORT)
    before = bits(state)

    bundle.step(state, forming, SHORT)

    assert bits(state) == before


def test_a_peek_at_columns_leaves_the_columns_as_they_were() -> None:
    state = as_columns(np.asarray, bundle.SEED, 3)
    before = bits(state, 1)

    bundle.step(state, as_columns(np.asarray, inputs(walked(1))[0], 3), HOUSE)

    assert bits(state, 1) == before


@given(bars=drawn(), power=st.integers(-8, 8))
def test_prices_in_another_currency_give_the_same_readings_in_that_currency(
    bars: Columns, power: int
) -> None:
    by = 2.0**power
    _, values = history(bars, SHORT)
    _, others = history(scaled(bars, by), SHORT)

    for plain in (("rsi",), ("obv",), ("trend", "direction"), ("trend", "slope_atr")):
        np.testing.assert_array_equal(column(others, *plain), column(values, *plain))
    for price in (("macd", "line"), ("macd", "histogram"), ("short",), ("long",), ("atr",)):
        np.testing.assert_array_equal(column(others, *price), by * column(values, *price))


def test_a_fold_of_no_bars_knows_nothing() -> None:
    state, value = bundle.fold(bundle.SEED, [], HOUSE)

    assert state == bundle.SEED
    assert bits(value) == bits(bundle.NOTHING)


@pytest.mark.parametrize(
    ("path", "first_index"),
    [
        (("rsi",), 14),
        (("macd", "line"), 25),
        (("macd", "signal"), 33),
        (("macd", "histogram"), 33),
        (("obv",), 0),
        (("short",), 19),
        (("medium",), 49),
        (("long",), 199),
        (("atr",), 14),
        (("trend", "direction"), 199),
        (("trend", "slope_atr"), 199),
    ],
)
def test_a_value_is_null_before_its_first_index_and_never_after(
    path: tuple[str, ...], first_index: int
) -> None:
    _, values = history(walked(260))

    defined = np.isfinite(column(values, *path))

    assert not defined[:first_index].any()
    assert defined[first_index:].all()
