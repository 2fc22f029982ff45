"""The bars of a series: what a chunk changes, what a split means, what is refused."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import bars
from market.bars import BadBars, Bar, Columns, Flaw, Packed, Series, Split
from market.messages.fetcher import Bars

DAY = 86_400_000_000


def told(*days: int, close: float = 100.0, forming: bool = False, **columns: Any) -> Bars:
    """Bars of these days, each with this close."""
    flat = (close,) * len(days)
    event = Bars(
        ticker="NVDA",
        timeframe="1d",
        source="yahoo",
        forming=forming,
        start_us=tuple(day * DAY for day in days),
        open=flat,
        high=tuple(price + 1 for price in flat),
        low=tuple(price - 1 for price in flat),
        close=flat,
        volume=(1_000.0,) * len(days),
    )
    return msgspec.structs.replace(event, **columns)


def chunk(*days: int, **columns: Any) -> Series:
    return Series.of(told(*days, **columns))


def days_and_closes(series: Series) -> dict[int, float]:
    starts, closes = series.columns.start_us.tolist(), series.columns.close.tolist()
    return {start // DAY: close for start, close in zip(starts, closes, strict=True)}


def test_a_later_chunk_replaces_the_bars_it_repeats_and_adds_the_others() -> None:
    series = chunk(1, 2, 4).merge(chunk(2, 3, 5, close=200.0))

    assert days_and_closes(series) == {1: 100.0, 2: 200.0, 3: 200.0, 4: 100.0, 5: 200.0}


def test_an_older_chunk_goes_in_front() -> None:
    assert days_and_closes(chunk(3, 4).merge(chunk(1, 2))) == dict.fromkeys((1, 2, 3, 4), 100.0)


def test_a_repeated_chunk_changes_nothing() -> None:
    series = chunk(1, 2, 3).merge(chunk(4, forming=True))

    assert series.merge(chunk(2, 3)).merge(chunk(3, 4, forming=True)) == series


def test_a_forming_bar_is_no_closed_one() -> None:
    series = chunk(1, 2, 3, forming=True)

    assert len(series) == 2
    assert series.forming == Bar(3 * DAY, 100.0, 101.0, 99.0, 100.0, 1_000.0)


def test_a_forming_bar_moves_until_it_is_closed() -> None:
    moved = chunk(1, 2, forming=True).merge(chunk(2, close=105.0, forming=True))
    closed = moved.merge(chunk(2, close=106.0))

    assert moved.forming
    assert moved.forming.close == 105.0
    assert closed.forming is None
    assert days_and_closes(closed) == {1: 100.0, 2: 106.0}


def test_a_correction_of_older_bars_leaves_the_forming_one() -> None:
    series = chunk(1, 2, 3, forming=True).merge(chunk(1, close=90.0))

    assert series.forming
    assert series.forming.start_us == 3 * DAY


def test_a_forming_bar_that_is_older_than_a_closed_one_is_forgotten() -> None:
    assert chunk(1, 2, 3).merge(chunk(2, forming=True)).forming is None


def test_the_last_closed_bar_is_open_again_when_it_is_told_as_forming() -> None:
    series = chunk(1, 2, 3).merge(chunk(3, close=103.0, forming=True))

    assert days_and_closes(series) == {1: 100.0, 2: 100.0}
    assert series.forming
    assert series.forming.close == 103.0


def test_what_a_chunk_leaves_as_it_is_is_shared() -> None:
    series = chunk(1, 2, 3)
    volume_corrected = series.merge(chunk(3, volume=(2_000.0,)))

    assert volume_corrected.closed.close is series.closed.close
    assert volume_corrected.closed.volume != series.closed.volume


def test_a_series_extends_what_it_was_before_bars_were_appended() -> None:
    series = chunk(1, 2, 3)

    assert series.merge(chunk(4, 5)).extends(series)
    assert series.merge(chunk(4, forming=True)).extends(series)
    assert not series.merge(chunk(2, close=99.0)).extends(series)
    assert not series.merge(chunk(4, splits=(2.0,))).extends(series)
    assert not series.merge(chunk(4, splits=(2.0,), forming=True)).extends(series)


def test_prices_before_a_split_are_told_in_todays_shares() -> None:
    series = chunk(1, 2, 3, splits=(1.0, 1.0, 4.0)).merge(chunk(4, splits=(2.0,), forming=True))

    assert series.splits_known == (Split(3 * DAY, 4.0), Split(4 * DAY, 2.0))
    assert series.adjusted().close.tolist() == [12.5, 12.5, 50.0]
    assert series.adjusted().volume.tolist() == [8_000.0, 8_000.0, 2_000.0]
    assert series.adjusted(1).close.tolist() == [50.0]
    assert series.columns.close.tolist() == [100.0, 100.0, 100.0]


def test_a_chunk_that_repeats_a_bar_without_its_split_takes_the_split_back() -> None:
    series = chunk(1, 2, 3, splits=(1.0, 4.0, 1.0)).merge(chunk(2))

    assert series.splits == ()


def test_a_split_is_no_crash() -> None:
    before, after = chunk(1, 2, close=400.0), chunk(3, close=100.0, splits=(4.0,))

    assert set(before.merge(after).adjusted().close.tolist()) == {100.0}


def test_a_series_survives_a_snapshot() -> None:
    series = chunk(1, 2, 3, splits=(1.0, 2.0, 1.0)).merge(chunk(4, forming=True))
    saved = msgspec.msgpack.encode(series)

    assert msgspec.msgpack.decode(saved, type=Series) == series


def test_a_series_that_outgrows_its_bound_keeps_its_newest_bars() -> None:
    days = np.arange(bars.LENGTH_MAX) * DAY
    full = Series(Packed.of(Columns(days, *[np.ones(bars.LENGTH_MAX)] * 5)))
    fuller = full.merge(chunk(bars.LENGTH_MAX))

    assert full.merge(chunk(bars.LENGTH_MAX - 1)) != full
    assert len(fuller) == bars.LENGTH_CUT
    assert fuller.columns.start_us[-1] == bars.LENGTH_MAX * DAY


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"low": (99.0, math.nan)}, "a price is not finite"),
        ({"high": (101.0, math.inf)}, "a price is not finite"),
        ({"open": (100.0, 0.0)}, "a price is not positive"),
        ({"low": (99.0, -1.0)}, "a price is not positive"),
        ({"high": (101.0, 99.5)}, "its high is not its highest price"),
        ({"low": (99.0, 100.5)}, "its low is not its lowest price"),
        ({"volume": (1_000.0, math.nan)}, "its volume is not finite"),
        ({"volume": (1_000.0, -1.0)}, "its volume is negative"),
        ({"start_us": (DAY, DAY)}, "it does not start after the bars before it"),
        ({"splits": (1.0, 0.0)}, "its split is not a ratio"),
    ],
)
def test_a_bar_that_breaks_a_rule_is_refused_with_the_rule(
    columns: dict[str, Any], reason: str
) -> None:
    event = told(1, 2, **columns)

    assert bars.flaws(event) == (Flaw(1, event.start_us[1], reason),)
    with pytest.raises(BadBars, match=reason):
        Series.of(event)


def test_columns_of_different_lengths_are_refused_whole() -> None:
    assert [flaw.index for flaw in bars.flaws(told(1, 2, volume=(1.0,)))] == [0, 1]
    assert [flaw.index for flaw in bars.flaws(told(1, 2, dividends=(1.0,)))] == [0, 1]


def test_sound_bars_have_no_flaw() -> None:
    assert bars.flaws(told(1, 2, 3, forming=True, splits=(1.0, 1.0, 0.5))) == ()


chunks = st.builds(
    lambda days, close, forming, split: chunk(
        *sorted(days), close=close, forming=forming, splits=(*(1.0,) * (len(days) - 1), split)
    ),
    days=st.sets(st.integers(0, 30), min_size=1, max_size=8),
    close=st.sampled_from((50.0, 100.0, 150.0)),
    forming=st.booleans(),
    split=st.sampled_from((1.0, 1.0, 1.0, 2.0)),
)


@given(st.lists(chunks, max_size=8))
def test_a_series_is_what_a_dictionary_of_its_bars_says(told_chunks: list[Series]) -> None:
    series, model = Series(), dict[int, float]()
    for each in told_chunks:
        series = series.merge(each)
        if each.forming and list(model)[-1:] == [each.forming.start_us // DAY]:
            del model[each.forming.start_us // DAY]
        model = dict(sorted((model | days_and_closes(each)).items()))

    assert list(days_and_closes(series).items()) == list(model.items())
    assert {split.start_us // DAY for split in series.splits} <= model.keys()
    assert series.forming is None or series.forming.start_us // DAY > max(model, default=-1)


@given(st.lists(chunks, min_size=1, max_size=8))
def test_a_series_extends_another_only_if_their_common_past_is_the_same(
    told_chunks: list[Series],
) -> None:
    before = Series()
    for each in told_chunks:
        after = before.merge(each)
        past = after.adjusted().part(0, len(before))
        same = [a.tolist() for a in past] == [a.tolist() for a in before.adjusted()]
        assert same or not after.extends(before)
        assert same == after.extends(before) or after.splits_known != before.splits_known
        before = after
