"""Where a replay's time goes: CPU microseconds an event, by stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from bench.bus.broker import settings_of
from bench.bus.ours.replay import PAGE_EVENTS
from bench.bus.tapes import home_with
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch
from bench.observing import observed
from bench.worker import Gate, Worker
from bus.codec import Codec
from bus.reading import COLUMNS, ROWS_AT_ONCE, TapeReader
from bus.tapefile import open_to_read
from market.messages import CONTRACT
from market.messages.fetcher import Quote

_ROWS = f"SELECT {COLUMNS}, crc FROM event WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608


def staged(room: Room) -> Sample:
    """What an event costs, and what that is spent on."""
    tape = settings_of(home_with(room, room.events)).tape_path
    reader = Worker(stages, tape=str(tape), events=room.events)
    notes = observed({"process": reader}).spans["process"].notes
    return Sample(sum(notes.values()), notes=notes)


def stages(gate: Gate, tape: str, events: int) -> Span:
    """Each page is walked once for each stage, which is what its walk costs beyond the one before.

    The clock is the thread's: what it waits for a core is not counted.
    """
    walks = _walks(Path(tape))
    spent = dict.fromkeys(walks, 0.0)
    gate.wait()
    watch = Stopwatch()
    for after in range(0, events, PAGE_EVENTS):
        for stage, walk in walks.items():
            started = time.thread_time()
            walk(after)
            spent[stage] += time.thread_time() - started
    costs = [later - before for before, later in pairwise((0.0, *spent.values()))]
    notes = {f"{s}_us": cost * 1e6 / events for s, cost in zip(spent, costs, strict=True)}
    return watch.span(events, notes=notes)


def _walks(tape: Path) -> dict[str, Callable[[int], None]]:
    """From what SQLite's module does alone to the whole replay, by the stage that is added."""
    reader, codec, rows = TapeReader(tape), Codec(CONTRACT), open_to_read(tape)
    latest: dict[str, Quote] = {}

    def fetch(after: int) -> None:
        fetched = rows.execute(_ROWS, (after, PAGE_EVENTS))
        while fetched.fetchmany(ROWS_AT_ONCE):
            continue

    def check(after: int) -> None:
        reader.read(after, PAGE_EVENTS)

    def decode(after: int) -> None:
        for record in reader.read(after, PAGE_EVENTS):
            codec.decode(Quote, record.body)

    def wrap(after: int) -> None:
        for record in reader.read(after, PAGE_EVENTS):
            codec.fact(record)

    def fold(after: int) -> None:
        for record in reader.read(after, PAGE_EVENTS):
            event: Quote = codec.fact(record).event
            latest[event.ticker] = event

    return {"fetch": fetch, "check": check, "decode": decode, "wrap": wrap, "fold": fold}
