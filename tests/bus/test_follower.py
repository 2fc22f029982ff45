"""A listener ends with exactly the tape's records, whatever becomes of the live frames."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bus.codec import LIVE_BODY_BYTES_MAX, Heartbeat, Record, encode_heartbeat, encode_live
from bus.errors import LogRegressed
from bus.follower import HELD_RECORDS_MAX, Follower
from bus.message import Event, Fact
from bus.testing import FactTape
from tests.bus.rig import CODEC
from tests.bus.words import Counted, Noted

LONG = Noted("diary", "x" * (LIVE_BODY_BYTES_MAX + 1))


class Paper:
    """A tape in memory that a test writes on, with the live frames of what it wrote."""

    def __init__(self, *events: Event) -> None:
        self.facts: list[Fact[Any]] = []
        self.reading = FactTape(self.facts, CODEC)
        self.write(*events)

    @property
    def records(self) -> list[Record]:
        return self.reading.read(0, len(self.facts))

    def write(self, *events: Event) -> list[bytes]:
        """Append the events; gives their live frames."""
        first = len(self.facts) + 1
        self.facts.extend(Fact(seq, seq, event) for seq, event in enumerate(events, first))
        return [encode_live(record) for record in self.records[first - 1 :]]

    def heartbeat(self) -> bytes:
        return encode_heartbeat(Heartbeat("t", len(self.facts), 0))


def counted(*numbers: int) -> list[Event]:
    return [Counted("A", number) for number in numbers]


def listening(cursor: int = 0) -> Follower:
    """A follower that has heard everything there was."""
    follower = Follower(cursor)
    follower.told("t", cursor)
    return follower


def seqs(records: list[Record]) -> list[int]:
    return [record.seq for record in records]


class BrokenReading(FactTape):
    """A tape that must not be asked."""

    def read(self, after: int, limit: int) -> list[Record]:
        raise AssertionError(f"the tape was asked for what follows {after}")


def test_frames_that_follow_the_cursor_are_taken_without_asking_the_tape() -> None:
    paper, follower = Paper(), Follower()
    follower.offer(paper.write(*counted(1, 2, 3)))

    assert follower.behind
    assert follower.take(BrokenReading([], CODEC), 2) == paper.records[:2]
    assert follower.take(BrokenReading([], CODEC), 2) == paper.records[2:]
    assert not follower.behind


@pytest.mark.guarantee("gaps")
def test_a_gap_is_read_from_the_tape_and_live_frames_go_on_behind_it() -> None:
    paper, follower = Paper(), listening()
    first, _lost, third = paper.write(*counted(1, 2, 3))
    follower.offer([first, third])

    assert seqs(follower.take(paper.reading, 10)) == [1]
    assert seqs(follower.take(paper.reading, 10)) == [2, 3]
    follower.offer(paper.write(*counted(4)))
    assert seqs(follower.take(BrokenReading([], CODEC), 10)) == [4]
    assert follower.gaps == 1


@pytest.mark.guarantee("gaps")
def test_a_lost_end_is_read_once_a_heartbeat_tells_of_it() -> None:
    paper, follower = Paper(*counted(1, 2)), Follower()
    assert follower.take(paper.reading, 10) == []
    follower.offer([paper.heartbeat()])

    assert seqs(follower.take(paper.reading, 10)) == [1, 2]


@pytest.mark.guarantee("join")
def test_a_joiner_reads_the_past_from_the_tape_in_pages_and_then_follows() -> None:
    paper, follower = Paper(*counted(*range(10))), Follower(cursor=4)
    follower.told("t", 10)
    follower.offer(paper.write(*counted(10)))

    pages = [follower.take(paper.reading, 4) for _ in range(3)]
    assert [seqs(page) for page in pages] == [[5, 6, 7, 8], [9, 10, 11], []]


@pytest.mark.guarantee("gaps")
def test_repeated_and_old_frames_change_nothing() -> None:
    paper, follower = Paper(), Follower()
    frames = paper.write(*counted(1, 2))
    follower.offer([frames[0], frames[0], frames[1], frames[0], frames[1]])

    assert seqs(follower.take(paper.reading, 10)) == [1, 2]
    follower.offer(frames)
    assert (follower.take(paper.reading, 10), follower.behind) == ([], False)


def test_a_body_too_long_to_go_live_is_read_from_the_tape() -> None:
    paper, follower = Paper(), Follower()
    follower.offer(paper.write(LONG))

    assert follower.take(paper.reading, 10) == paper.records


def test_an_old_header_without_its_body_promises_nothing_new() -> None:
    paper, follower = Paper(), Follower()
    frames = paper.write(LONG)
    follower.told("t", 1)
    assert seqs(follower.take(paper.reading, 10)) == [1]
    follower.offer(frames)

    assert not follower.behind
    assert follower.take(BrokenReading([], CODEC), 10) == []


@pytest.mark.guarantee("slow-consumers")
def test_what_is_held_is_bounded_and_the_rest_is_read_from_the_tape() -> None:
    paper, follower = Paper(), Follower()
    follower.offer(paper.write(*counted(*range(HELD_RECORDS_MAX + 100))))

    assert len(follower._held) == HELD_RECORDS_MAX
    taken: list[Record] = []
    while page := follower.take(paper.reading, 1_000):
        taken += page
    assert taken == paper.records


def test_bytes_that_are_no_frame_are_counted_and_passed_over() -> None:
    paper, follower = Paper(), Follower()
    [frame] = paper.write(*counted(1))
    follower.offer([b"", b"\0", b"noise", frame[:-1], frame])

    assert seqs(follower.take(paper.reading, 10)) == [1]
    assert follower.bad_frames == 4


@pytest.mark.guarantee("regress")
def test_another_tape_in_its_place_is_a_regress() -> None:
    follower = Follower()
    follower.told("t", 5)

    with pytest.raises(LogRegressed, match="put the former tape back"):
        follower.told("u", 9)


def test_an_older_news_of_the_head_is_no_regress() -> None:
    paper, follower = Paper(*counted(1, 2, 3)), Follower(cursor=3)
    follower.told("t", 1)

    assert follower.take(paper.reading, 10) == []
    follower.offer(paper.write(*counted(4)))
    assert seqs(follower.take(paper.reading, 10)) == [4]


@pytest.mark.guarantee("regress")
def test_a_tape_that_ends_before_the_cursor_is_a_regress() -> None:
    paper, follower = Paper(*counted(1, 2)), Follower(cursor=3)
    follower.told("t", 2)

    with pytest.raises(LogRegressed, match="ends at seq 2, this reader already knows of 3"):
        follower.take(paper.reading, 10)


@pytest.mark.guarantee("regress")
def test_a_tape_without_what_was_told_is_a_regress_and_not_waited_for_in_circles() -> None:
    paper, follower = Paper(*counted(1, 2)), Follower(cursor=2)
    follower.told("t", 5)

    with pytest.raises(LogRegressed, match="ends at seq 2, this reader already knows of 5"):
        follower.take(paper.reading, 10)


@pytest.mark.guarantee("observability")
def test_a_gap_counts_once_however_many_frames_come_behind_it() -> None:
    paper, follower = Paper(), listening()
    frames = paper.write(*counted(*range(6)))
    follower.offer(frames[:1] + frames[2:4])
    follower.offer([frames[4], frames[5], paper.heartbeat()])

    assert follower.gaps == 1
    while follower.take(paper.reading, 10):
        pass
    follower.offer(paper.write(*counted(6, 7))[1:])
    assert follower.gaps == 2


def test_a_lost_end_and_what_is_lost_before_a_long_body_are_gaps() -> None:
    paper, follower = Paper(), listening()
    paper.write(*counted(1))
    follower.offer([paper.heartbeat()])
    assert follower.gaps == 1
    while follower.take(paper.reading, 10):
        pass
    follower.offer(paper.write(Counted("A", 2), LONG)[1:])

    assert follower.gaps == 2


def test_what_no_frame_is_missing_for_is_no_gap() -> None:
    paper = Paper(*counted(1, 2))
    newcomer, joiner, reader = Follower(), Follower(), listening(cursor=2)
    joiner.told("t", 2)
    frames = [*paper.write(Counted("A", 3), LONG, Counted("A", 4)), paper.heartbeat()]
    newcomer.offer(frames)
    joiner.offer(frames)
    reader.offer([frames[0], frames[0], *frames[1:]])

    assert (newcomer.gaps, joiner.gaps, reader.gaps) == (0, 0, 0)


class Following(RuleBasedStateMachine):
    """Frames are lost, doubled, mixed up; what is taken is always the beginning of the tape."""

    @initialize(past=st.integers(0, 5))
    def begin(self, past: int) -> None:
        self.paper = Paper(*counted(*range(past)))
        self.follower = Follower()
        self.under_way: list[bytes] = []
        self.taken: list[Record] = []

    @rule(sizes=st.lists(st.booleans(), min_size=1, max_size=5))
    def write(self, sizes: list[bool]) -> None:
        events = [LONG if long else Counted("A", number) for number, long in enumerate(sizes)]
        self.under_way += self.paper.write(*events)

    @rule(data=st.data())
    def deliver_some_in_any_order(self, data: st.DataObject) -> None:
        places = st.integers(0, max(0, len(self.under_way) - 1))
        chosen = data.draw(st.lists(places, max_size=6))
        self.follower.offer([self.under_way[place] for place in chosen if self.under_way])

    @rule()
    def deliver_all(self) -> None:
        self.follower.offer(self.under_way)
        self.under_way = []

    @rule()
    def lose_all(self) -> None:
        self.under_way = []

    @rule()
    def beat(self) -> None:
        self.under_way.append(self.paper.heartbeat())

    @rule(noise=st.binary(max_size=20))
    def deliver_noise(self, noise: bytes) -> None:
        self.follower.offer([noise])

    @rule(limit=st.integers(1, 8))
    def take(self, limit: int) -> None:
        records = self.follower.take(self.paper.reading, limit)
        assert len(records) <= limit
        self.taken += records

    @rule()
    def restart(self) -> None:
        self.follower = Follower(cursor=len(self.taken))

    @invariant()
    def what_was_taken_is_the_beginning_of_the_tape(self) -> None:
        if hasattr(self, "paper"):
            assert self.taken == self.paper.records[: len(self.taken)]

    def teardown(self) -> None:
        if not hasattr(self, "paper"):
            return
        self.follower.offer([self.paper.heartbeat()])
        while page := self.follower.take(self.paper.reading, 3):
            self.taken += page
        assert self.taken == self.paper.records
        assert not self.follower.behind


TestFollowing = Following.TestCase
TestFollowing.settings = settings(max_examples=60, stateful_step_count=30)
