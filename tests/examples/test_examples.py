"""The examples, run as a reader would run them, against a running deck."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.system.deck import ROOT, RunningDeck, until

pytestmark = [pytest.mark.xdist_group("examples"), pytest.mark.timeout(120)]

OURS = ("bus", "market", "services", "config")
NEW_TICKERS = iter(("AMD", "INTC", "IBM", "ORCL", "CSCO", "TSLA", "META", "AMZN", "GOOG", "AAPL"))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def deck() -> Iterator[RunningDeck]:
    with RunningDeck({"TAPEDECK_FETCHER__SOURCES": "simulated"}) as running:
        until(lambda: running.get("/api/decisions").json()["events"], 30, "a decision")
        yield running


def ended(deck: RunningDeck, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, f"examples/{name}", *words],
        cwd=ROOT,
        env=deck.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def begun(deck: RunningDeck, name: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, f"examples/{name}", *words],
        cwd=ROOT,
        env=deck.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def printed_after_adding_one_more(deck: RunningDeck, script: subprocess.Popen[str]) -> str:
    """A subscriber needs a moment to connect, and what was said before is not for it."""
    deck.post("/api/collector/ticker/add", ticker=next(NEW_TICKERS))
    assert script.stdout is not None
    ready, _, _ = select.select([script.stdout], [], [], 2.0)
    return first_line(script) if ready else ""


@pytest.mark.parametrize("name", ["ask_analysis.py", "ask_analysis_http.py"])
def test_an_analysis_is_asked_for_and_printed_with_its_source(deck: RunningDeck, name: str) -> None:
    done = ended(deck, name, "spy")
    told = deck.get("/api/analyze/SPY").json()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"SPY {told['signal']} from simulated",
        told["reason"],
        str(told["levels"]),
    ]


@pytest.mark.parametrize("name", ["ask_analysis.py", "ask_analysis_http.py"])
def test_a_refusal_is_printed_with_its_remedy(deck: RunningDeck, name: str) -> None:
    done = ended(deck, name, "N V")
    assert done.returncode == 1
    error = deck.get("/api/analyze/N V").json()["error"]
    assert done.stderr == f"{error['message']}: {error['remedy']}\n"


def test_quotes_are_printed_as_they_are_recorded(deck: RunningDeck) -> None:
    with begun(deck, "subscribe_quotes.py") as script:
        line = until(lambda: printed_after_adding_one_more(deck, script), 30, "a quote")
    seq, ticker, price, source = line.split()
    assert (ticker.endswith("~sim"), source) == (True, "simulated")
    event = deck.get("/api/events", subject="market.quote.", from_seq=seq, limit=1).json()["events"]
    assert (event[0]["seq"], event[0]["event"]["price"]) == (int(seq), float(price))


def test_the_log_is_followed(deck: RunningDeck) -> None:
    with begun(deck, "tail_log.py", "gateway") as script:
        time, level, event = first_line(script).split(maxsplit=2)
    assert (time.endswith("Z"), level, event.strip()) == (True, "info", "process.started")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_short_and_stands_alone(example: object) -> None:
    text = (ROOT / "examples" / str(getattr(example, "name", example))).read_text()
    code = [line for line in text.split('"""', 2)[2].splitlines() if line.strip()]
    assert 10 <= len(code) <= 30
    assert not any(f"{word} {name}" in text for word in ("import", "from") for name in OURS)
