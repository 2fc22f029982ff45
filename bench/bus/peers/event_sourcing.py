"""The `eventsourcing` library over its SQLite recorder: batches saved, notifications decoded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from bench.bus.payload import TICKERS, quote
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch
from bench.observing import observed, rate_of
from bench.server import library
from bench.worker import Gate, Worker

BATCH = 512
PAGE = 2_048


@dataclass(frozen=True)
class Quoted:
    """The same quote as a domain event, with the fields that the library's own class has."""

    originator_id: UUID
    originator_version: int
    timestamp: datetime
    ticker: str
    price: float
    source: str
    market_time_us: int
    open: float | None
    high: float | None
    low: float | None
    previous_close: float | None
    volume: float | None
    answer_hash: str
    streamed: bool


def saved(room: Room) -> Sample:
    """512 events a commit, synchronous FULL, in one process."""
    return _run(room, save, room.events // 4)


def folded(room: Room) -> Sample:
    """Notifications selected, decoded and folded: the last quote by ticker."""
    return _run(room, fold, room.events // 10)


def _run(room: Room, work: Any, events: int) -> Sample:
    library("eventsourcing", "make bench-bus installs it")
    with room.home() as home:
        worker = Worker(work, path=str(home / "events.db"), events=events)
        return rate_of("process", observed({"process": worker}))


def save(gate: Gate, path: str, events: int) -> Span:
    """Insert stored events in batches; they are encoded before the clock starts."""
    recorder, mapper = _library(path)
    stored = [mapper.to_stored_event(_quoted(number)) for number in range(events)]
    gate.wait()
    watch = Stopwatch()
    _insert(recorder, stored)
    return watch.span(events)


def fold(gate: Gate, path: str, events: int) -> Span:
    """Read all notifications in pages, make domain events of them and keep each ticker's last."""
    recorder, mapper = _library(path)
    _insert(recorder, [mapper.to_stored_event(_quoted(number)) for number in range(events)])
    latest: dict[str, Quoted] = {}
    gate.wait()
    watch = Stopwatch()
    for start in range(1, events + 1, PAGE):
        for notification in recorder.select_notifications(start, PAGE):
            event: Quoted = mapper.to_domain_event(notification)
            latest[event.ticker] = event
    span = watch.span(events)
    if latest[quote(events - 1).ticker] != _quoted(events - 1):
        raise RuntimeError("the last event read is not the last one written")
    return span


def _insert(recorder: Any, stored: list[Any]) -> None:
    for at in range(0, len(stored), BATCH):
        recorder.insert_events(stored[at : at + BATCH])


def _quoted(number: int) -> Quoted:
    """A ticker is an aggregate; the timestamp is what our tape tells beside the event."""
    said = quote(number)
    timestamp = datetime.fromtimestamp(said.market_time_us / 1e6, UTC)
    fields = msgspec.structs.asdict(said)
    return Quoted(UUID(int=number % TICKERS), 1 + number // TICKERS, timestamp, **fields)


def _library(path: str) -> tuple[Any, Any]:
    from eventsourcing.persistence import DatetimeAsISO, JSONTranscoder, Mapper
    from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

    recorder = SQLiteApplicationRecorder(SQLiteDatastore(path))
    recorder.create_table()
    transcoder = JSONTranscoder()
    transcoder.register(DatetimeAsISO())
    return recorder, Mapper(transcoder)
