"""What the sources say of a symbol as a whole: listed, silent, unknown, or answering under another.

Nothing is concluded from silence alone. An outage says nothing of a symbol; a halt, a suspension
and a delisting look the same from outside, so that only what can be seen is told: who says what,
for how many sessions, and how old the last trade is.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime

from msgspec.structs import replace

from market.messages.fetcher import FetchRefused, Reason, Sessions
from market.messages.history import ListingChanged, ListingState, Testimony
from market.sessions import DAY_US, day_of, latest_session, session_on
from market.symbols import PROTECTED, is_simulated
from services.fetcher.core.declaration import Declaration, Options
from services.fetcher.core.health import NEVER_US
from services.fetcher.core.state import KINDS, Absence, Collector, Series

SESSIONS_MIN = 3
"""In so many sessions a source must have said so, or so many must lack a trade, to be told."""

NOTHING: frozenset[Reason] = frozenset({"no_data", "unknown_symbol"})


def doubted(series: Series, event: FetchRefused, table: Sessions, at_us: int) -> Series:
    """The series after a refusal; one that says nothing of the symbol as such changes nothing."""
    session = latest_session(table, at_us)
    if session is None or not (event.named or event.reason == "unknown_symbol"):
        return series
    before = next((one for one in series.absences if one.source == event.source), None)
    if before is None or before.named != event.named:
        before = Absence(event.source, "", at_us, event.named)
    absence = replace(
        before,
        said=event.message,
        at_us=at_us,
        day=session.date,
        sessions=before.sessions + (session.date != before.day),
        answer_hash=event.answer_hash,
    )
    others = (one for one in series.absences if one.source != event.source)
    return replace(series, absences=(*others, absence))


def is_wanted(series: Series, by: str, at_us: int) -> bool:
    """Whether a cycle wants the ticker: one that is not listed by the clock only once a day."""
    daily = series.listing.state != "listed" and by == "clock"
    return series.tracked and not (daily and at_us < series.wanted_us + DAY_US)


def is_left_alone(series: Series, reason: Reason) -> bool:
    """Whether an answer that brings nothing is what was to be expected: a day is soon enough."""
    return series.listing.state != "listed" and reason in {*NOTHING, "mismatch", "invalid"}


def change(
    state: Collector, options: Options, ticker: str, answered: Testimony | None, now_us: int
) -> ListingChanged | None:
    """What is to be told of a symbol now; None where nothing changed, or nothing can be said.

    ``answered`` is the answer that has just come, None after a refusal.
    """
    series = state.of(ticker)
    if is_simulated(ticker) or not series.tracked or not _was_answered(series):
        return None
    told = _found(state, options, ticker, answered, now_us)
    if told is None or (told.state, told.named) == (series.listing.state, series.listing.named):
        return None
    return told


def last_trade_us(state: Collector, ticker: str, now_us: int) -> int:
    """The newest trade that anybody told of; 0 for none. A day's bar was traded until its close."""
    series = state.of(ticker)
    day = series.lane("1d").latest_us
    session = session_on(state.hours(ticker, now_us), day_of(day)) if day else None
    return max(series.lane("quote").latest_us, session.close_us if session else 0)


def sessions_since(table: Sessions, traded_us: int, now_us: int) -> int:
    """How many sessions began after the trade and are over."""
    return max(0, bisect_right(table.close_us, now_us) - bisect_left(table.open_us, traded_us))


def _found(
    state: Collector, options: Options, ticker: str, answered: Testimony | None, now_us: int
) -> ListingChanged | None:
    series = state.of(ticker)
    renamed = [one for one in series.absences if one.named and one.sessions >= SESSIONS_MIN]
    if renamed:
        because = f"{renamed[0].source} answers as {renamed[0].named}"
        return _told(state, ticker, now_us, "renamed", because, _words(renamed), renamed[0].named)
    if _is_unknown(state, options, series):
        because = f"no source knows it, in {SESSIONS_MIN} sessions or more"
        return _told(state, ticker, now_us, "unknown", because, _words(series.absences))
    if answered is None or series.absences:
        return None
    return _by_its_trades(state, ticker, answered, now_us)


def _by_its_trades(
    state: Collector, ticker: str, answered: Testimony, now_us: int
) -> ListingChanged | None:
    """An answer tells how old the last trade is; only beside a market that trades that counts."""
    traded_us = last_trade_us(state, ticker, now_us)
    if traded_us == 0:
        return None
    behind = sessions_since(state.hours(ticker, now_us), traded_us, now_us)
    if behind < SESSIONS_MIN:
        return _told(state, ticker, now_us, "listed", "trades are told again", (answered,))
    beside = next(one for one in PROTECTED if one != ticker)
    if sessions_since(state.table, last_trade_us(state, beside, now_us), now_us) > 0:
        return None
    day = datetime.fromtimestamp(traded_us / 1e6, UTC).date().isoformat()
    because = f"the last trade is of {day}, {behind} sessions ago, while {beside} trades"
    return _told(state, ticker, now_us, "silent", because, (replace(answered, sessions=behind),))


def _told(
    state: Collector,
    ticker: str,
    now_us: int,
    to: ListingState,
    because: str,
    evidence: tuple[Testimony, ...],
    named: str = "",
) -> ListingChanged:
    traded_us = last_trade_us(state, ticker, now_us)
    return ListingChanged(ticker, to, because, traded_us, evidence, named)


def _is_unknown(state: Collector, options: Options, series: Series) -> bool:
    """Whether every source that may be asked says so, one at least for long enough."""
    said = {one.source: one.sessions for one in series.absences if not one.named}
    if max(said.values(), default=0) < SESSIONS_MIN:
        return False
    return all(
        said.get(source.name, 0) >= SESSIONS_MIN or _has_nothing(series, source)
        for source in options.real
        if _may_be_asked(state, source)
    )


def _has_nothing(series: Series, source: Declaration) -> bool:
    """Whether the source answers, and has nothing: a folder without a file of that name."""
    refusals = [series.lane(kind).refusal(source.name) for kind in KINDS]
    told = [one.reason for one in refusals if one]
    return bool(told) and "no_data" in told and NOTHING.issuperset(told)


def _may_be_asked(state: Collector, source: Declaration) -> bool:
    return any(
        state.gate_of(source.name, one).until_us < NEVER_US
        and state.gate_of(source.name, one).state != "forbidden"
        for one in source.capabilities
        if one in ("quote", "bars")
    )


def _words(absences: tuple[Absence, ...] | list[Absence]) -> tuple[Testimony, ...]:
    return tuple(
        Testimony(one.source, one.said, one.at_us, one.sessions, one.answer_hash)
        for one in absences
    )


def _was_answered(series: Series) -> bool:
    """Whether anybody ever knew it: what nobody ever knew is a slip of the keyboard."""
    return series.has_bars or series.lane("quote").latest_us > 0
