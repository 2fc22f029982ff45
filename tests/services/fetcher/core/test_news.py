"""A headline is told once: whoever brings it again, under whatever name, and for how long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bus.testing import microseconds
from market.messages.fetcher import Sessions
from market.messages.news import HEADLINES_MAX, Headline, News
from services.fetcher.core.answers import Answer
from services.fetcher.core.news import HEARD_MAX, Heard, due_us, news_said, remembered
from tests.services.fetcher.kit import table

NOW_US = microseconds("15:00")
HOUR_US = 3_600_000_000
SESSIONS = table("2025-01-06", "2027-01-04")
NOTHING: tuple[Heard, ...] = ()

RISE = Headline("Shares rise!", "A paper", "https://example.com/rise", NOW_US - HOUR_US, "7")


def say(
    *headlines: Headline, source: str = "finnhub", heard: tuple[Heard, ...] = NOTHING
) -> tuple[News, ...]:
    return news_said(Answer(news=headlines, answer_hash="h"), "NVDA", source, heard)


def told(*events: News) -> list[str]:
    return [one.headline for event in events for one in event.headlines]


def after(*events: News) -> tuple[Heard, ...]:
    heard = NOTHING
    for event in events:
        heard = remembered(heard, event)
    return heard


def test_what_is_new_is_told_with_its_source_and_the_hash_of_the_answer() -> None:
    assert say(RISE) == (News("NVDA", "finnhub", (RISE,), "h"),)


def test_an_answer_with_nothing_new_is_told_without_headlines() -> None:
    assert say(RISE, heard=after(*say(RISE))) == (News("NVDA", "finnhub", (), "h"),)


@pytest.mark.parametrize(
    "again",
    [
        replace(RISE, headline="Shares soar", url="https://example.com/soar"),
        replace(
            RISE,
            headline="Shares soar",
            id="8",
            url="http://www.example.com/rise/?utm_source=x#top",
        ),
        replace(RISE, id="8", url="", published_us=RISE.published_us + 11 * HOUR_US),
        replace(RISE, headline="SHARES rise", id="8", url="https://example.org/other"),
    ],
    ids=["the same id", "the same address", "the same words", "the same words elsewhere"],
)
def test_the_same_headline_is_not_told_again(again: Headline) -> None:
    assert told(*say(again, heard=after(*say(RISE)))) == []
    assert told(*say(RISE, again)) == [RISE.headline]


@pytest.mark.parametrize(
    "other",
    [
        replace(RISE, headline="Shares soar", id="8", url="https://example.com/rise?id=8"),
        replace(RISE, id="8", url="", published_us=RISE.published_us - 23 * HOUR_US),
        replace(RISE, headline="Shares fall", id="", url=""),
    ],
    ids=["another address", "a daily column", "other words"],
)
def test_another_headline_is_told(other: Headline) -> None:
    assert told(*say(other, heard=after(*say(RISE)))) == [other.headline]


def test_what_one_source_told_the_other_does_not_tell_again() -> None:
    elsewhere = replace(RISE, id="a-b-c", url="https://example.org/a-b-c")
    assert told(*say(elsewhere, source="yahoo", heard=after(*say(RISE)))) == []


def test_the_same_id_means_nothing_at_another_source() -> None:
    other = replace(RISE, headline="Shares soar", url="https://example.org/soar")
    assert told(*say(other, source="yahoo", heard=after(*say(RISE)))) == ["Shares soar"]


def test_many_headlines_are_several_events_and_no_more_than_can_be_remembered() -> None:
    many = [replace(RISE, headline=f"No {n}", id=str(n), url="") for n in range(HEARD_MAX + 30)]
    events = news_said(Answer(news=tuple(many), refused_rows=3), "NVDA", "finnhub", NOTHING)
    assert [len(event.headlines) for event in events] == [HEADLINES_MAX, HEADLINES_MAX]
    assert [event.refused_rows for event in events] == [0, 3]
    assert len(after(*events)) == HEARD_MAX


looked: list[str] = []


class Counted(tuple[Headline, ...]):
    """Headlines that tell which of them were looked at."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Headline]:
        looked.clear()
        for one in super().__iter__():
            looked.append(one.id)
            yield one


def test_of_an_answer_no_more_is_looked_at_than_can_be_told() -> None:
    many = [replace(RISE, headline=f"No {n}", id=str(n), url="") for n in range(10 * HEARD_MAX)]
    answer = Answer(news=Counted(many))
    news_said(answer, "NVDA", "finnhub", NOTHING)
    assert looked == [str(n) for n in range(HEARD_MAX)]


def test_what_is_older_than_a_full_memory_is_not_told_again() -> None:
    many = [
        replace(RISE, headline=f"No {n}", id=str(n), url="", published_us=NOW_US + n // 30)
        for n in reversed(range(HEARD_MAX + 50))
    ]
    heard = after(*say(*many[50:]))
    heard = after(*say(*many[50:]), *say(*many[:50], heard=heard))
    assert told(*say(*many, heard=heard)) == []


HEADLINES = st.builds(
    Headline,
    st.sampled_from(["Shares rise", "Shares fall", "Shares rest", "!"]),
    st.just("A paper"),
    st.sampled_from(["", *(f"https://example.com/{n}" for n in range(40))]),
    st.integers(0, 400).map(lambda hours: NOW_US - hours * HOUR_US),
    st.sampled_from(["", *map(str, range(200))]),
)
ANSWERS = st.lists(st.tuples(st.sampled_from(["finnhub", "yahoo"]), st.lists(HEADLINES)))


@given(ANSWERS)
def test_no_answer_is_told_twice_and_the_memory_is_bounded(
    answers: list[tuple[str, list[Headline]]],
) -> None:
    heard = NOTHING
    for source, headlines in answers:
        for event in say(*headlines, source=source, heard=heard):
            heard = remembered(heard, event)
        assert told(*say(*headlines, source=source, heard=heard)) == []
        assert len(heard) <= HEARD_MAX


@pytest.mark.parametrize(
    ("answered", "due"),
    [
        ("2026-01-05T15:00:00", "2026-01-05T16:00:00"),  # in a session: an hour later
        ("2026-01-05T20:30:00", "2026-01-06T14:30:00"),  # the last hour: when it opens again
        ("2026-01-06T02:00:00", "2026-01-06T14:30:00"),
        ("2026-01-09T20:30:00", "2026-01-10T20:30:00"),  # a Friday evening: a day later
        ("2026-01-11T20:30:00", "2026-01-12T14:30:00"),  # a Sunday: when it opens
        ("2026-01-12T13:45:00", "2026-01-12T14:45:00"),  # shortly before it opens
    ],
)
def test_headlines_are_due_each_hour_of_a_session_and_once_a_day_else(
    answered: str, due: str
) -> None:
    assert due_us(SESSIONS, microseconds(answered), 3_600) == microseconds(due)


def test_where_nothing_is_known_of_sessions_headlines_are_due_each_hour() -> None:
    none = Sessions("XNYS", (), (), ())
    assert due_us(none, NOW_US, 3_600) == NOW_US + HOUR_US
