"""Prices that jump: what is too far from everything known is held until something confirms it.

Both happen: a provider's price that is ten or a hundred times wrong for a moment, and a share that
opens thirty percent lower after its earnings. So nothing is thrown away and nothing is believed at
once: another source that says the same confirms it, or the same source that goes on saying it.
"""

from __future__ import annotations

from typing import NamedTuple

from market.messages.fetcher import Reason, SourceCalled, Timeframe
from market.symbols import is_simulated
from services.fetcher.core.answers import Columns, Failure, QuoteAnswer
from services.fetcher.core.state import KINDS, Kind, Lane, Refusal, Row, Series
from services.fetcher.core.validate import price_or_none

QUOTE_JUMP_MAX = 0.2
BAR_JUMP_MAX: dict[Timeframe, float] = {"1d": 0.25, "1h": 0.2}
"""A larger step to the newest price waits for its confirmation."""

UNIT_FACTOR = 3.0
"""A larger step looks like another unit, a missing split or a slipped digit."""

AGREES_SHARE = 0.05
"""Two readings of a moving price that lie this close say the same."""

SAME_BAR_SHARE = 0.01
"""Closed bars of two sources that lie this close are the same bar: consolidated and primary."""

WHOLE_ANSWER_SHARE = 0.25
"""A source may correct a bar; if most differ by this much it speaks of something else."""

SETTLED_ROWS = 5
"""A new level that so many later bars keep is no slip."""

SECOND_US = 1_000_000
PATIENCE_US = 60 * SECOND_US
PATIENCE_UNIT_US = 86_400 * SECOND_US
"""How long a source must go on saying what nobody else confirms."""


class Overlap(NamedTuple):
    """Of so many bars in common so many differ, the worst of them by this share."""

    common: int
    differing: int
    worst: float

    def __str__(self) -> str:
        if not self.common:
            return "no closed bar in common with those that are known"
        return f"{self.differing} of {self.common} known bars differ, by up to {self.worst:.1%}"


class Judged(NamedTuple):
    """The rows that are believed, and the newest close of those that wait (0: none does)."""

    rows: list[int]
    held: float
    slipped: int


def far(price: float, known: float, share: float) -> bool:
    """Whether a price lies further than this share from a known one."""
    return abs(price / known - 1.0) > share


def factor(price: float, known: float) -> float:
    """How many times the one is the other, either way: 1 or more."""
    return max(price / known, known / price)


def quote_doubt(series: Series, quote: QuoteAnswer, source: str, now_us: int) -> str:
    """Why a price waits for its confirmation; empty where it is believed."""
    known = known_prices(series) or _own_reference(quote)
    if not known or any(not far(quote.price, one, QUOTE_JUMP_MAX) for one in known):
        return ""
    if confirmed(series, "quote", quote.price, source, now_us):
        return ""
    return f"{quote.price:g} is {quote.price / known[0] - 1:+.0%} from the last good {known[0]:g}"


def known_prices(series: Series) -> list[float]:
    """What was believed of the ticker last: its quote, the closes of its newest bars."""
    return [lane.price for kind in KINDS if (lane := series.lane(kind)).price]


def confirmed(series: Series, kind: Kind, price: float, source: str, now_us: int) -> bool:
    """Whether it was believed already, another source says it, or this one has for long enough."""
    if any(not far(price, known, AGREES_SHARE) for known in known_prices(series)):
        return True
    said = [one for each in KINDS for one in series.lane(each).refusals if _says(one, price)]
    if any(one.source != source for one in said):
        return True
    own = series.lane(kind).refusal(source)
    return (
        own is not None
        and _says(own, price)
        and now_us >= own.since_us + _patience_us(price, known_prices(series))
    )


def overlap(columns: Columns, lane: Lane, source: str) -> Overlap:
    """How the closed bars of an answer differ from those that were said."""
    known = {row.start_us: row.close for row in lane.tail[:-1]}
    both = [
        (close, known[at])
        for at, close in zip(columns.start_us, columns.close, strict=True)
        if at in known
    ]
    share = SAME_BAR_SHARE if lane.source != source else WHOLE_ANSWER_SHARE
    differing = [pair for pair in both if far(*pair, share)]
    worst = max((factor(*pair) for pair in differing), default=1.0)
    return Overlap(len(both), len(differing), worst - 1.0)


def judged_bars(
    series: Series, lane: Lane, call: SourceCalled, columns: Columns, now_us: int
) -> Judged | Failure:
    """The rows of an answer that are believed; a failure where it speaks of something else."""
    kind = call.timeframe or "1d"
    if is_simulated(call.ticker):
        return Judged(list(range(len(columns))), 0.0, 0)
    sure = confirmed(series, kind, columns.close[-1], call.source, now_us)
    if lane.tail:
        found = overlap(columns, lane, call.source)
        if lane.source != call.source and (found.differing or not found.common):
            return Failure("mismatch", f"{lane.source} is the source so far: {found}")
        if 2 * found.differing > found.common and not sure:
            return Failure("doubtful", str(found), value=columns.close[-1])
    return judged(columns, kind, lane.tail, sure=sure)


def judged(columns: Columns, timeframe: Timeframe, tail: tuple[Row, ...], *, sure: bool) -> Judged:
    """Which rows follow from those before them; ``sure`` if what jumps last is confirmed."""
    rows: list[int] = []
    before = next((row.close for row in reversed(tail) if row.start_us < columns.start_us[0]), 0.0)
    slipped, row = 0, 0
    while row < len(columns):
        if before and far(
            columns.close[row] * columns.splits[row], before, BAR_JUMP_MAX[timeframe]
        ):
            end = _end_of_slip(columns, row, before, BAR_JUMP_MAX[timeframe])
            if end > row:
                slipped, row = slipped + end - row, end
                continue
            if not sure and _unsettled(columns, row, before):
                return Judged(rows, columns.close[-1], slipped)
        rows.append(row)
        before = columns.close[row]
        row += 1
    return Judged(rows, 0.0, slipped)


def doubted_since_us(before: Refusal | None, reason: Reason, value: float, at_us: int) -> int:
    """Since when a source has been saying a price that nobody confirms."""
    if reason == "doubtful" and before is not None and value and _says(before, value):
        return before.since_us
    return at_us


def _end_of_slip(columns: Columns, row: int, before: float, share: float) -> int:
    """Where the level of before comes back after a step that no market makes; ``row`` if never."""
    if factor(columns.close[row] * columns.splits[row], before) <= UNIT_FACTOR:
        return row
    for end in range(row + 1, min(len(columns), row + SETTLED_ROWS + 1)):
        if not far(columns.close[end], before, 2 * share):
            return end
    return row


def _unsettled(columns: Columns, row: int, before: float) -> bool:
    """Whether too few bars follow a step for it to be believed by itself."""
    after = len(columns) - row - 1
    unit = factor(columns.close[row] * columns.splits[row], before) > UNIT_FACTOR
    return after < (SETTLED_ROWS if unit else 1)


def _own_reference(quote: QuoteAnswer) -> list[float]:
    """At first sight a price is held against the close that came along with it."""
    close = price_or_none(quote.previous_close)
    return [close] if close else []


def _says(refusal: Refusal, price: float) -> bool:
    doubtful = refusal.reason == "doubtful" and refusal.value > 0
    return doubtful and not far(price, refusal.value, AGREES_SHARE)


def _patience_us(price: float, known: list[float]) -> int:
    unit = min((factor(price, one) for one in known), default=1.0) > UNIT_FACTOR
    return PATIENCE_UNIT_US if unit else PATIENCE_US
