"""Reads a tape from its beginning, validates each event and folds it: the last quote by ticker."""

from __future__ import annotations

from pathlib import Path

from bench.bus.broker import settings_of
from bench.bus.tapes import home_with
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch
from bench.observing import observed, rate_of
from bench.worker import Gate, Worker
from bus.codec import Codec
from bus.reading import TapeReader
from market.messages import CONTRACT
from market.messages.fetcher import Quote

PAGE_EVENTS = 2_048


def folded(room: Room) -> Sample:
    """Events a second, checksums and contract checked."""
    tape = settings_of(home_with(room, room.events)).tape_path
    reader = Worker(fold, tape=str(tape), events=room.events)
    return rate_of("process", observed({"process": reader}))


def fold(gate: Gate, tape: str, events: int) -> Span:
    """Fold the tape."""
    reader, codec = TapeReader(Path(tape)), Codec(CONTRACT)
    latest: dict[str, Quote] = {}
    gate.wait()
    watch = Stopwatch()
    cursor = 0
    while records := reader.read(cursor, PAGE_EVENTS):
        for record in records:
            event: Quote = codec.fact(record).event
            latest[event.ticker] = event
        cursor = records[-1].seq
    span = watch.span(events)
    if cursor != events:
        raise RuntimeError(f"{cursor} events were read of {events}")
    return span
