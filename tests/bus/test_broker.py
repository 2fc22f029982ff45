"""The broker: one transaction for what has arrived, then live, then answers; no byte kills it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.broker import HEARTBEAT_SECONDS, PRESENT_SECONDS, Broker
from bus.codec import (
    NIL,
    Append,
    Bye,
    Draft,
    Frame,
    Heartbeat,
    Hello,
    Record,
    Reply,
    Request,
    Welcome,
    decode_frames,
    decode_live,
    encode_frame,
)
from bus.message import BusState, Counters
from bus.tape import TapeWriter
from tests.bus.rig import CODEC, FakeClock, Rig
from tests.bus.test_codec import FRAMES
from tests.bus.test_tape import seqs_in_file
from tests.bus.words import Counted

JUNK = st.binary(max_size=60) | FRAMES.map(encode_frame)


class Script:
    """A hub whose clients say what the test wrote, and that notes what they get, in order."""

    def __init__(self) -> None:
        self.incoming: list[tuple[bytes, bytes]] = []
        self.outgoing: list[tuple[bytes, Frame | Record | Heartbeat | Any]] = []
        self.waits: list[float] = []
        self.gone: set[bytes] = set()

    def say(self, identity: bytes, *frames: Frame) -> None:
        self.incoming += [(identity, encode_frame(frame)) for frame in frames]

    def receive(self, timeout_seconds: float) -> list[tuple[bytes, bytes]]:
        self.waits.append(timeout_seconds)
        incoming, self.incoming = self.incoming, []
        return incoming

    def send(self, identity: bytes, frame: bytes) -> bool:
        if identity in self.gone:
            return False
        self.outgoing += [(identity, one) for one in decode_frames(frame)]
        return True

    def publish(self, frame: bytes) -> None:
        self.outgoing.append((b"*", decode_live(frame)))

    def wake(self) -> None:
        raise AssertionError("a script is not waited for")

    def close(self) -> None:
        raise AssertionError("a broker does not close what it did not open")

    def to(self, identity: bytes) -> list[Any]:
        """What one client got, or what went to all."""
        return [frame for who, frame in self.outgoing if who == identity]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def hub() -> Script:
    return Script()


@pytest.fixture
def broker(rig: Rig, hub: Script, clock: FakeClock) -> Broker:
    """A broker over the script, past its first heartbeat."""
    assert isinstance(rig.writer, TapeWriter)
    broker = Broker(rig.writer, hub, clock)
    broker.step(0.0)
    hub.outgoing.clear()
    return broker


def hello(service: str, epoch: int = 0, *, ready: bool = True) -> Hello:
    return Hello(service, epoch, 0, ready, 4711)


def turn(after: int, mark: int, *, producer: str = "p", epoch: int = 1) -> Append:
    return Append(producer, epoch, after, mark, "logged", (CODEC.draft(Counted("A", mark)),))


def names(frames: list[Any]) -> list[str]:
    return [type(frame).__name__ for frame in frames]


@pytest.mark.guarantee("tape-first")
def test_what_arrived_together_is_committed_together_then_told_live_then_acknowledged(
    broker: Broker, hub: Script
) -> None:
    hub.say(b"1", hello("p"), turn(-1, 0), turn(0, 1))
    hub.say(b"2", hello("q"), turn(-1, 0, producer="q"))
    broker.step(0.0)

    assert [(who, type(frame).__name__) for who, frame in hub.outgoing] == [
        (b"1", "Welcome"),
        (b"2", "Welcome"),
        *[(b"*", "Record")] * 3,
        (b"1", "Appended"),
        (b"1", "Appended"),
        (b"2", "Appended"),
    ]
    assert broker.counts == {"events": 3, "commits": 1, "resends": 0, "refused": 0}


@pytest.mark.guarantee("heartbeats")
def test_a_heartbeat_goes_out_each_second_and_tells_the_head(
    broker: Broker, hub: Script, clock: FakeClock
) -> None:
    hub.say(b"1", hello("p"), turn(-1, 0))
    broker.step(0.0)
    for _ in range(3):
        clock.advance(HEARTBEAT_SECONDS)
        broker.step(0.0)

    beats = [frame for frame in hub.to(b"*") if isinstance(frame, Heartbeat)]
    assert [beat.head for beat in beats] == [1, 1, 1]


def test_the_broker_waits_no_longer_than_to_the_next_heartbeat(
    broker: Broker, hub: Script, clock: FakeClock
) -> None:
    clock.advance(0.25)
    broker.step(60.0)

    assert hub.waits[-1] == pytest.approx(HEARTBEAT_SECONDS - 0.25)


@pytest.mark.guarantee("epochs")
def test_a_repeated_first_greeting_is_given_the_same_epoch_and_another_process_the_next(
    broker: Broker, hub: Script
) -> None:
    hub.say(b"1", hello("p"), hello("p"), hello("p"))
    hub.say(b"2", hello("p"))
    broker.step(0.0)

    assert [frame.epoch for frame in hub.to(b"1")] == [1, 1, 1]
    assert [frame.epoch for frame in hub.to(b"2")] == [2]


@pytest.mark.guarantee("epochs")
def test_greetings_that_a_dead_process_left_behind_fence_nobody(
    broker: Broker, hub: Script
) -> None:
    dead, living = Hello("p", 0, 0, False, 1, began_us=1), Hello("p", 0, 0, False, 2, began_us=2)
    hub.say(b"1", dead)
    hub.say(b"2", living)
    hub.say(b"1", dead)
    broker.step(0.0)
    hub.say(b"2", msgspec.structs.replace(living, epoch=2))
    broker.step(0.0)

    assert [getattr(frame, "code", "") for frame in hub.to(b"1")] == ["", "fenced"]
    assert [frame.epoch for frame in hub.to(b"2")] == [2, 2]


@pytest.mark.guarantee("epochs")
def test_a_greeting_under_an_older_epoch_is_fenced_and_leaves_the_newer_in_its_place(
    broker: Broker, hub: Script
) -> None:
    hub.say(b"1", hello("p"))
    hub.say(b"2", hello("p"))
    hub.say(b"1", hello("p", epoch=1))
    hub.say(b"3", Request(9, "p", "Count", NIL, 1))
    broker.step(0.0)

    assert [getattr(frame, "code", "") for frame in hub.to(b"1")] == ["", "fenced"]
    assert names(hub.to(b"2")) == ["Welcome", "Request"]


def test_a_good_bye_of_an_older_process_does_not_make_the_newer_absent(
    broker: Broker, hub: Script
) -> None:
    hub.say(b"1", hello("p"))
    hub.say(b"2", hello("p"))
    hub.say(b"1", Bye("p", 1))
    hub.say(b"3", Request(9, "p", "Count", NIL, 1))
    broker.step(0.0)

    assert names(hub.to(b"2")) == ["Welcome", "Request"]


def test_a_request_goes_to_the_service_with_its_askers_name_and_the_reply_back(
    broker: Broker, hub: Script
) -> None:
    hub.say(b"svc", hello("p"))
    hub.say(b"ask", Request(9, "p", "Count", NIL, 1, origin=b"forged"))
    broker.step(0.0)
    [request] = [frame for frame in hub.to(b"svc") if isinstance(frame, Request)]
    hub.say(b"svc", Reply(request.id, request.origin, NIL))
    broker.step(0.0)

    assert request.origin == b"ask"
    assert hub.to(b"ask") == [Reply(9, b"ask", NIL)]


@pytest.mark.parametrize("how", ["never there", "silent", "gone"])
@pytest.mark.guarantee("requests")
def test_a_request_to_nobody_is_unavailable_at_once(
    broker: Broker, hub: Script, clock: FakeClock, how: str
) -> None:
    if how != "never there":
        hub.say(b"svc", hello("p"))
        broker.step(0.0)
    if how == "silent":
        clock.advance(PRESENT_SECONDS + 0.001)
    if how == "gone":
        hub.gone.add(b"svc")
    hub.say(b"ask", Request(9, "p", "Count", NIL, 1))
    broker.step(0.0)

    [reply] = hub.to(b"ask")
    assert (reply.id, reply.code) == (9, "unavailable")
    assert "try again" in reply.remedy


def test_the_bus_refuses_what_it_does_not_know(broker: Broker, hub: Script) -> None:
    hub.say(b"ask", Request(9, "bus", "Explode", NIL, 1))
    broker.step(0.0)

    assert [frame.code for frame in hub.to(b"ask")] == ["unknown_message"]


@pytest.mark.guarantee("observability")
def test_the_state_tells_presence_readiness_lag_and_starts(
    broker: Broker, hub: Script, clock: FakeClock
) -> None:
    hub.say(b"1", hello("p"), turn(-1, 0), turn(0, 1), turn(0, 1), turn(7, 8))
    hub.say(b"2", hello("q", ready=False))
    broker.step(0.0)
    clock.advance(PRESENT_SECONDS + 1.0)
    hub.say(b"2", Hello("q", 1, 1, True, 4711, Counters(dead_letters=1, gaps=2)))
    hub.incoming.append((b"3", b"noise"))
    broker.step(0.0)
    state = broker.state()

    assert isinstance(state, BusState)
    assert (state.head, state.events_appended, state.commits) == (2, 2, 1)
    assert (state.resends, state.refused, state.bad_frames, state.batch_p50) == (1, 1, 1, 2)
    assert [(s.name, s.ready, s.heard, s.lag, s.starts, s.counters) for s in state.services] == [
        ("p", False, 0, 2, 1, Counters()),
        ("q", True, 1, 1, 1, Counters(dead_letters=1, gaps=2)),
    ]


def test_the_bytes_of_the_tape_are_all_that_a_listing_of_its_files_shows(
    broker: Broker, hub: Script, rig: Rig
) -> None:
    hub.say(b"1", hello("p"), *[turn(mark - 1, mark) for mark in range(50)])
    broker.step(0.0)
    files = [rig.path, rig.path.with_name("tape.db-wal")]

    assert broker.state().tape_bytes == sum(path.stat().st_size for path in files)


def test_a_state_before_the_first_commit_has_no_quantiles(broker: Broker) -> None:
    state = broker.state()

    assert (state.commit_ms_p50, state.commit_ms_p99, state.batch_p50) == (0.0, 0.0, 0.0)


def test_the_tape_rests_at_a_heartbeat_before_which_nobody_spoke(
    broker: Broker, hub: Script, rig: Rig, clock: FakeClock
) -> None:
    hub.say(b"1", hello("p"))
    in_file = []
    for frames in ([], [turn(-1, 0)], [turn(0, 1)], []):
        clock.advance(HEARTBEAT_SECONDS)
        hub.say(b"1", *frames)
        broker.step(0.0)
        in_file.append(seqs_in_file(rig.path))

    assert in_file == [[], [], [], [1, 2]]


@pytest.fixture
def unrested(
    broker: Broker,
    hub: Script,
    rig: Rig,
    clock: FakeClock,
    full_disk: Callable[[int], None],
) -> Broker:
    """A broker whose tape could not rest at the last heartbeat; the disk takes again since."""
    hub.say(b"1", hello("p"), turn(-1, 0))
    broker.step(0.0)
    full_disk(rig.path.stat().st_size)
    clock.advance(HEARTBEAT_SECONDS)
    broker.step(0.0)
    full_disk(-1)
    return broker


@pytest.mark.guarantee("disk-full")
def test_a_tape_that_cannot_rest_is_told_with_each_heartbeat_until_it_can(
    unrested: Broker, hub: Script, clock: FakeClock
) -> None:
    clock.advance(HEARTBEAT_SECONDS)
    unrested.step(0.0)

    told = [frame.degraded for frame in hub.to(b"*") if isinstance(frame, Heartbeat)]
    assert ["is whole and cannot be written back" in told[0], told[1]] == [True, ""]


@pytest.mark.guarantee("disk-full")
def test_a_tape_that_could_not_rest_is_tried_again_though_somebody_speaks_all_the_time(
    unrested: Broker, hub: Script, rig: Rig, clock: FakeClock
) -> None:
    clock.advance(HEARTBEAT_SECONDS)
    hub.say(b"1", turn(0, 1))
    unrested.step(0.0)

    told = [bool(frame.degraded) for frame in hub.to(b"*") if isinstance(frame, Heartbeat)]
    assert (told, seqs_in_file(rig.path)) == ([True, False], [1, 2])


@given(junk=st.lists(JUNK, max_size=8))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.guarantee("strangers")
def test_no_byte_a_peer_can_send_harms_the_broker_or_the_tape(
    broker: Broker, hub: Script, rig: Rig, junk: list[bytes]
) -> None:
    hub.incoming = [(b"stranger", data) for data in junk]
    broker.step(0.0)
    hub.outgoing.clear()
    hub.say(b"1", hello("honest"))
    broker.step(0.0)
    [welcome] = hub.to(b"1")
    assert isinstance(welcome, Welcome)
    hub.say(b"1", turn(welcome.mark, welcome.mark + 1, producer="honest", epoch=welcome.epoch))
    broker.step(0.0)

    assert names(hub.to(b"1")) == ["Welcome", "Appended"]
    assert rig.writer is not None
    assert rig.writer.marks["honest"].mark == welcome.mark + 1


@pytest.mark.parametrize(
    "draft",
    [
        pytest.param(["", 1, {}], id="no subject"),
        pytest.param(["a.b." + "c" * 200, 1, {}], id="a long subject"),
        pytest.param(["a.b.c", -5, {}], id="a negative version"),
        pytest.param(["a.b.c", 1 << 62, {}], id="a huge version"),
        pytest.param(["a.b.c", 1 << 63, {}], id="a version beyond the tape's numbers"),
        pytest.param(["a.b.c", 1, None], id="no body"),
        pytest.param(["a.b.c", 1, {}, 1 << 62], id="a huge expectation"),
    ],
)
def test_what_a_peer_may_draft_is_kept_whole_or_not_at_all(
    broker: Broker, hub: Script, rig: Rig, draft: list[Any]
) -> None:
    hub.say(b"1", hello("p"))
    hub.incoming.append((b"1", msgpack.packb(["append", "p", 1, -1, 0, "logged", [draft]])))
    broker.step(0.0)

    kept = [[r.subject, r.version, msgspec.msgpack.decode(r.body)] for r in rig.tape()]
    assert kept == ([draft] if names(hub.to(b"1")) == ["Welcome", "Appended"] else [])


def test_a_body_that_is_nil_is_told_live_as_a_header_and_read_from_the_tape(
    broker: Broker, hub: Script, rig: Rig
) -> None:
    hub.say(b"1", hello("p"))
    hub.say(b"1", Append("p", 1, -1, 0, "logged", (Draft("a.b.c", 1, NIL),)))
    broker.step(0.0)

    assert names(hub.to(b"*")) == ["Header"]
    assert [record.body for record in rig.tape()] == [bytes(NIL)]
