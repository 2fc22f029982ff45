"""What the steps compute on: floats, numpy columns, polars columns; one row per series.

A step uses + - * /, comparisons, and what is here; then the three kinds agree in every bit. Two
things to mind. Polars divides a column by a constant as a multiplication with its reciprocal, so a
step multiplies with the reciprocal itself. And nothing here is lazy: both branches of `where` are
computed, so both must be computable.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

FloatColumn = npt.NDArray[np.float64]

N = TypeVar("N", float, FloatColumn, pl.Series)

UNDEFINED = math.nan
"""What a step gives where its value is not defined; it leaves a step and never enters one."""


def where(condition: Any, yes: Any, no: Any) -> Any:
    """``yes`` where the condition holds, else ``no``, in the condition's kind of operand."""
    if condition is True:
        return yes
    if condition is False:
        return no
    if isinstance(condition, pl.Series):
        return _column(yes).zip_with(condition, _column(no))
    return np.where(condition, yes, no)


def square_root(value: N) -> N:
    """The square root; IEEE 754 rounds it correctly, so the three kinds agree."""
    if isinstance(value, pl.Series):
        return value.sqrt()
    if isinstance(value, np.ndarray):
        return np.sqrt(value)
    return math.sqrt(value)


def _column(value: pl.Series | float) -> pl.Series:
    """The operand as a column; one row is repeated by polars as often as needed."""
    return value if isinstance(value, pl.Series) else _constant(float(value))


@lru_cache(maxsize=64)
def _constant(value: float) -> pl.Series:
    return pl.Series([value], dtype=pl.Float64)
