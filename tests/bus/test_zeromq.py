"""Local means local, and what a stranger sends to a socket reaches nobody."""

from __future__ import annotations

import random
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import zmq
from hypothesis import example, given
from hypothesis import strategies as st

from bus.codec import FRAME_BYTES_MAX
from bus.errors import AddressRefused
from bus.transport.gate import SEAL_BYTES_MAX
from bus.transport.zeromq import (
    BATCH_FRAMES_MAX,
    CONTROL_FRAMES_MAX,
    IPC_PATH_BYTES_MAX,
    Address,
    ZeroMQHub,
    ZeroMQLink,
    address,
)
from config.settings import SettingsError, read_settings
from tests.bus.rig import Rig, ZeroMQWire, until
from tests.bus.strangers import RawPeer, first_of_three_free_ports, part
from tests.bus.words import Counted

TOKEN = "a long and random word"


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="td-") as name:
        yield Path(name)


@pytest.fixture
def stranger() -> Iterator[zmq.Socket[bytes]]:
    """A socket that keeps no rule of the protocol."""
    context = zmq.Context()
    with closing(context.socket(zmq.DEALER)) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        yield socket
    context.term()


def test_without_a_url_the_sockets_lie_in_the_run_folder(folder: Path) -> None:
    assert address("", folder) == Address(
        f"ipc://{folder}/bus",
        f"ipc://{folder}/tape",
        f"ipc://{folder}/control",
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_url_gives_three_ports_of_the_loopback_and_the_token_that_does_not_show(
    host: str,
) -> None:
    where = address(f"tcp://{host}:5550", Path(), TOKEN)
    assert where == Address(
        "tcp://127.0.0.1:5550", "tcp://127.0.0.1:5551", "tcp://127.0.0.1:5552", TOKEN
    )
    assert TOKEN not in repr(where)


@pytest.mark.guarantee("strangers")
@pytest.mark.parametrize(
    "url",
    [
        "tcp://0.0.0.0:5550",
        "tcp://192.168.1.2:5550",
        "tcp://*:5550",
        "tcp://[::1]:5550",
        "tcp://127.8.8.8:5550",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:65534",
        "nats://127.0.0.1",
        "ipc://x",
    ],
)
def test_any_other_address_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(AddressRefused, match=r"nats:// or the HTTP API"):
        address(url, Path(), TOKEN)


HOSTS = st.sampled_from(
    ["127.0.0.1", "localhost", "LOCALHOST", "127.1", "[::1]", "::1", "*", "0.0.0.0", "deck", ""]
)
PORTS = st.one_of(st.integers(-1, 70_000).map(str), st.sampled_from(["", "x", "05550", " 1"]))
URLS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["tcp://", "TCP://", "ipc://", "nats://", "tcp:", ""]),
    HOSTS,
    PORTS.map(":{}".format) | st.just(""),
    st.sampled_from(["", "", "", "/", "?a", "#a", "\n", ":1"]),
)


@pytest.mark.guarantee("strangers")
@given(url=URLS.filter(bool))
@example("tcp://127.0.0.1:5550")
@example("tcp://localhost:65533")
def test_the_settings_and_the_sockets_take_the_same_addresses(url: str) -> None:
    def takes(reads: Callable[[], object]) -> bool:
        try:
            reads()
        except (SettingsError, AddressRefused):
            return False
        return True

    environ = {"TAPEDECK_BUS__URL": url, "TAPEDECK_GATEWAY__TOKEN": TOKEN, "TAPEDECK_HOME": "/h"}
    in_settings = takes(lambda: read_settings(environ, Path("/nowhere")))
    assert in_settings == takes(lambda: address(url, Path(), TOKEN))


@pytest.mark.guarantee("strangers")
@pytest.mark.parametrize("open_end", [ZeroMQHub, ZeroMQLink])
def test_over_tcp_nothing_is_opened_without_a_token(open_end: Callable[[Address], object]) -> None:
    with pytest.raises(AddressRefused, match="set TAPEDECK_GATEWAY__TOKEN to a long random word"):
        open_end(address("tcp://127.0.0.1:5550", Path()))


def test_a_path_too_long_for_a_socket_is_refused_with_the_remedy() -> None:
    room = IPC_PATH_BYTES_MAX - len("//control")
    assert address("", Path("/" + "h" * room)).control.endswith("/control")

    with pytest.raises(AddressRefused, match="set TAPEDECK_HOME to a shorter path"):
        address("", Path("/" + "h" * (room + 1)))


def test_a_taken_port_is_told_and_nothing_stays_open() -> None:
    with socket.socket() as first:
        first.bind(("127.0.0.1", 0))
        port = first.getsockname()[1]
        with pytest.raises(AddressRefused, match=f"cannot bind tcp://127.0.0.1:{port}"):
            ZeroMQHub(address(f"tcp://127.0.0.1:{port}", Path(), TOKEN))


