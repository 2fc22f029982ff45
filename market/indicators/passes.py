"""How the steps are run over many series: the shape of the work chooses the kind of operand.

Many series and one bar each, a cycle: polars columns. One series and many bars, as when a ticker is
added: floats. Many of both, as after a change of settings: numpy columns, bar by bar. The three
agree in every bit, so the choice is one of speed alone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import starmap
from typing import NamedTuple

import numpy as np
import polars as pl

from market.bars import Columns
from market.indicators import bundle, windowed
from market.indicators.bundle import Bar, State, Value
from market.indicators.operand import FloatColumn, N
from market.indicators.tree import leaves, rebuilt
from market.messages.indicators import IndicatorSettings

CYCLE_MIN = 128
"""Series from which on a polars pass is quicker than floats: 2 ms against 25 us a series."""

ABREAST_MIN = 16
"""Series, on average over the bars, from which on numpy is: 100 us a bar against 7 us a series."""

_WIDTH = len(list(leaves(bundle.SEED)))
_PACKED = struct.Struct(f"<{_WIDTH}d")

SEED = _PACKED.pack(*leaves(bundle.SEED))
"""The packed state before the first bar."""


class Task(NamedTuple):
    """Bars to fold, at least one, adjusted for splits, onto the packed state before them."""

    state: bytes
    bars: Columns

    @property
    def length(self) -> int:
        """How many bars."""
        return len(self.bars.close)


class Folded(NamedTuple):
    """The packed state after the bars, and the readings at the last."""

    state: bytes
    value: Value[float]


Fold = Callable[[Sequence[Task], IndicatorSettings], list[Folded]]


def fold(tasks: Sequence[Task], settings: IndicatorSettings) -> list[Folded]:
    """Each series after its bars."""
    single = [place for place, task in enumerate(tasks) if task.length == 1]
    longer = [place for place, task in enumerate(tasks) if task.length > 1]
    folded: dict[int, Folded] = {}
    for places in (single, longer):
        part = [tasks[place] for place in places]
        folded.update(zip(places, _fold_for(part)(part, settings), strict=True))
    return [folded[place] for place in range(len(tasks))]


def _fold_for(tasks: Sequence[Task]) -> Fold:
    longest = max((task.length for task in tasks), default=0)
    if longest == 1 and len(tasks) >= CYCLE_MIN:
        return fold_cycle
    if longest and sum(task.length for task in tasks) >= ABREAST_MIN * longest:
        return fold_abreast
    return fold_one_by_one


def fold_one_by_one(tasks: Sequence[Task], settings: IndicatorSettings) -> list[Folded]:
    """Series by series, in floats."""
    return [_fold_floats(task, settings) for task in tasks]


def _fold_floats(task: Task, settings: IndicatorSettings) -> Folded:
    state: State[float] = rebuilt(bundle.SEED, _PACKED.unpack(task.state))
    bars: Iterable[Bar[float]] = starmap(Bar, _finite(_inputs(task.bars)).T.tolist())
    after, value = bundle.fold(state, bars, settings)
    return Folded(_PACKED.pack(*leaves(after)), value)


def fold_cycle(tasks: Sequence[Task], settings: IndicatorSettings) -> list[Folded]:
    """One bar each: one polars pass over the frame of all states."""
    bars = np.hstack([_inputs(task.bars) for task in tasks])
    columns = map(pl.Series, [*_states(tasks), *_finite(bars)])
    state: State[pl.Series] = rebuilt(bundle.SEED, columns)
    after, value = bundle.step(state, Bar(*columns), settings)
    states = pl.DataFrame([leaf.alias(str(i)) for i, leaf in enumerate(leaves(after))])
    values = pl.DataFrame([leaf.alias(str(i)) for i, leaf in enumerate(leaves(value))])
    return _rows(states.to_numpy(), values.rows())


def fold_abreast(tasks: Sequence[Task], settings: IndicatorSettings) -> list[Folded]:
    """Bar by bar over all series at once, the longest first, so that the last ones end first."""
    order = sorted(range(len(tasks)), key=lambda place: -tasks[place].length)
    lengths = np.array([tasks[place].length for place in order])
    bars = np.ones((lengths[0], len(Bar._fields), len(tasks)))
    for row, place in enumerate(order):
        bars[: lengths[row], :, row] = _inputs(tasks[place].bars).T
    states: list[FloatColumn] = list(_states([tasks[place] for place in order]))
    ended: dict[int, Folded] = {}
    for i, bar in enumerate(_finite(bars)):
        active, going = int((lengths > i).sum()), int((lengths > i + 1).sum())
        state: State[FloatColumn] = rebuilt(bundle.SEED, (leaf[:active] for leaf in states))
        after, value = bundle.step(state, Bar(*bar[:, :active]), settings)
        states = list(leaves(after))
        if going < active:
            values = np.array([leaf[going:] for leaf in leaves(value)]).T.tolist()
            done = _rows(np.array([leaf[going:] for leaf in states]).T, values)
            ended.update(zip(order[going:active], done, strict=True))
    return [ended[place] for place in range(len(tasks))]


def windows(tails: Sequence[Columns], counts: Sequence[float]) -> list[windowed.Value[float]]:
    """The windowed values at the last of each series' bars, its ``counts``-th."""
    blocks = [np.array([_padded(column) for column in tail[2:]]) for tail in tails]
    if len(tails) < CYCLE_MIN:
        pairs = zip(blocks, counts, strict=True)
        return [windowed.step(_window(_finite(block).tolist()), count) for block, count in pairs]
    lags = _finite(np.ascontiguousarray(np.stack(blocks, axis=-1)))
    window: windowed.Window[pl.Series] = _window([list(map(pl.Series, column)) for column in lags])
    value = windowed.step(window, pl.Series(counts, dtype=pl.Float64))
    frame = pl.DataFrame([leaf.alias(str(i)) for i, leaf in enumerate(value)])
    return list(starmap(windowed.Value, frame.rows()))


def _states(tasks: Sequence[Task]) -> FloatColumn:
    """The states, a row for each leaf and a column for each series."""
    joined = np.frombuffer(b"".join(task.state for task in tasks), "<f8")
    return np.ascontiguousarray(joined.reshape(len(tasks), _WIDTH).T)


def _rows(states: FloatColumn, values: Iterable[Iterable[float]]) -> list[Folded]:
    packed = (row.astype("<f8").tobytes() for row in states)
    shaped = (rebuilt(bundle.NOTHING, row) for row in values)
    return list(map(Folded, packed, shaped))


def _inputs(columns: Columns) -> FloatColumn:
    """What a step takes of the bars, a row for each of its fields."""
    return np.array((columns.start_us, *columns[2:]), np.float64)


def _window(columns: Sequence[Sequence[N]]) -> windowed.Window[N]:
    high, low, close, volume = columns
    return windowed.Window(high, low, close, volume)


def _padded(column: FloatColumn) -> FloatColumn:
    """The last bars of a window; where there are fewer, the oldest stands in for those before."""
    missing = windowed.BARS - len(column)
    return np.pad(column, (missing, 0), mode="edge") if missing > 0 else column[-windowed.BARS :]


def _finite(values: FloatColumn) -> FloatColumn:
    """The edge of the steps: what is not a number would stay in a state for ever."""
    if not np.isfinite(values).all():
        raise ValueError("bars are not finite after adjustment: look at the ratios of their splits")
    return values
