"""Whatever ends the deck, it ends whole: no process left, no lock held; a second is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.system.deck import ROOT, RunningDeck, until

pytestmark = [pytest.mark.xdist_group("deck"), pytest.mark.timeout(120)]

SIMULATED = {"TAPEDECK_FETCHER__SOURCES": "simulated"}
STOP_SECONDS = 10.0
"""The deck needs 2 to 4; a machine that runs other tests beside it gets twice the promised 5."""


@pytest.mark.guarantee("supervision")
def test_term_stops_everything_and_the_home_is_free_again() -> None:
    with RunningDeck(SIMULATED) as deck:
        began = time.monotonic()
        deck.stop()
        until(lambda: not deck.pids(), STOP_SECONDS - (time.monotonic() - began), "no process left")
        deck.start()
        deck.wait_ready()
        assert deck.service("fetcher") is not None


@pytest.mark.guarantee("supervision")
def test_a_second_deck_is_refused_with_who_runs_and_where_and_hurts_nobody() -> None:
    with RunningDeck(SIMULATED) as deck:
        second = subprocess.run(
            [sys.executable, "-m", "bus.run", "deck"],
            cwd=ROOT,
            env=deck.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert second.returncode != 0
        assert "already running" in second.stderr
        assert f"http://127.0.0.1:{deck.port}" in second.stderr
        assert deck.ready() is not None


@pytest.mark.parametrize("victim", ["honcho", "bus", "cache"])
@pytest.mark.guarantee("supervision")
def test_a_killed_honcho_or_supervisor_stops_the_deck_without_an_orphan(victim: str) -> None:
    with RunningDeck(SIMULATED) as deck:
        assert deck.process is not None
        pid = deck.process.pid if victim == "honcho" else deck.supervisor_pid(victim)
        os.kill(pid, signal.SIGKILL)
        until(lambda: not deck.pids(), STOP_SECONDS, "no process left")
        assert deck.process.wait(5) != 0


def test_a_taken_port_is_said_in_one_sentence_with_the_remedy() -> None:
    with RunningDeck(SIMULATED) as deck:
        environment = {**deck.environment, "TAPEDECK_HOME": str(deck.home / "other")}
        second = subprocess.run(
            [sys.executable, "-m", "bus.run", "deck"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert second.returncode != 0
        assert f"port {deck.port}" in second.stderr
        assert "TAPEDECK_GATEWAY__PORT" in second.stderr


@pytest.mark.guarantee("bit-rot")
def test_a_damaged_tape_stops_the_deck_and_says_what_to_do() -> None:
    with RunningDeck(SIMULATED, ready=False) as deck:
        deck.stop()
        (deck.home / "tape.db").write_bytes(b"not a tape at all" * 1_000)
        for suffix in ("-wal", "-shm"):
            (deck.home / f"tape.db{suffix}").unlink(missing_ok=True)
        deck.start()
        assert deck.process is not None
        assert deck.process.wait(20) != 0
        assert "is no tape" in deck.terminal()
        assert "tapedeck verify" in deck.terminal()