def test_a_folder_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(AddressRefused, match="choose another with TAPEDECK_BUS__URL"):
        ZeroMQHub(address("", folder / "none"))


def test_frames_of_other_shapes_reach_nobody(folder: Path, stranger: zmq.Socket[bytes]) -> None:
    where = address("", folder)
    with closing(ZeroMQHub(where)) as hub:
        stranger.connect(where.bus)
        for parts in ([b"one", b"two"], [b"", b"request"], [b"a", b"b", b"c"], [b"whole"]):
            stranger.send_multipart(parts)
        got: list[bytes] = []
        until(lambda: got, lambda: got.extend(frame for _, frame in hub.receive(0.05)))

        assert got == [b"whole"]


@pytest.mark.guarantee("strangers")
def test_a_flood_of_frames_of_other_shapes_is_taken_a_batch_at_a_time(folder: Path) -> None:
    where, batches = address("", folder), CONTROL_FRAMES_MAX // BATCH_FRAMES_MAX
    odd = part(b"one", more=True) + part(b"two")
    with closing(ZeroMQHub(where)) as hub, RawPeer(where.bus) as peer:
        peer.enter("DEALER")
        peer.say(odd * BATCH_FRAMES_MAX * batches + part(b"whole"))
        until(peer.has_said_all)
        got: list[list[bytes]] = []
        until(
            lambda: got and got[-1],
            lambda: got.append([frame for _, frame in hub.receive(0.05)]),
        )

    assert got[-1] == [b"whole"]
    assert len(got) > batches


@pytest.mark.guarantee("strangers")
@pytest.mark.parametrize("url", ["", "tcp"])
def test_the_largest_frame_passes_both_ways(folder: Path, url: str) -> None:
    where = address(url and f"tcp://127.0.0.1:{first_of_three_free_ports()}", folder, TOKEN)
    largest = bytes(FRAME_BYTES_MAX)
    with closing(ZeroMQHub(where)) as hub, closing(ZeroMQLink(where)) as link:
        link.send(largest)
        heard: list[tuple[bytes, bytes]] = []
        until(lambda: heard, lambda: heard.extend(hub.receive(0.05)))
        assert hub.send(heard[0][0], heard[0][1])
        answers: list[bytes] = []
        until(lambda: answers, lambda: answers.extend(link.receive(0.05)))

    assert answers == [largest]


def test_a_strangers_oversize_frame_costs_it_the_connection_and_nobody_else(
    folder: Path, stranger: zmq.Socket[bytes]
) -> None:
    where = address("", folder)
    with closing(ZeroMQHub(where)) as hub, closing(ZeroMQLink(where)) as link:
        stranger.connect(where.bus)
        stranger.send(bytes(FRAME_BYTES_MAX + SEAL_BYTES_MAX + 1))
        link.send(b"honest")
        got: list[bytes] = []
        until(lambda: got, lambda: got.extend(frame for _, frame in hub.receive(0.05)))

        assert got == [b"honest"]


def test_raw_bytes_at_both_sockets_harm_nobody(folder: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    rig = Rig(ZeroMQWire(folder), tmp_path)
    with closing(rig):
        rig.start()
        producer, listener = rig.welcome("p"), rig.welcome("l")
        for number in range(40):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(str(folder / ("bus" if number % 2 else "tape")))
                stranger.setblocking(False)
                stranger.send(b"GET / HTTP/1.1\r\n\r\n" if number < 4 else chance.randbytes(4_000))
            producer.append(Counted("A", number), mark=number)
            rig.step()
        rig.until(lambda: len(producer.acks) == 40)
        rig.pass_time(lambda: len(listener.records) == 40)

        assert listener.records == rig.tape()
        assert rig.broker is not None
        assert [service.name for service in rig.broker.state().services] == ["l", "p"]


def test_a_listener_that_subscribes_by_prefix_hears_those_subjects_alone(
    folder: Path, tmp_path: Path
) -> None:
    rig = Rig(ZeroMQWire(folder), tmp_path)
    with closing(rig), zmq.Context() as context:
        rig.start()
        with closing(context.socket(zmq.SUB)) as script:
            script.connect(f"ipc://{folder}/tape")
            script.subscribe("count.made.A\0")
            heard: list[bytes] = []
            producer = rig.welcome("p")

            def speak() -> None:
                mark = (producer.client.standing.mark or 0) + 1
                producer.append(Counted("AB", 1), Counted("A", 2), mark=mark)
                rig.until(lambda: producer.client.in_flight == 0)
                if script.poll(20):
                    heard.append(script.recv())

            until(lambda: heard, speak)
            assert heard[0].startswith(b"count.made.A\0")
