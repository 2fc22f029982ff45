"""The control socket and its client, over real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.actor import Refused
from bus.errors import AddressRefused, Unavailable
from bus.message import Done
from market.messages.cache import CacheStatus, FindEvents, SeqsFound
from market.messages.fetcher import AddTicker, CollectorStatus, Stop
from services.gateway.client import Client
from services.gateway.control import PENDING_MAX, Control, opened
from services.gateway.metrics import Figures, Meters
from tests.services.gateway import samples
from tests.services.gateway.fakes import NEVER, FakeDeck, Replies

STATE: Replies = {CollectorStatus: samples.collector(), CacheStatus: samples.cache()}
Serve = Callable[..., str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serves a deck at an address of its own."""
    with ExitStack() as stack:

        def served(deck: FakeDeck, meters: Meters | None = None) -> str:
            address = f"ipc://{tmp_path / 'control'}"
            control = Control(deck, meters or Meters(), address)
            stack.callback(control.close)
            return address

        yield served


@pytest.fixture
def sockets() -> Iterator[Callable[[int, str], zmq.Socket[bytes]]]:
    """Opens plain sockets, as any script would."""
    with zmq.Context() as context, ExitStack() as stack:

        def opened_socket(kind: int, address: str) -> zmq.Socket[bytes]:
            plain = stack.enter_context(context.socket(kind))
            plain.setsockopt(zmq.LINGER, 0)
            plain.setsockopt(zmq.RCVTIMEO, 10_000)
            plain.connect(address)
            return plain

        yield opened_socket


def test_a_script_asks_with_a_plain_req_socket(serve: Serve, sockets: Any) -> None:
    req = sockets(zmq.REQ, serve(FakeDeck(STATE)))
    req.send(msgpack.packb({"verb": "status", "args": {}}))
    reply = msgpack.unpackb(req.recv())
    assert (reply["ok"], reply["result"]["watchlist"]) == (True, ["SPY", "QQQ", "NVDA"])


def test_the_client_gives_the_answer_or_raises_the_refusal(serve: Serve) -> None:
    refusal = Refused("protected", "SPY is protected", "it stays")
    deck = FakeDeck(STATE | {AddTicker: Done(9, 1), Stop: refusal})
    with Client(serve(deck)) as client:
        assert client.call("add", ticker="nvda")["seq"] == 9
        with pytest.raises(Refused) as refused:
            client.call("stop")
        assert (refused.value.code, refused.value.remedy) == ("protected", "it stays")


def test_events_are_read_from_the_tape(serve: Serve) -> None:
    deck = FakeDeck({FindEvents: SeqsFound((1,), 1, 0)}, samples.records(samples.quote()))
    with Client(serve(deck)) as client:
        assert client.call("events")["events"][0]["event"]["price"] == 190.0


@pytest.mark.parametrize(
    ("request_body", "code"),
    [
        ({"verb": "explode"}, "unknown_verb"),
        ({"verb": "doctor"}, "unknown_verb"),
        ({"verb": "add", "args": {}}, "bad_argument"),
        ({"verb": "events", "args": {"from_seq": 2**64 - 1}}, "bad_argument"),
        ({"verb": "add", "args": {"ticker": "N V"}}, "bad_ticker"),
        ({"verb": "status", "args": {"more": 1}}, "bad_argument"),
        ({"args": {}}, "bad_frame"),
        ({"verb": 5}, "bad_frame"),
        ({"verb": "status", "more": 1}, "bad_frame"),
        (["status"], "bad_frame"),
        (None, "bad_frame"),
    ],
)
def test_wrong_requests_get_the_error_shape(
    serve: Serve, sockets: Any, request_body: Any, code: str
) -> None:
    deck = FakeDeck()
    req = sockets(zmq.REQ, serve(deck))
    req.send(msgpack.packb(request_body))
    reply = msgpack.unpackb(req.recv())
    assert (reply["ok"], reply["error"]["code"]) == (False, code)
    assert set(reply["error"]) == {"code", "message", "remedy"}
    assert reply["error"]["remedy"]
    assert deck.asked == []


def test_malformed_frames_are_answered_and_counted_and_harm_nobody(
    serve: Serve, sockets: Any
) -> None:
    meters = Meters()
    address = serve(FakeDeck(STATE), meters)
    dealer = sockets(zmq.DEALER, address)
    for frames in ([b""], [b"\xc1"], [b"", b"a", b"b"], [b"a", b"b", b"c", b"d"]):
        dealer.send_multipart(frames)
        assert msgpack.unpackb(dealer.recv_multipart()[-1])["error"]["code"] == "bad_frame"
    line = 'tapedeck_requests_total{code="bad_frame",door="control",verb=""} 4.0'
    assert line in meters.text(Figures(None, None, None)).decode()
    with Client(address) as client:
        assert client.call("status")["success"]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=st.lists(st.binary(max_size=8), min_size=1, max_size=6))
def test_every_envelope_is_opened_without_losing_a_frame(frames: list[bytes]) -> None:
    envelope, parts = opened([b"identity", *frames])
    assert [*envelope, *parts] == [b"identity", *frames]
    assert envelope[0] == b"identity"
    assert parts


