"""The whole deck on loopback TCP: everybody with the token is served, and nobody without it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
import zmq

from tests.bus.strangers import first_of_three_free_ports
from tests.system.deck import ROOT, RunningDeck, until

pytestmark = [pytest.mark.xdist_group("tcp"), pytest.mark.timeout(120)]

TOKEN = "a long and random word"


class LockedDeck(RunningDeck):
    """A deck that asks for its token over HTTP too."""

    def __init__(self, bus_port: int) -> None:
        super().__init__(
            {
                "TAPEDECK_FETCHER__SOURCES": "simulated",
                "TAPEDECK_BUS__URL": f"tcp://127.0.0.1:{bus_port}",
                "TAPEDECK_GATEWAY__TOKEN": TOKEN,
            }
        )
        self.bus_port = bus_port

    def get(self, path: str, **parameters: str | int) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            session.headers["Authorization"] = f"Bearer {TOKEN}"
            return session.get(self.url(path), params=parameters, timeout=60)


@pytest.fixture(scope="module")
def deck() -> Iterator[LockedDeck]:
    with LockedDeck(first_of_three_free_ports()) as running:
        until(lambda: running.get("/api/decisions").json()["events"], 30, "a decision")
        yield running


def example(deck: LockedDeck, name: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, f"examples/{name}", *words],
        cwd=ROOT,
        env=deck.environment,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.guarantee("strangers")
def test_the_command_line_is_answered_with_the_token_and_told_without(deck: LockedDeck) -> None:
    done = deck.cli("watchlist", "--json")
    assert done.returncode == 3, done.stderr  # simulated
    assert {row["ticker"] for row in json.loads(done.stdout)["tickers"]} >= {"SPY", "QQQ"}

    deck.environment["TAPEDECK_GATEWAY__TOKEN"] = "another long and random word"
    refused = deck.cli("status")
    deck.environment["TAPEDECK_GATEWAY__TOKEN"] = TOKEN
    assert (refused.returncode, refused.stderr) == (
        1,
        f"no deck answers at tcp://127.0.0.1:{deck.bus_port + 2}\n"
        "start the deck with: make run, or set TAPEDECK_GATEWAY__TOKEN to the one it was started"
        " with\n",
    )


def test_the_examples_ask_and_listen_with_the_token(deck: LockedDeck) -> None:
    with example(deck, "ask_analysis.py", "spy") as asking:
        told, _ = asking.communicate(timeout=60)
    assert told.splitlines()[0].startswith("SPY ")
    assert told.splitlines()[0].endswith(" from simulated")

    with example(deck, "subscribe_quotes.py") as listening:
        quotes = listening.stdout
        assert quotes is not None
        tickers = iter(("AMD", "INTC", "IBM", "ORCL", "CSCO", "TSLA", "META", "AMZN"))

        def heard() -> bool:
            assert deck.cli("add", next(tickers)).returncode == 0
            return bool(select.select([quotes], [], [], 2.0)[0])

        until(heard, 30, "a quote")
        assert quotes.readline().endswith(" simulated\n")
        listening.kill()


@pytest.mark.guarantee("strangers")
@pytest.mark.parametrize(
    "words",
    [
        ("bus.run", "deck"),
        ("bus.run", "bus"),
        ("bus.run", "services.fetcher"),
        ("bus",),
        ("services.gateway",),
        ("services.gateway.cli", "status"),
    ],
    ids=" ".join,
)
def test_without_a_token_nothing_starts_on_tcp_and_one_sentence_says_what_to_do(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    url = "tcp://127.0.0.1:5550"
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "TAPEDECK_HOME": str(tmp_path), "TAPEDECK_BUS__URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode != 0
    assert done.stderr.removeprefix("tapedeck: ") == (
        f"bus.url is '{url}', which every user of this machine can reach: set"
        " TAPEDECK_GATEWAY__TOKEN to a long random word (16 characters or more),"
        " or leave bus.url empty.\n"
    )


@pytest.mark.guarantee("strangers")
@pytest.mark.parametrize("step", [0, 1, 2])
def test_on_no_port_is_anybody_let_in_without_the_token(deck: LockedDeck, step: int) -> None:
    with zmq.Context() as context, context.socket(zmq.SUB if step == 1 else zmq.DEALER) as stranger:
        stranger.setsockopt(zmq.LINGER, 0)
        if step == 1:
            stranger.subscribe(b"")
        with closing(stranger.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)) as monitor:
            stranger.connect(f"tcp://127.0.0.1:{deck.bus_port + step}")
            assert monitor.poll(10_000), "nobody is there"
            stranger.disable_monitor()
        assert stranger.poll(1_500) == 0  # the tape's heartbeat comes each second
