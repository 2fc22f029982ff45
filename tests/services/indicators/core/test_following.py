"""A followed series: where its state goes on, and where it begins again."""

from __future__ import annotations

import msgspec
import pytest

from market.bars import Bar, Columns, Packed, Series
from market.indicators import passes
from market.indicators.passes import Task
from market.messages.fetcher import Timeframe
from services.indicators.core.following import Change, Followed, Told, follow
from tests.market.indicators.series import DAY, HOUSE, SHORT, walked

KEY: tuple[str, Timeframe] = ("NVDA", "1d")


def series(bars: Columns) -> Series:
    return Series(Packed.of(bars))


def after(followed: Followed, bars: Series, seq: int) -> Followed:
    return follow({KEY: Change(followed, bars, seq, seq, seq)}, HOUSE)[KEY]


@pytest.mark.parametrize("chunk", [1, 70, 500])
def test_chunks_of_any_length_lead_to_the_same_state_and_reading(chunk: int) -> None:
    bars, followed = walked(700), Followed()
    for end in range(200, 700 + chunk, chunk):
        followed = after(followed, series(bars.part(0, end)), seq=9)

    at_once = after(Followed(), series(bars), seq=9)
    assert followed.state == at_once.state
    assert followed.now == at_once.now


def test_the_state_is_that_of_the_closed_bars_alone() -> None:
    closed = series(walked(60))
    forming = msgspec.structs.replace(closed, forming=Bar(60 * DAY, 90.0, 99.0, 89.0, 95.0, 1e6))

    peeked = after(Followed(), forming, seq=1)

    assert peeked.state == after(Followed(), closed, seq=1).state
    assert peeked.now.forming
    assert peeked.now.forming.close == 95.0


def test_a_series_whose_closed_bars_are_all_taken_back_knows_nothing() -> None:
    followed = after(Followed(), series(walked(1)), seq=1)

    assert after(followed, Series(), seq=2) == Followed(now=Told(seq=2), before=followed.now)


def test_new_periods_fold_the_same_bars_again_and_keep_their_evidence() -> None:
    bars = walked(60)
    followed = after(Followed(), series(bars), seq=4)

    again = follow({KEY: Change.again(followed, seq=5)}, SHORT)[KEY]

    (folded,) = passes.fold([Task(passes.SEED, bars)], SHORT)
    assert again.state == folded.state
    assert again.now.seq == 5
    assert again.now.closed
    assert again.now.closed.bars_seq == 4
    assert again.before == followed.now


def test_what_was_told_before_the_last_change_is_still_known() -> None:
    followed = after(Followed(), series(walked(60)), seq=4)
    changed = after(followed, series(walked(61)), seq=8)

    assert changed.as_of(7) == followed.now
    assert changed.as_of(8) == changed.now