def test_one_slow_answer_holds_up_nobody(serve: Serve, sockets: Any) -> None:
    deck = FakeDeck(STATE | {FindEvents: NEVER})
    dealer = sockets(zmq.DEALER, serve(deck))
    for verb in ("events", "status"):
        dealer.send_multipart([verb.encode(), b"", msgpack.packb({"verb": verb})])
    asker, _, reply = dealer.recv_multipart()
    assert (asker, msgpack.unpackb(reply)["ok"]) == (b"status", True)
    deck.waiting[0].set_result(SeqsFound((), 7, 0))
    asker, _, reply = dealer.recv_multipart()
    assert (asker, msgpack.unpackb(reply)["result"]["events"]) == (b"events", [])


def test_an_answer_that_does_not_come_in_time_is_given_up_and_harms_nobody_when_it_comes(
    tmp_path: Path, sockets: Any
) -> None:
    deck, seconds = FakeDeck(STATE | {FindEvents: NEVER}), [0.0]
    address = f"ipc://{tmp_path / 'control'}"
    control = Control(deck, Meters(), address, elapsed_seconds=lambda: seconds[0])
    try:
        dealer = sockets(zmq.DEALER, address)
        for verb in ("events", "status"):
            dealer.send_multipart([b"", msgpack.packb({"verb": verb})])
        assert msgpack.unpackb(dealer.recv_multipart()[-1])["ok"]
        seconds[0] = 11.0
        reply = msgpack.unpackb(dealer.recv_multipart()[-1])
        assert reply["error"]["code"] == "unavailable"
        deck.waiting[0].set_result(SeqsFound((), 7, 0))
        with Client(address) as client:
            assert client.call("status")["success"]
    finally:
        control.close()


def test_more_requests_than_can_be_held_are_told_to_try_again(serve: Serve, sockets: Any) -> None:
    deck = FakeDeck({CacheStatus: NEVER})
    dealer = sockets(zmq.DEALER, serve(deck))
    request = msgpack.packb({"verb": "cache"})
    for _ in range(PENDING_MAX + 1):
        dealer.send_multipart([b"", request])
    reply = msgpack.unpackb(dealer.recv_multipart()[-1])
    assert reply["error"]["code"] == "overloaded"
    assert len(deck.waiting) == PENDING_MAX


def test_a_fault_of_our_own_is_answered_and_ends_nothing(serve: Serve) -> None:
    deck = FakeDeck({CacheStatus: KeyError("secret")} | {CollectorStatus: samples.collector()})
    with Client(serve(deck)) as client:
        with pytest.raises(Refused) as refused:
            client.call("cache")
        assert (refused.value.code, "secret" in str(refused.value)) == ("internal_error", False)
        deck.replies[CacheStatus] = samples.cache()
        assert client.call("cache")["seq"] == 7


def test_a_deck_that_is_not_there_is_told_apart_at_once(tmp_path: Path) -> None:
    with Client(f"ipc://{tmp_path / 'control'}") as client:
        with pytest.raises(Unavailable) as unavailable:
            client.call("status")
        assert unavailable.value.remedy == "start the deck with: make run"


def test_a_lost_answer_is_asked_for_once_more_on_a_fresh_socket(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path / 'control'}"
    seen: list[bytes] = []
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.setsockopt(zmq.LINGER, 0)
        router.setsockopt(zmq.RCVTIMEO, 10_000)
        router.bind(address)

        def forgetful() -> None:
            seen.append(router.recv_multipart()[-1])  # the first answer is lost
            identity, delimiter, body = router.recv_multipart()
            seen.append(body)
            reply = msgpack.packb({"ok": True, "result": {"success": True}})
            router.send_multipart([identity, delimiter, reply])

        server = threading.Thread(target=forgetful)
        server.start()
        with Client(address, timeout_seconds=0.2) as client:
            assert client.call("start") == {"success": True}
        server.join()
    assert seen[0] == seen[1]


@pytest.mark.guarantee("strangers")
def test_over_tcp_whoever_has_the_token_is_answered_and_nobody_else(sockets: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    deck = FakeDeck(STATE)
    control = Control(deck, Meters(), address, token="open sesame")
    try:
        with Client(address, token="open sesam") as client, pytest.raises(Unavailable) as silence:
            client.call("status")
        assert silence.value.remedy == (
            "start the deck with: make run, or set TAPEDECK_GATEWAY__TOKEN to the one it was"
            " started with"
        )
        stranger = sockets(zmq.REQ, address)
        stranger.send(msgpack.packb({"verb": "status"}))
        assert stranger.poll(200) == 0
        assert deck.asked == []
        with Client(address, token="open sesame") as client:
            assert client.call("status")["success"]
    finally:
        control.close()


@pytest.mark.guarantee("strangers")
def test_over_tcp_without_a_token_nothing_is_served() -> None:
    with pytest.raises(AddressRefused, match="set TAPEDECK_GATEWAY__TOKEN"):
        Control(FakeDeck(), Meters(), "tcp://127.0.0.1:5552")


def test_an_address_that_cannot_be_bound_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(AddressRefused, match="choose another with TAPEDECK_BUS__URL"):
        Control(FakeDeck(), Meters(), f"ipc://{tmp_path / 'none' / 'control'}")


def test_the_address_is_free_again_after_closing(serve: Serve, tmp_path: Path) -> None:
    address = f"ipc://{tmp_path / 'again'}"
    for _ in range(2):
        control = Control(FakeDeck(STATE), Meters(), address)
        with Client(address) as client:
            assert client.call("status")["success"]
        control.close()
