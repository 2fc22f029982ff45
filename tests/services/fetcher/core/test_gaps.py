"""Which bars are missing, found in each answer as it comes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bus.testing import microseconds
from market.messages.fetcher import Bars, BarsMissing, Sessions, Timeframe
from market.sessions import DAY_US, NO_SESSIONS, Session, bars_of, day_start_us
from services.fetcher.core.bars import TAIL_ROWS, rows_of
from services.fetcher.core.gaps import (
    MISSING_MAX,
    TURNS,
    asks_from_us,
    given_up,
    is_news,
    looked_for,
)
from services.fetcher.core.past import GAP_PAUSES_US, Past, asked_for_gaps, grown, lacked
from services.fetcher.core.state import Lane
from tests.services.fetcher.kit import table

SESSIONS = table("2020-11-02", "2026-12-31")


def starts(timeframe: Timeframe, first: str, last: str) -> list[int]:
    columns = (SESSIONS.date, SESSIONS.open_us, SESSIONS.close_us)
    return [
        bar.start_us
        for row in zip(*columns, strict=True)
        if first <= row[0] <= last
        for bar in bars_of(Session(*row), timeframe)
    ]


FIVE_YEARS = starts("1d", "2020-12-01", "2025-12-05")
DECEMBER: dict[Timeframe, list[int]] = {
    "1d": starts("1d", "2025-11-24", "2025-12-05"),
    "1h": starts("1h", "2025-11-24", "2025-12-05"),
}


def bars(timeframe: Timeframe, at: Iterable[int]) -> Bars:
    flat = tuple(at)
    same = (1.0,) * len(flat)
    return Bars("SPY", timeframe, "yahoo", False, flat, same, same, same, same, same)


def answered(lane: Lane, timeframe: Timeframe, at: list[int], sessions: Sessions) -> Lane:
    """The lane after an answer, and after what was told of its gaps."""
    found = given_up(looked_for(sessions, "SPY", timeframe, lane, at), lane.past)
    event = bars(timeframe, at)
    kept = tuple(row for row in lane.tail if row.start_us < at[0])
    tail = (*kept, *rows_of(event))[-TAIL_ROWS:]
    past = lacked(grown(lane.past, event, at[-1], sessions, 0), found)
    return Lane(latest_us=at[-1], tail=tail, past=past)


def lacks(timeframe: Timeframe, *answers: list[int]) -> tuple[int, ...]:
    lane = Lane()
    for at in answers:
        lane = answered(lane, timeframe, at, SESSIONS)
    return lane.past.missing


def test_holidays_weekends_and_early_closes_are_no_gaps() -> None:
    assert lacks("1d", FIVE_YEARS) == ()
    assert lacks("1d", DECEMBER["1d"]) == lacks("1h", DECEMBER["1h"]) == ()


def test_a_day_is_missed_however_old_it_is() -> None:
    old = FIVE_YEARS[7]
    assert lacks("1d", [at for at in FIVE_YEARS if at != old]) == (old,)


def test_an_hour_that_no_answer_brought_is_missing() -> None:
    hours = [microseconds(at) for at in ("14:30", "15:30", "17:30", "18:30")]
    assert lacks("1h", hours) == (microseconds("16:30"),)


def test_what_lies_between_two_answers_is_missing() -> None:
    days = DECEMBER["1d"]
    assert lacks("1d", days[:3], days[5:]) == tuple(days[3:5])


def test_what_was_known_before_is_not_missed_in_an_answer_that_leaves_it_out() -> None:
    days = DECEMBER["1d"]
    assert lacks("1d", days, [days[0], days[-1]]) == ()


def test_what_comes_later_is_missed_no_more_and_the_rest_still_is() -> None:
    days = DECEMBER["1d"]
    without = [at for at in days if at not in days[2:4]]
    assert lacks("1d", without, days[:3] + days[4:]) == (days[3],)


def test_beyond_the_table_nothing_is_known_to_be_missing() -> None:
    days = [day_start_us(f"2026-01-{day:02d}") for day in (5, 9)]
    lane = Lane()
    assert looked_for(NO_SESSIONS, "SPY", "1d", lane, days).start_us == ()
    before_the_table = [day_start_us("2019-01-02"), day_start_us("2019-06-03")]
    assert looked_for(SESSIONS, "SPY", "1d", lane, before_the_table).start_us == ()


def test_a_history_that_began_without_a_table_is_asked_for_once_more_as_a_whole() -> None:
    old = FIVE_YEARS[7]
    held = [at for at in FIVE_YEARS if at != old]
    lane = answered(Lane(), "1d", held, NO_SESSIONS)
    lane = replace(lane, past=replace(lane.past, unchecked=True))
    assert asks_from_us(lane, NO_SESSIONS, held[-1]) == lane.latest_us
    assert asks_from_us(lane, SESSIONS, held[-1]) == 0

    part = looked_for(SESSIONS, "SPY", "1d", lane, held[-5:])
    assert not is_news(part, lane.past, SESSIONS, held[-5:])
    whole = looked_for(SESSIONS, "SPY", "1d", lane, held)
    assert is_news(whole, lane.past, SESSIONS, held)
    assert whole.start_us == (old,)


def test_a_gap_is_asked_for_at_growing_distances_and_then_let_be() -> None:
    days = DECEMBER["1d"]
    lane = answered(Lane(), "1d", [at for at in days if at != days[3]], SESSIONS)
    now_us, asked = days[-1], list[int]()
    for _ in range(3_000):
        now_us += 60_000_000
        if asks_from_us(lane, SESSIONS, now_us) == days[3] - DAY_US:
            asked.append(now_us)
            lane = replace(lane, past=asked_for_gaps(lane.past, SESSIONS, now_us))
    assert [b - a for a, b in pairwise(asked)] == list(GAP_PAUSES_US[1:])
    found = looked_for(SESSIONS, "SPY", "1d", lane, [at for at in days if at != days[3]])
    told = given_up(found, lane.past)
    assert told == BarsMissing("SPY", "1d", (), absent=(days[3],))
    lane = replace(lane, past=lacked(lane.past, told))
    assert asks_from_us(lane, SESSIONS, now_us + 100 * DAY_US) == lane.latest_us
    assert looked_for(SESSIONS, "SPY", "1d", lane, [days[0], days[-1]]).start_us == ()


def test_a_new_gap_is_asked_for_from_the_beginning() -> None:
    days = DECEMBER["1d"]
    tired = Past(missing=(days[2],), gap_times=4, gap_asked_us=days[-1])
    both = lacked(tired, BarsMissing("SPY", "1d", (days[2], days[4])))
    assert (both.gap_times, both.gap_asked_us) == (0, 0)
    assert lacked(tired, BarsMissing("SPY", "1d", (days[2],))).gap_times == 4


def test_a_gap_gives_way_to_a_newer_one_once_it_was_asked_for_an_hour_long() -> None:
    days = DECEMBER["1d"]
    both = BarsMissing("SPY", "1d", (days[2], days[4]))
    fresh, tired = (Past(missing=(days[2],), gap_times=times) for times in (TURNS - 1, TURNS))
    assert given_up(both, fresh) == both
    assert given_up(both, tired) == BarsMissing("SPY", "1d", (days[4],), absent=(days[2],))
    alone = BarsMissing("SPY", "1d", (days[2],))
    assert given_up(alone, tired) == alone


def test_a_symbol_that_trades_every_other_hour_is_not_asked_for_its_old_hours_for_ever() -> None:
    hours = starts("1h", "2025-11-24", "2025-12-05")
    traded, lane = hours[::2], Lane()
    for count in range(2, len(traded) + 1):
        lane = answered(lane, "1h", traded[:count], SESSIONS)
        lane = replace(lane, past=replace(lane.past, gap_times=TURNS))
    assert lane.past.missing == (hours[2 * count - 3],)
    assert lane.past.absent == tuple(hours[1 : 2 * count - 3 : 2])[-MISSING_MAX:]


@given(st.data(), st.sampled_from(["1d", "1h"]), st.integers(1, 7))
def test_exactly_what_was_left_out_between_the_first_and_the_last_is_missing_however_it_came(
    data: st.DataObject, name: str, size: int
) -> None:
    timeframe: Timeframe = "1d" if name == "1d" else "1h"
    everything = DECEMBER[timeframe]
    inner = everything[1:-1]
    left_out = set(data.draw(st.lists(st.sampled_from(inner), max_size=9)))
    kept = [at for at in everything if at not in left_out]
    parts = [kept[first : first + size] for first in range(0, len(kept), size)]
    assert lacks(timeframe, *parts) == tuple(sorted(left_out)[-MISSING_MAX:])
