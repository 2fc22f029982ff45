"""The tape on the command line, from a real socket with the bus's own frames."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import zmq
from click.testing import CliRunner, Result

from bus.codec import Heartbeat, Record, encode_heartbeat, encode_live
from bus.errors import Unavailable
from services.gateway.cli import tapedeck
from services.gateway.tail import events
from tests.services.gateway import samples


@contextmanager
def broadcasting(home: Path, records: Sequence[Record]) -> Iterator[None]:
    """Say the records once somebody listens to both the subject and the heartbeat."""
    (home / "run").mkdir()
    with zmq.Context() as context, context.socket(zmq.XPUB) as tape:
        tape.setsockopt(zmq.LINGER, 0)
        tape.setsockopt(zmq.RCVTIMEO, 10_000)
        tape.bind(f"ipc://{home / 'run' / 'tape'}")

        def speak() -> None:
            tape.recv()
            tape.recv()
            tape.send(encode_heartbeat(Heartbeat("t", 1, samples.NOON_US)))
            for record in records:
                tape.send(encode_live(record))

        speaker = threading.Thread(target=speak)
        speaker.start()
        yield
        speaker.join()


def typed(home: Path, *words: str) -> Result:
    return CliRunner().invoke(tapedeck, ["tail", *words], env={"TAPEDECK_HOME": str(home)})


def test_events_are_printed_one_a_line(tmp_path: Path) -> None:
    with broadcasting(tmp_path, samples.records(samples.quote(), samples.quote("SPY"))):
        shown = typed(tmp_path, "market.quote", "--count", "2")
    first, second = shown.stdout.splitlines()
    assert "market.quote.NVDA  ticker=NVDA price=190.0 source=yahoo" in first
    assert second.startswith("       2  2026-11-21T12:00:00.000002Z  market.quote.SPY")


def test_other_subjects_are_not_printed(tmp_path: Path) -> None:
    said = samples.records(samples.decision(), samples.quote())
    with broadcasting(tmp_path, said):
        shown = typed(tmp_path, "market.quote", "--count", "1", "--json")
    assert msgspec.json.decode(shown.stdout)["seq"] == 2


def test_a_dropped_frame_is_told(tmp_path: Path) -> None:
    said = [
        *samples.records(samples.quote(), first=5),
        *samples.records(samples.quote(), first=9, prev=7),
    ]
    with broadcasting(tmp_path, said):
        shown = typed(tmp_path, "--count", "2")
    assert shown.stderr == "missed events of market.quote.NVDA up to 7: see ./tapedeck events\n"


def test_a_body_that_is_only_on_the_tape_is_said_to_be_large(tmp_path: Path) -> None:
    (record,) = samples.records(samples.quote())
    with broadcasting(tmp_path, [record._replace(body=b"x" * 70_000)]):
        shown = typed(tmp_path, "--count", "1")
    assert shown.stdout.endswith("market.quote.NVDA  (large)\n")


def test_silence_means_that_no_deck_runs(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"nothing came from .* for 0.1 s: .* make run"):
        next(events(f"ipc://{tmp_path / 'tape'}", "", silence_seconds=0.1))
