"""The house convention held against the outside: TA-Lib, published tables, spreadsheets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import talib
from hypothesis import given

from market.bars import Columns
from tests.market.indicators.series import REAL, column, drawn, history, real, walked

RELATIVE = 1e-9


def equal(ours: Any, theirs: Any, scale: Any = None) -> None:
    """Defined at the same bars, and there equal to 1e-9 of the value, or of another scale."""
    scale = np.abs(theirs) if scale is None else scale
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    assert not (np.abs(ours - theirs) > RELATIVE * scale).any()


def agrees_with_talib(bars: Columns) -> None:
    """Every indicator; differences of prices to 1e-9 of the price, flows of the whole volume."""
    close, volume = bars.close, bars.volume
    highest, traded = np.maximum.accumulate(close), volume.sum()
    _, values = history(bars)
    line = talib.EMA(close, 12) - talib.EMA(close, 26)
    signal = np.full(len(close), np.nan)
    if len(close) > 25:
        signal[25:] = talib.EMA(line[25:], 9)

    equal(column(values, "short"), talib.EMA(close, 20))
    equal(column(values, "medium"), talib.EMA(close, 50))
    equal(column(values, "long"), talib.EMA(close, 200))
    equal(column(values, "macd", "line"), line, highest)
    equal(column(values, "macd", "signal"), signal, highest)
    equal(column(values, "macd", "histogram"), line - signal, highest)
    equal(column(values, "atr"), talib.ATR(bars.high, bars.low, close, 14))
    equal(column(values, "obv"), talib.OBV(close, volume) - volume[0], traded)
    equal(or_nothing(column(values, "rsi"), talib.RSI(close, 14)), talib.RSI(close, 14))


def or_nothing(ours: Any, theirs: Any) -> Any:
    """TA-Lib says 0 of a series that does not move; the house says nothing."""
    return np.where(np.isnan(ours) & (theirs == 0.0), 0.0, ours)


@pytest.mark.parametrize("seed", range(3))
def test_talib_agrees_on_random_walks(seed: int) -> None:
    bars = walked(1_000, seed)

    agrees_with_talib(bars)

    assert np.isfinite(column(history(bars)[1], "rsi")[14:]).all()


@pytest.mark.parametrize("name", REAL)
def test_talib_agrees_on_real_series(name: str, shared_data: Path) -> None:
    bars = real(shared_data, name)

    agrees_with_talib(bars)

    assert len(bars.close) > 200


@given(bars=drawn(min_size=30, max_size=60))
def test_talib_agrees_on_strange_series(bars: Columns) -> None:
    agrees_with_talib(bars)

    assert len(bars.close) >= 30


def reference(shared_data: Path, name: str, *columns: str) -> Any:
    """Columns of a reference file, not a number where it is empty."""
    frame = pl.read_csv(shared_data / "reference" / name, infer_schema=False)
    return [frame[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in columns]


@pytest.mark.parametrize(
    ("name", "column_there", "path", "tolerance"),
    [
        ("oracle_exact_rational_502.csv", "rsi14", ("rsi",), 1e-11),
        ("oracle_exact_rational_502.csv", "ema20", ("short",), 1e-11),
        ("oracle_exact_rational_502.csv", "ema50", ("medium",), 1e-11),
        ("oracle_exact_rational_502.csv", "ema200", ("long",), 1e-11),
        ("oracle_exact_rational_502.csv", "macd", ("macd", "line"), 1e-11),
        ("oracle_exact_rational_502.csv", "signal", ("macd", "signal"), 1e-11),
        ("oracle_exact_rational_502.csv", "hist", ("macd", "histogram"), 1e-11),
        ("oracle_exact_rational_502.csv", "obv", ("obv",), 0.0),
        ("si_xlsx_rsi14.csv", "rsi14", ("rsi",), 1e-11),
        ("si_xlsx_ema20.csv", "ema20", ("short",), 1e-11),
        ("si_xlsx_macd.csv", "macd", ("macd", "line"), 1e-11),
        ("si_xlsx_macd.csv", "signal", ("macd", "signal"), 1e-11),
        ("si_xlsx_macd.csv", "hist", ("macd", "histogram"), 1e-11),
        ("si_xlsx_obv.csv", "obv", ("obv",), 0.0),
        ("si_xlsx_atr14.csv", "atr14", ("atr",), 1e-11),
        ("si_json_rsi.csv", "rsi", ("rsi",), 1e-9),
        ("si_json_ema.csv", "ema", ("short",), 1e-9),
        ("si_json_macd.csv", "signal", ("macd", "signal"), 1e-9),
        ("si_json_obv.csv", "obv", ("obv",), 0.0),
    ],
)
def test_a_history_of_502_days_has_the_values_others_computed_from_it(
    name: str, column_there: str, path: tuple[str, ...], tolerance: float, shared_data: Path
) -> None:
    _, values = history(real(shared_data, "si_default_1d_2017_2018.csv"))
    (theirs,) = reference(shared_data, name, column_there)
    ours, defined = column(values, *path), np.isfinite(theirs)

    np.testing.assert_allclose(ours[defined], theirs[defined], rtol=0.0, atol=tolerance)
    assert defined.sum() > 300


def test_the_table_that_stockcharts_prints_is_ours_rounded(shared_data: Path) -> None:
    (closes,) = reference(shared_data, "stockcharts_rsi_ta.csv", "Close")
    (printed,) = reference(shared_data, "stockcharts_rsi14_published.csv", "rsi14_published")
    flat = (closes, closes, closes, closes, np.zeros(len(closes)))

    _, values = history(Columns(np.arange(len(closes)), *flat))

    ours = column(values, "rsi")
    np.testing.assert_array_equal(ours[14 : 14 + len(printed)].round(2), printed)
