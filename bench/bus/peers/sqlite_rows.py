"""Raw SQLite in one process: what the store alone takes, without a broker, heads or checksums."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from bench.bus.pacing import ticks
from bench.bus.payload import body, subject
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch, monotonic_us
from bench.observing import delay_of, observed, rate_of
from bench.worker import Gate, Worker

BATCH = 512


def batches(room: Room) -> Sample:
    """WAL, synchronous FULL, 512 rows a commit."""
    with room.home() as home:
        worker = Worker(insert, path=str(home / "rows.db"), events=room.events)
        return rate_of("process", observed({"process": worker}))


def one_row(room: Room) -> Sample:
    """One row a commit, one commit each millisecond: the floor of every synced append."""
    with room.home() as home:
        worker = Worker(commit, path=str(home / "rows.db"), events=room.paced)
        return delay_of("process", observed({"process": worker}))


def insert(gate: Gate, path: str, events: int) -> Span:
    """Insert in batches."""
    db = _database(Path(path))
    rows = _rows(events)
    gate.wait()
    watch = Stopwatch()
    for at in range(0, events, BATCH):
        db.execute("BEGIN")
        db.executemany("INSERT INTO event VALUES (?, ?, ?, ?)", rows[at : at + BATCH])
        db.execute("COMMIT")
    return watch.span(events)


def commit(gate: Gate, path: str, events: int) -> Span:
    """Insert one by one, and time each commit."""
    db = _database(Path(path))
    rows = _rows(events)
    delays: list[float] = []
    gate.wait()
    watch = Stopwatch()
    for row, pause in zip(rows, ticks(events), strict=True):
        time.sleep(pause)
        started_us = monotonic_us()
        db.execute("INSERT INTO event VALUES (?, ?, ?, ?)", row)
        delays.append(float(monotonic_us() - started_us))
    return watch.span(events, delays)


def _rows(events: int) -> list[tuple[int, str, int, bytes]]:
    return [(number, subject(number), number, body(number)) for number in range(1, events + 1)]


def _database(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(
        "CREATE TABLE event (seq INTEGER PRIMARY KEY, subject TEXT, at_us INTEGER, body BLOB)"
    )
    return db
