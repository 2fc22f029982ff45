"""What is said of a history beside its bars: begun, corrected, split, lacking, still unsettled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from market.messages.fetcher import Bars, HistoryBackfilled, SourceCalled
from market.messages.history import (
    ACTIONS_MAX,
    CORRECTIONS_MAX,
    Action,
    BarField,
    BarsCorrected,
    CorporateActions,
    Correction,
    Testimony,
)
from market.sessions import day_of, day_start_us
from market.symbols import is_simulated
from services.fetcher.core import gaps, listing, settling
from services.fetcher.core.answers import Answer
from services.fetcher.core.declaration import Options
from services.fetcher.core.fold import Draft
from services.fetcher.core.histories import ACTIONS_KEPT
from services.fetcher.core.past import Told, all_rows, closed_rows
from services.fetcher.core.state import TIMEFRAMES, Lane, unfilled

FIELDS: tuple[BarField, ...] = ("open", "high", "low", "close", "volume", "split", "dividend")

CLOSE_TO = 1e-6
"""Yahoo prints float32, which is true to seven digits, and rescales all of it at each split."""


def corrections(
    call: SourceCalled, lane: Lane, bars: tuple[Bars, ...]
) -> tuple[BarsCorrected, ...]:
    """What the bars, about to be said, tell otherwise than those that ``lane`` remembers."""
    told = {row.start_us: row for row in lane.past.told}
    found = [
        one
        for chunk in bars
        for row in closed_rows(chunk)
        if row.start_us in told
        for one in _differing(told[row.start_us], row)
    ]
    if not found or call.timeframe is None or is_simulated(call.ticker):
        return ()
    first = bars[0]
    newest = tuple(found[-CORRECTIONS_MAX:])
    return (BarsCorrected(first.ticker, first.timeframe, first.source, newest, first.answer_hash),)


def tell(
    draft: Draft,
    call: SourceCalled,
    asked_us: int,
    answer: Answer,
    bars: tuple[Bars, ...],
    before: Lane,
) -> None:
    """Say what the bars, which are said already, did to the ticker's history."""
    if not bars or call.timeframe is None or is_simulated(call.ticker):
        return
    _tell_gaps(draft, call, answer, before)
    _tell_actions(draft, bars, before)
    if not before.tail:
        _tell_beginning(draft, bars)
    late = settling.unsettled(draft.state, call, answer, asked_us, draft.now_us)
    draft.say(*([late] if late else []))


def tell_listing(
    draft: Draft, options: Options, call: SourceCalled, answer: Answer | None, asked_us: int
) -> None:
    """Say how the symbol stands now, if that changed; after an answer, or after a refusal."""
    testimony = None
    if answer is not None and call.source != "calendar":
        said = "an answer with trades" if answer.quote or answer.bars else "an answer"
        testimony = Testimony(call.source, said, asked_us, answer_hash=answer.answer_hash)
    told = listing.change(draft.state, options, call.ticker, testimony, draft.now_us)
    draft.say(*([told] if told else []))


def _tell_gaps(draft: Draft, call: SourceCalled, answer: Answer, before: Lane) -> None:
    if answer.bars is None or call.timeframe is None:
        return
    table, starts = draft.state.hours(call.ticker, draft.now_us), answer.bars.start_us
    past = draft.state.of(call.ticker).lane(call.timeframe).past
    found = gaps.looked_for(table, call.ticker, call.timeframe, before, starts)
    found = gaps.given_up(found, past)
    if gaps.is_news(found, past, table, starts):
        draft.say(found)


def _tell_actions(draft: Draft, bars: tuple[Bars, ...], before: Lane) -> None:
    """Splits and dividends are days' matters; the hours repeat them."""
    first = bars[0]
    known = draft.state.of(first.ticker).actions
    new = [one for one in _actions(bars) if not _was_told(one, known, before)]
    for start in range(0, len(new) if first.timeframe == "1d" else 0, ACTIONS_MAX):
        some = tuple(new[start : start + ACTIONS_MAX])
        draft.say(CorporateActions(first.ticker, first.source, some, first.answer_hash))


def _tell_beginning(draft: Draft, bars: tuple[Bars, ...]) -> None:
    ticker, of = bars[0].ticker, len(TIMEFRAMES)
    count = sum(len(chunk.start_us) for chunk in bars)
    what = f"{count} bars of {bars[0].timeframe} since {day_of(bars[0].start_us[0])}"
    draft.say(HistoryBackfilled(ticker, of - len(unfilled(draft.state, ticker)), of, what))


def _differing(before: Told, now: Told) -> Iterator[Correction]:
    for name, one, other in zip(FIELDS, before[1:], now[1:], strict=True):
        if not math.isclose(one, other, rel_tol=CLOSE_TO):
            yield Correction(now.start_us, name, one, other)


def _actions(bars: Iterable[Bars]) -> Iterator[Action]:
    for chunk in bars:
        for row in all_rows(chunk):
            if row.split != 1.0:
                yield Action(day_of(row.start_us), "split", row.split)
            if row.dividend:
                yield Action(day_of(row.start_us), "dividend", row.dividend)


def _was_told(action: Action, known: tuple[Action, ...], before: Lane) -> bool:
    """Those older than the known ones were told with their bars, unless these were missing."""
    if len(known) == ACTIONS_KEPT and action.day < known[0].day:
        past, start_us = before.past, day_start_us(action.day)
        was_there = start_us not in past.missing and start_us not in past.absent
        return bool(before.tail) and start_us >= past.first_us and was_there
    return any(_same(action, one) for one in known)


def _same(one: Action, other: Action) -> bool:
    same = (one.day, one.kind) == (other.day, other.kind)
    return same and math.isclose(one.value, other.value, rel_tol=CLOSE_TO)
