"""The newest records, kept for the pages that keep up."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from bus.codec import Record
from services.gateway.news import News
from tests.services.gateway import samples


def test_records_that_follow_on_are_one_run() -> None:
    news = News()
    records = samples.records(*[samples.quote()] * 5, first=11)
    news.hear(records[:2])
    news.hear(records[2:])
    assert news.last == 15
    assert news.after(12, limit=2) == records[2:4]
    assert news.after(15, limit=2) == []


def test_a_gap_begins_a_new_run_so_that_nobody_misses_what_is_only_on_the_tape() -> None:
    news = News()
    news.hear(samples.records(samples.quote(), first=1))
    later = samples.records(samples.quote(), first=5)
    news.hear(later)
    assert [news.after(seq, limit=9) for seq in range(5)] == [[], [], [], [], later]


@given(
    st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=30),
    st.integers(min_value=0, max_value=500),
)
def test_what_follows_a_seq_is_without_gap_or_nothing(turns: list[int], seq: int) -> None:
    news = News(records_max=20, bytes_max=2_000)
    first = 1
    for count in turns:
        news.hear(samples.records(*[samples.quote()] * count, first=first))
        first += count
    found = [record.seq for record in news.after(seq, limit=10)]
    assert found in ([], list(range(seq + 1, seq + 1 + len(found))))
    if first - 6 <= seq < first - 1:
        assert found[0] == seq + 1


def test_the_oldest_make_room_by_count_and_by_bytes() -> None:
    few = News(records_max=3)
    few.hear(samples.records(*[samples.quote()] * 5))
    assert [r.seq for r in few.after(2, limit=9)] == [3, 4, 5]
    assert few.after(1, limit=9) == []
    size = len(samples.records(samples.quote())[0].body)
    small = News(bytes_max=2 * size)
    small.hear(samples.records(*[samples.quote()] * 5))
    assert [r.seq for r in small.after(3, limit=9)] == [4, 5]
    assert small.after(2, limit=9) == []


def test_whoever_waits_is_woken_from_another_thread_each_time() -> None:
    news = News()
    records = samples.records(samples.quote(), samples.quote())

    async def waiting() -> list[bool]:
        async with news.on_this_loop():
            return [await woken_by(record) for record in records]

    async def woken_by(record: Record) -> bool:
        waiter = asyncio.create_task(news.beyond(record.seq - 1, within_seconds=5.0))
        await asyncio.sleep(0)  # let it begin to wait
        await asyncio.to_thread(news.hear, [record])
        return await waiter

    assert asyncio.run(waiting()) == [True, True]


def test_waiting_ends_when_the_time_is_up() -> None:
    async def waiting() -> bool:
        news = News()
        async with news.on_this_loop():
            return await news.beyond(0, within_seconds=0.01)

    assert asyncio.run(waiting()) is False
