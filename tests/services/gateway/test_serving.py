"""The listening socket and the server, with real connections."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import msgspec
import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from bus.errors import AddressRefused
from market.messages.cache import CacheStatus
from market.messages.fetcher import CollectorStatus
from services.gateway.guard import Door
from services.gateway.http import application
from services.gateway.live import Live
from services.gateway.metrics import Meters
from services.gateway.news import News
from services.gateway.serving import MESSAGE_BYTES_MAX, listen, serve
from tests.services.gateway import samples
from tests.services.gateway.fakes import FakeDeck


def test_a_taken_port_is_refused_with_the_remedy() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressRefused, match="choose another TAPEDECK_GATEWAY__PORT"):
            listen("127.0.0.1", port)


def test_a_taken_port_of_ipv6_is_named_as_it_is_opened() -> None:
    with listen("::1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressRefused) as refused:
            listen("::1", port)
    assert refused.value.message == f"http://[::1]:{port} is taken"


def test_an_answer_does_not_wait_for_the_readers_acknowledgement() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_of_another_machine_is_refused_with_the_remedy() -> None:
    with pytest.raises(AddressRefused, match="TAPEDECK_GATEWAY__HOST"):
        listen("192.0.2.1", 8321)


def test_http_and_the_live_stream_are_served_until_the_deck_is_gone(tmp_path: Path) -> None:
    deck = FakeDeck(
        {CollectorStatus: samples.collector(), CacheStatus: samples.cache()},
        samples.records(samples.quote()),
    )
    meters, gone = Meters(), threading.Event()
    app = application(
        deck, Door("127.0.0.1"), Live(deck, News(), meters), meters, "1.2.3", tmp_path
    )
    listener = listen("127.0.0.1", 0)
    place = f"127.0.0.1:{listener.getsockname()[1]}"
    server = threading.Thread(
        target=serve, args=(app, listener, lambda: not gone.is_set()), daemon=True
    )
    server.start()
    try:
        answer = requests.get(f"http://{place}/api/collector/status", timeout=10)
        assert (answer.status_code, "server" in answer.headers) == (200, False)
        with connect(f"ws://{place}/api/live") as page:
            page.send('{"from_seq": 1}')
            assert msgspec.json.decode(page.recv(timeout=10))["seq"] == 1
            gone.set()
            with pytest.raises(ConnectionClosed):
                page.recv(timeout=10)
    finally:
        gone.set()
        server.join(timeout=10)
    assert not server.is_alive()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(place.split(":")[1])), timeout=1)


def test_a_foreign_page_is_refused_without_an_error_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    deck, meters, gone = FakeDeck(), Meters(), threading.Event()
    app = application(
        deck, Door("127.0.0.1"), Live(deck, News(), meters), meters, "1.2.3", tmp_path
    )
    listener = listen("127.0.0.1", 0)
    place = f"127.0.0.1:{listener.getsockname()[1]}"
    server = threading.Thread(
        target=serve, args=(app, listener, lambda: not gone.is_set()), daemon=True
    )
    server.start()
    try:
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://{place}/api/live", origin=Origin("http://evil.example"))
        assert refused.value.response.status_code == 403
    finally:
        gone.set()
        server.join(timeout=10)
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == []


def test_a_page_that_says_too_much_is_cut_off(tmp_path: Path) -> None:
    deck, meters, gone = FakeDeck(), Meters(), threading.Event()
    app = application(
        deck, Door("127.0.0.1"), Live(deck, News(), meters), meters, "1.2.3", tmp_path
    )
    listener = listen("127.0.0.1", 0)
    server = threading.Thread(
        target=serve, args=(app, listener, lambda: not gone.is_set()), daemon=True
    )
    server.start()
    try:
        with connect(f"ws://127.0.0.1:{listener.getsockname()[1]}/api/live") as page:
            page.send("x" * (MESSAGE_BYTES_MAX + 1))
            with pytest.raises(ConnectionClosed) as closed:
                page.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
    finally:
        gone.set()
        server.join(timeout=10)
