"""A followed series: its bars, the state of its indicators, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from market.bars import Bar, Columns, Series
from market.indicators import passes, readings, windowed
from market.indicators.passes import Task
from market.indicators.readings import Ask
from market.levels import WINDOW
from market.messages.fetcher import Timeframe
from market.messages.indicators import IndicatorSettings, Reading

Key = tuple[str, Timeframe]


class Told(msgspec.Struct, frozen=True):
    """What is known since the fact ``seq``: at the last closed bar, and at the one that forms."""

    seq: int = 0
    closed: Reading | None = None
    forming: Reading | None = None


class Followed(msgspec.Struct, frozen=True):
    """One series; ``state`` is that of its indicators after the last closed bar, packed.

    ``coming`` is the series with the parts that have come of an answer whose end has not.

    ``before`` was told until ``now`` was: facts that arrive together are folded together, and each
    is then answered with what was known at its own seq.
    """

    bars: Series = Series()
    state: bytes = passes.SEED
    now: Told = Told()
    before: Told = Told()
    coming: Series | None = None

    def as_of(self, seq: int) -> Told:
        """What was told at this seq, at most one change ago."""
        return self.now if self.now.seq <= seq else self.before


class Change(NamedTuple):
    """What becomes of a series at the fact ``seq``: the bars known from now on.

    ``closed_seq`` and ``forming_seq`` are the evidence of new readings. ``afresh`` folds the state
    again from the first bar, as under new periods.
    """

    followed: Followed
    bars: Series
    seq: int
    closed_seq: int
    forming_seq: int
    afresh: bool = False

    @classmethod
    def again(cls, followed: Followed, seq: int) -> Change:
        """The same bars under the periods of the fact ``seq``."""
        told = followed.now
        closed_seq = told.closed.bars_seq if told.closed else 0
        forming_seq = told.forming.bars_seq if told.forming else 0
        return cls(followed, followed.bars, seq, closed_seq, forming_seq, afresh=True)

    @property
    def appends(self) -> bool:
        """Whether the state may go on from where it stands."""
        return not self.afresh and self.bars.extends(self.followed.bars)

    @property
    def closes(self) -> bool:
        """Whether the closed bars, or what they mean today, changed."""
        return not self.appends or len(self.bars) > len(self.followed.bars)


def follow(changes: Mapping[Key, Change], settings: IndicatorSettings) -> dict[Key, Followed]:
    """The series after their changes: the closed bars of all in one pass, then all peeks."""
    closed = {key: _kept(change) for key, change in changes.items()}
    closing = {key: _closing(c) for key, c in changes.items() if c.closes and len(c.bars)}
    after = readings.close(list(closing.values()), settings)
    closed.update(zip(closing, after, strict=True))
    peeking = {
        key: _peeking(change, change.bars.forming, closed[key][0])
        for key, change in changes.items()
        if change.bars.forming
    }
    last = [closed[key][1] for key in peeking]
    peeks = dict(zip(peeking, readings.peek(list(peeking.values()), last, settings), strict=True))
    return {
        key: Followed(
            bars=change.bars,
            state=closed[key][0],
            now=Told(change.seq, closed[key][1], peeks.get(key)),
            before=change.followed.now,
            coming=change.followed.coming if change.afresh else None,
        )
        for key, change in changes.items()
    }


def _kept(change: Change) -> tuple[bytes, Reading | None]:
    """State and reading where no bar closes; those of no bar where all were taken back."""
    if change.closes:
        return passes.SEED, None
    return change.followed.state, change.followed.now.closed


def _closing(change: Change) -> Ask:
    """The bars that closed since the state, or all where one before it is another now."""
    bars = change.bars
    tail = bars.adjusted(WINDOW)
    new = len(bars) - len(change.followed.bars)
    if change.appends and new <= WINDOW:
        task = Task(change.followed.state, tail.last(new))
    elif change.appends:
        task = Task(change.followed.state, bars.adjusted(new))
    else:
        task = Task(passes.SEED, bars.adjusted())
    return Ask(task, tail, bars.columns.start_us[0].item(), change.closed_seq)


def _peeking(change: Change, bar: Bar, state: bytes) -> Ask:
    """The forming bar, after the last closed ones."""
    forming = Columns._make(np.array([value]) for value in msgspec.structs.astuple(bar)[:6])
    closed = change.bars.adjusted(windowed.BARS - 1)
    pairs = zip(closed, forming, strict=True)
    tail = Columns._make(np.concatenate(pair) for pair in pairs)
    first = change.bars.columns.start_us[0].item() if len(change.bars) else bar.start_us
    return Ask(Task(state, forming), tail, first, change.forming_seq)
