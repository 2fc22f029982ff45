"""Passes over many series: whatever the shape of the work, every bit is the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.bars import Columns
from market.indicators import bundle, passes
from market.indicators.passes import CYCLE_MIN, SEED, Folded, Task
from tests.market.indicators.series import HOUSE, SHORT, bits, drawn, history, walked


def to_the_bit(results: list[Folded]) -> list[tuple[bytes, list[str]]]:
    return [(folded.state, bits(folded.value)) for folded in results]


def tasks_after(several: list[Columns]) -> list[Task]:
    """The last bar of each, onto the state before it."""
    before = passes.fold_one_by_one([Task(SEED, bars.part(0, -1)) for bars in several], SHORT)
    return [Task(folded.state, bars.last(1)) for folded, bars in zip(before, several, strict=True)]


@settings(max_examples=30)
@given(st.lists(drawn(), min_size=1, max_size=6))
def test_abreast_is_the_same_as_one_by_one(several: list[Columns]) -> None:
    tasks = [Task(SEED, bars) for bars in several]

    assert to_the_bit(passes.fold_abreast(tasks, SHORT)) == to_the_bit(
        passes.fold_one_by_one(tasks, SHORT)
    )


@settings(max_examples=30)
@given(st.lists(drawn(min_size=2), min_size=1, max_size=6))
def test_a_cycle_is_the_same_as_one_by_one(several: list[Columns]) -> None:
    tasks = tasks_after(several)

    cycle = to_the_bit(passes.fold_cycle(tasks, SHORT))

    assert cycle == to_the_bit(passes.fold_one_by_one(tasks, SHORT))
    assert cycle == to_the_bit(passes.fold_abreast(tasks, SHORT))


def test_each_shape_of_work_gives_each_series_its_own_result() -> None:
    """One bar of many series, more bars of others, and a long history between them."""
    walks = [walked(30 + seed % 7, seed) for seed in range(CYCLE_MIN)]
    tasks = [*tasks_after(walks), *(Task(SEED, bars) for bars in walks[:20])]
    tasks.insert(3, Task(SEED, walked(400)))

    assert to_the_bit(passes.fold(tasks, SHORT)) == to_the_bit(passes.fold_one_by_one(tasks, SHORT))


def test_history_in_chunks_is_history_at_once() -> None:
    bars, folded = walked(300), Folded(SEED, bundle.NOTHING)
    for first in range(0, 300, 70):
        (folded,) = passes.fold([Task(folded.state, bars.part(first, first + 70))], HOUSE)

    assert to_the_bit([folded]) == to_the_bit(passes.fold([Task(SEED, bars)], HOUSE))
    assert bits(folded.value) == bits(history(bars)[1][-1])


def test_no_work_is_no_result() -> None:
    assert passes.fold([], HOUSE) == []
    assert passes.windows([], []) == []


def test_windows_of_many_series_are_those_of_each_alone() -> None:
    walks = [walked(1 + seed % 40, seed) for seed in range(CYCLE_MIN)]
    counts = [float(len(bars.close)) for bars in walks]

    together = passes.windows(walks, counts)

    alone = [passes.windows([bars], [count]) for bars, count in zip(walks, counts, strict=True)]
    assert [bits(value) for value in together] == [bits(value) for (value,) in alone]


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
@pytest.mark.parametrize("series", [1, CYCLE_MIN, CYCLE_MIN + 1])
def test_what_is_no_number_never_enters_a_step(wrong: float, series: int) -> None:
    bars = walked(1 if series == CYCLE_MIN else 3)
    broken = bars._replace(close=np.append(bars.close[:-1], wrong))
    tasks = [*[Task(SEED, bars)] * (series - 1), Task(SEED, broken)]

    with pytest.raises(ValueError, match="not finite"):
        passes.fold(tasks, HOUSE)
    with pytest.raises(ValueError, match="not finite"):
        passes.windows([task.bars for task in tasks], [3.0] * series)
