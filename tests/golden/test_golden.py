"""An old tape is brought up and read, and this version decides as the one that recorded it."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bus.codec import Codec
from bus.keeping.verify import inspect
from bus.message import Event, Fact
from bus.reading import TapeReader
from bus.tape import TapeWriter
from market.messages import CONTRACT
from market.messages.analyzer import Decision
from tests.golden.record import PATH
from tests.golden.reliving import relive


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    unpacked = tmp_path_factory.mktemp("golden") / "tape.db"
    unpacked.write_bytes(lzma.decompress(PATH.read_bytes()))
    TapeWriter(unpacked).close()
    return unpacked


@pytest.fixture(scope="module")
def recorded(path: Path) -> list[tuple[str, Fact[Any]]]:
    codec, tape = Codec(CONTRACT), TapeReader(path)
    found: list[tuple[str, Fact[Any]]] = []
    while page := tape.read(len(found), 1_000):
        found += [(record.producer, codec.fact(record)) for record in page]
    return found


def changes(old: list[Fact[Any]], new: list[Fact[Any]]) -> Iterator[str]:
    """One line for each field of a decision that is not what it was; but for evidence by seq."""
    yield from (f"{len(old)} decisions became {len(new)}" for _ in range(len(old) != len(new)))
    for was, now in zip(old, new, strict=False):
        for field in msgspec.structs.fields(Decision):
            before, after = (getattr(fact.event, field.name) for fact in (was, now))
            if field.name != "evidence" and before != after:
                yield f"{was.event.ticker} seq {was.seq} {field.name}: {before} -> {after}"


def decisions(facts: list[Fact[Any]]) -> list[Fact[Any]]:
    return [fact for fact in facts if isinstance(fact.event, Decision)]


def test_the_old_tape_is_sound(path: Path) -> None:
    assert inspect(path).findings == ()


def test_replaying_the_old_tape_changes_no_decision(
    recorded: list[tuple[str, Fact[Any]]],
) -> None:
    inputs: list[tuple[int, Event]] = [(f.at_us, f.event) for by, f in recorded if by == "fetcher"]
    relived = [said.fact for said in relive(inputs)]
    assert list(changes(decisions([fact for _, fact in recorded]), decisions(relived))) == []


def test_the_old_tape_holds_every_signal_and_both_realities(
    recorded: list[tuple[str, Fact[Any]]],
) -> None:
    said = [fact.event for fact in decisions([fact for _, fact in recorded])]
    assert len(said) > 100
    assert {decision.signal for decision in said} == {"BUY", "SELL", "HOLD"}
    assert {decision.simulated for decision in said} == {False, True}


def test_a_changed_decision_is_listed_with_its_ticker_field_and_both_values(
    recorded: list[tuple[str, Fact[Any]]],
) -> None:
    (first, *rest) = decisions([fact for _, fact in recorded])
    other = msgspec.structs.replace(first.event, bars_used=7)
    changed = [Fact(first.seq, first.at_us, other), *rest]
    assert list(changes([first, *rest], changed)) == [
        f"{first.event.ticker} seq {first.seq} bars_used: {first.event.bars_used} -> 7"
    ]
