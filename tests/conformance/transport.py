"""What every transport must do, as tests to inherit: a subclass gives its `Wire`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from bus.codec import FRAME_BYTES_MAX
from bus.errors import MessageTooLarge
from bus.ports import Hub, Link
from tests.bus.rig import DEADLINE_SECONDS, Wire, until

PATIENCE_SECONDS = 0.05


class TransportConformance:
    """Inherit, and give a fixture ``wire``."""

    @pytest.fixture
    def hub(self, wire: Wire) -> Iterator[Hub]:
        with closing(wire.open()) as hub:
            yield hub

    @pytest.mark.guarantee("transports")
    def test_frames_arrive_whole_and_in_order_from_each_link(self, wire: Wire, hub: Hub) -> None:
        links = [wire.link() for _ in range(3)]
        sent = [
            [b"%d" % number + bytes(size) for size in (1, 0, 70_000, 9, 1 << 20)]
            for number in range(3)
        ]
        for frames in zip(*sent, strict=True):
            for link, frame in zip(links, frames, strict=True):
                assert link.send(frame)

        got = frames_at(hub, 15)
        identities = {identity for identity, _ in got}
        by_link = [[frame for who, frame in got if who == identity] for identity in identities]
        assert sorted(by_link) == sent

    @pytest.mark.guarantee("transports")
    def test_an_answer_reaches_the_one_it_is_for_and_nobody_else(
        self, wire: Wire, hub: Hub
    ) -> None:
        first, second = wire.link(), wire.link()
        identity = introduce(hub, first)
        introduce(hub, second)
        answers = [b"%d" % number for number in range(100)]
        for answer in answers:
            assert hub.send(identity, answer)

        assert answers_at(first, 100) == answers
        assert second.receive(0.0) == []

    @pytest.mark.guarantee("transports")
    def test_live_frames_reach_every_listener_whole_and_in_order(
        self, wire: Wire, hub: Hub
    ) -> None:
        listeners = [wire.link() for _ in range(3)]
        tune_in(hub, *listeners)
        frames = [b"a.b.c\0" + bytes(size) for size in (0, 1, 64 << 10, 5)] * 20
        for frame in frames:
            hub.publish(frame)

        assert [live_at(listener, 80) for listener in listeners] == [frames] * 3

    def test_live_frames_come_in_pages_no_longer_than_asked_for(self, wire: Wire, hub: Hub) -> None:
        listener = wire.link()
        tune_in(hub, listener)
        frames = [b"%d" % number for number in range(10)]
        for frame in frames:
            hub.publish(frame)
        pages: list[list[bytes]] = []
        until(lambda: sum(map(len, pages)) == 10, lambda: pages.append(listener.live(3)))

        assert [frame for page in pages for frame in page] == frames
        assert max(map(len, pages)) <= 3

    @pytest.mark.guarantee("slow-consumers")
    def test_a_listener_that_stalls_loses_frames_alone_and_holds_up_nobody(
        self, wire: Wire, hub: Hub
    ) -> None:
        brisk, stalled = wire.link(), wire.link()
        tune_in(hub, brisk, stalled)
        frames = [b"%06d" % number for number in range(30_000)]
        heard: list[bytes] = []
        for start in range(0, len(frames), 500):
            for frame in frames[start : start + 500]:
                hub.publish(frame)
            heard += live_at(brisk, 500)
            hub.receive(0.0)  # as the broker does between two batches

        left = drain(hub, stalled)
        assert heard == frames
        assert left == sorted(set(left) & set(frames))
        assert len(left) < len(frames)

    @pytest.mark.guarantee("back-pressure")
    def test_a_full_queue_is_told_and_nothing_it_took_is_lost(self, wire: Wire, hub: Hub) -> None:
        link = wire.link()
        introduce(hub, link)
        frames = [b"%06d" % number for number in range(60_000)]
        taken = next(n for n, frame in enumerate(frames) if not link.send(frame))

        assert [frame for _, frame in frames_at(hub, taken)] == frames[:taken]
        until(lambda: link.send(b"again"), lambda: hub.receive(PATIENCE_SECONDS))

    def test_what_is_sent_to_nobody_or_to_one_that_is_gone_is_told(
        self, wire: Wire, hub: Hub
    ) -> None:
        link = wire.link()
        identity = introduce(hub, link)
        assert hub.send(identity, b"hello")
        assert not hub.send(b"nobody", b"hello")
        link.close()

        until(lambda: not hub.send(identity, b"hello"), lambda: hub.receive(PATIENCE_SECONDS))
        assert not hub.send(identity, b"hello")

    def test_a_wake_ends_the_wait_of_either_end(self, wire: Wire, hub: Hub) -> None:
        link = wire.link()

        assert awoken(link.receive, link.wake) == []
        assert awoken(hub.receive, hub.wake) == []

    def test_a_wake_that_comes_before_the_wait_counts(self, wire: Wire, hub: Hub) -> None:
        link = wire.link()
        link.wake()
        hub.wake()

        assert awoken(link.receive) == []
        assert awoken(hub.receive) == []

    def test_a_wake_after_the_close_touches_nothing(self, wire: Wire) -> None:
        hub, link = wire.open(), wire.link()
        link.close()
        hub.close()

        link.wake()
        hub.wake()
        with closing(wire.open()) as next_hub:
            assert next_hub.receive(0.0) == []

    def test_a_frame_wakes_who_waits_for_it(self, wire: Wire, hub: Hub) -> None:
        link = wire.link()
        identity = introduce(hub, link)
        tune_in(hub, link)

        assert awoken(hub.receive, lambda: link.send(b"up")) == [(identity, b"up")]
        assert awoken(link.receive, lambda: hub.send(identity, b"down")) == [b"down"]
        assert awoken(link.receive, lambda: hub.publish(b"live")) == []
        assert live_at(link, 1) == [b"live"]

    @pytest.mark.guarantee("back-pressure")
    def test_an_oversize_frame_is_refused_to_its_sender_and_the_next_arrives(
        self, wire: Wire, hub: Hub
    ) -> None:
        link = wire.link()
        largest = bytes(FRAME_BYTES_MAX)
        with pytest.raises(MessageTooLarge, match="split it"):
            link.send(largest + b"\0")
        link.send(largest)
        link.send(b"next")

        assert [frame for _, frame in frames_at(hub, 2)] == [largest, b"next"]

    def test_what_was_sent_just_before_the_close_arrives(self, wire: Wire, hub: Hub) -> None:
        link = wire.link()
        introduce(hub, link)
        last_words = [b"%d" % number + bytes(10_000) for number in range(200)]
        for frame in last_words:
            assert link.send(frame)
        link.close()

        assert [frame for _, frame in frames_at(hub, 200)] == last_words

    @pytest.mark.guarantee("bus-restart")
    def test_a_hub_that_is_opened_again_is_found_by_the_links_of_the_one_before(
        self, wire: Wire
    ) -> None:
        hub, link = wire.open(), wire.link()
        introduce(hub, link)
        hub.close()

        with closing(wire.open()) as next_hub:
            identity = introduce(next_hub, link)
            tune_in(next_hub, link)
            next_hub.send(identity, b"here again")
            next_hub.publish(b"live again")
            assert answers_at(link, 1) == [b"here again"]
            assert live_at(link, 1) == [b"live again"]

    def test_closing_lets_go_of_the_place_at_once(self, wire: Wire) -> None:
        for number in range(5):
            with closing(wire.open()) as hub, closing(wire.link()) as link:
                assert link.send(b"%d" % number)
                assert [frame for _, frame in frames_at(hub, 1)] == [b"%d" % number]


def introduce(hub: Hub, link: Link) -> bytes:
    """The identity under which the hub knows the link; nothing is left under way."""
    got: list[tuple[bytes, bytes]] = []

    def speak() -> None:
        link.send(b"hello")
        got.extend(hub.receive(PATIENCE_SECONDS))

    until(lambda: got, speak)
    link.send(b"introduced")
    until(lambda: got[-1][1] == b"introduced", lambda: got.extend(hub.receive(PATIENCE_SECONDS)))
    return got[-1][0]


def tune_in(hub: Hub, *links: Link) -> None:
    """Publish until every link hears it; nothing is left to hear."""
    deaf = list(links)

    def publish() -> None:
        hub.publish(b"tune")
        hub.receive(0.0)
        deaf[0].receive(PATIENCE_SECONDS)
        deaf[:] = [link for link in deaf if not link.live(1)]

    until(lambda: not deaf, publish)
    hub.publish(b"tuned")
    for link in links:
        live_to(link, b"tuned")


def drain(hub: Hub, link: Link) -> list[bytes]:
    """Publish until the link hears it, and give what it heard before."""
    heard: list[bytes] = []

    def publish() -> None:
        hub.publish(b"end")
        link.receive(PATIENCE_SECONDS)
        heard.extend(link.live(100_000))

    until(lambda: b"end" in heard, publish)
    return heard[: heard.index(b"end")]


def live_to(link: Link, last: bytes) -> list[bytes]:
    """Live frames up to the one named."""
    heard: list[bytes] = []
    until(lambda: last in heard, lambda: heard.extend(link.live(1)))
    return heard


def frames_at(hub: Hub, number: int) -> list[tuple[bytes, bytes]]:
    """As many frames from links as asked for."""
    got: list[tuple[bytes, bytes]] = []
    until(lambda: len(got) >= number, lambda: got.extend(hub.receive(PATIENCE_SECONDS)))
    return got


def answers_at(link: Link, number: int) -> list[bytes]:
    """As many frames from the hub as asked for."""
    got: list[bytes] = []
    until(lambda: len(got) >= number, lambda: got.extend(link.receive(PATIENCE_SECONDS)))
    return got


def live_at(link: Link, number: int) -> list[bytes]:
    """As many live frames as asked for."""
    got: list[bytes] = []
    until(lambda: len(got) >= number, lambda: got.extend(link.live(number)))
    return got


def awoken(wait: Callable[[float], object], wake: Callable[[], object] = bool) -> object:
    """What a wait without end gives when it is woken."""
    got: list[object] = []
    waiter = threading.Thread(target=lambda: got.append(wait(3_600.0)), daemon=True)
    waiter.start()
    wake()
    waiter.join(DEADLINE_SECONDS)
    assert not waiter.is_alive(), "the wait did not end"
    return got[0]
