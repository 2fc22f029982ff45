"""Every door of a running deck, with its own services behind it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from websockets.sync.client import ClientConnection, connect

from bus.client import Incoming
from bus.codec import Appended, Draft
from services.gateway.client import Client
from services.gateway.schema import in_path, openapi
from services.gateway.verb import Verb
from services.gateway.verbs import VERBS
from tests.system.deck import RunningDeck, until

pytestmark = [pytest.mark.xdist_group("gateway"), pytest.mark.timeout(120)]

# A simulated deck asks nobody, so it keeps no raw answer.
QUESTIONS = [verb for verb in VERBS if verb.routes and not verb.changes and verb.name != "raw"]


@pytest.fixture(scope="module")
def deck() -> Iterator[RunningDeck]:
    with RunningDeck({"TAPEDECK_FETCHER__SOURCES": "simulated"}) as running:
        until(lambda: len(running.get("/api/decisions").json()["events"]) >= 2, 30, "decisions")
        yield running


def page(deck: RunningDeck) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{deck.port}/api/live", proxy=None)


def events(live: ClientConnection) -> Iterator[dict[str, Any]]:
    """The events of the live stream, until it is quiet."""
    while (frame := msgspec.json.decode(live.recv(timeout=30)))["type"] != "heartbeat":
        yield from frame.get("events", ())


@pytest.mark.parametrize("verb", QUESTIONS, ids=lambda verb: verb.name)
def test_every_question_is_answered_in_the_shape_that_is_documented(
    deck: RunningDeck, verb: Verb
) -> None:
    assert verb.answer is not None
    schema = openapi(VERBS, "1.2.3")["components"]["schemas"][verb.answer.__name__]
    for route in verb.routes:
        answer = deck.get(route.format(**dict.fromkeys(in_path(route), "spy")))
        assert answer.status_code == 200, answer.text
        assert set(schema["required"]) <= set(answer.json()) <= set(schema["properties"])


@pytest.mark.parametrize("verb", QUESTIONS, ids=lambda verb: verb.name)
def test_every_question_is_answered_on_the_control_socket_too(
    deck: RunningDeck, verb: Verb
) -> None:
    named = {"ticker", "decision"} & set(verb.arguments.__struct_fields__)
    given = dict.fromkeys(named, "spy")
    with Client(f"ipc://{deck.home / 'run' / 'control'}") as client:
        assert isinstance(client.call(verb.name, **given), dict)


def test_an_added_ticker_is_seen_on_the_live_stream_from_command_to_decision(
    deck: RunningDeck,
) -> None:
    with page(deck) as live:
        live.send("{}")
        assert msgspec.json.decode(live.recv(timeout=30))["type"] == "snapshot"
        added = deck.post("/api/collector/ticker/add", ticker="amd").json()
        assert (added["success"], "AMD" in added["watchlist"]) == (True, True)
        heard = {event["subject"]: event for event in events(live)}
    assert heard["watchlist.added.AMD"]["seq"] <= added["seq"]
    shown = deck.get("/api/tickers/AMD/snapshot").json()
    assert shown["quote"]["price"] == heard["market.quote.AMD~sim"]["event"]["price"]
    assert heard["decision.made.AMD~sim"]["event"]["simulated"] is True
    again = deck.post("/api/collector/ticker/add", ticker="AMD").json()
    assert again["message"] == "AMD was tracked already."


def test_a_protected_ticker_is_not_removed(deck: RunningDeck) -> None:
    answer = deck.post("/api/collector/ticker/remove", ticker="SPY")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "protected")
    assert "SPY" in deck.get("/api/collector/status").json()["watchlist"]


def test_an_unknown_ticker_has_no_bars(deck: RunningDeck) -> None:
    answer = deck.get("/api/tickers/ZZZZ/bars")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_page_that_lost_the_gateway_goes_on_where_it_was(deck: RunningDeck) -> None:
    with page(deck) as live:
        live.send("{}")
        seq = 0
        while (frame := msgspec.json.decode(live.recv(timeout=30)))["type"] != "heartbeat":
            seq = frame["seq"]
    deck.signal_child("gateway", signal.SIGKILL)
    deck.wait_ready()
    added = deck.post("/api/collector/ticker/add", ticker="INTC").json()
    with page(deck) as live:
        live.send(msgspec.json.encode({"from_seq": seq + 1}).decode())
        first = msgspec.json.decode(live.recv(timeout=30))
        assert (first["type"], first["events"][0]["seq"]) == ("events", seq + 1)
    assert seq < added["seq"]


def test_the_command_line_tells_simulated_data_apart(deck: RunningDeck) -> None:
    told = deck.cli("analyze", "spy")
    assert (told.returncode, "SIMULATED DATA" in told.stdout) == (3, True)
    assert deck.cli("health").returncode == 0
    assert deck.cli("remove", "QQQ").returncode == 1
    assert deck.cli("explode").returncode == 2


def test_the_metrics_tell_of_the_running_deck(deck: RunningDeck) -> None:
    lines = deck.get("/metrics").text.splitlines()
    assert "tapedeck_bus_up 1.0" in lines
    assert 'tapedeck_service_ready{service="analyzer"} 1.0' in lines


def test_the_terminal_greeted_with_the_address_and_the_mark(deck: RunningDeck) -> None:
    greeting = f"Tapedeck is at http://127.0.0.1:{deck.port}; it tracks SPY, QQQ; SIMULATED prices"
    until(lambda: greeting in deck.terminal(), 30, "the greeting")
    assert greeting in deck.terminal()


def say_what_nobody_can_read(deck: RunningDeck, subject: str) -> int:
    """Append an event without the fields of its class; gives its seq."""
    client = deck.client("stranger")
    acks: list[Incoming] = []

    def came() -> bool:
        acks.extend(client.poll(0.1))
        return client.welcome and not client.in_flight

    until(came, 30, "the bus's welcome")
    client.append((Draft(subject, 1, msgspec.Raw(b"\x80")),), 1, "synced")
    until(came, 30, "the acknowledgement")
    client.close()
    [ack] = acks
    assert isinstance(ack, Appended)
    return ack.last


def test_what_no_service_can_read_becomes_letters_that_are_told_at_every_door(
    deck: RunningDeck,
) -> None:
    seq = say_what_nobody_can_read(deck, "market.bars.NVDA.1d")
    until(lambda: len(deck.get("/api/letters").json()["letters"]) >= 2, 30, "two letters")

    letters = deck.get("/api/letters").json()["letters"]
    assert {(one["seq"], one["subject"]) for one in letters} == {(seq, "market.bars.NVDA.1d")}
    assert "market.bars.NVDA.1d" in deck.cli("letters", "indicators").stdout
    again = deck.cli("replay-letter", "indicators", str(seq))
    assert (again.returncode, "indicators still fails" in again.stderr) == (1, True)
    line = 'tapedeck_service_dead_letters_total{service="indicators"} 1.0'
    until(lambda: line in deck.get("/metrics").text.splitlines(), 30, "the count")
