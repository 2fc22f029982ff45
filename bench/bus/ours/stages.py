"""Where the broker's time goes: CPU microseconds an event by stage, while it serves a full run."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from bench.bus.broker import settings_of
from bench.bus.ours.appending import BATCHED, SINGLE, Load, load_of, workers_of
from bench.bus.ours.latency import speaking
from bench.bus.ours.timing import TimedHub, TimedTape, Timer
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch
from bench.observing import observed
from bench.worker import Gate, Worker
from bus.broker import Broker
from bus.clock import SystemClock
from bus.process import sockets
from config.settings import prepare_home

STEP_SECONDS = 0.05
LAST_SECONDS = 2.0


def batched(room: Room) -> Sample:
    """Synced, 64 events a turn, 4,096 in flight, one live subscriber."""
    return _full_rate(room, load_of(room.events, BATCHED, "synced"))


def single(room: Room) -> Sample:
    """Synced, one event a turn, 1,000 in flight, one live subscriber."""
    return _full_rate(room, load_of(room.events // 4, SINGLE, "synced"))


def paced(room: Room) -> Sample:
    """Logged, one event each millisecond, one live subscriber: every event is a commit."""
    with room.home() as home:
        return _staged(home, speaking(home, room.paced, "logged"), 0, room.paced)


def _full_rate(room: Room, load: Load) -> Sample:
    with room.home() as home:
        return _staged(home, workers_of(home, load), load.warm, load.events)


def _staged(home: Path, workers: dict[str, Worker], warm: int, events: int) -> Sample:
    with Worker(serve, home=str(home), warm=warm, events=events) as broker:
        broker.ready()
        broker.begin()
        observed(workers)
        span = broker.result()
    return Sample(span.cpu_us, notes=span.notes)


def serve(gate: Gate, home: str, warm: int, events: int) -> Span:
    """Be the broker, timed, until all is on the tape and everybody has said good-bye."""
    settings = settings_of(Path(home))
    prepare_home(settings)
    timer = Timer()
    tape, hub = TimedTape(settings.tape_path, timer), TimedHub(sockets(settings), timer)
    broker = Broker(tape, hub, SystemClock())
    gate.wait()
    _serve_until(broker, tape, warm)
    timer.seconds.clear()
    watch, thread_seconds = Stopwatch(), time.thread_time()
    _serve_until(broker, tape, warm + events)
    span = watch.span(events)
    stages = _stages(timer, time.thread_time() - thread_seconds, span.cpu_seconds)
    _serve_for(broker, LAST_SECONDS)
    notes = {f"{stage}_us": seconds * 1e6 / events for stage, seconds in stages.items()}
    return msgspec.structs.replace(span, notes=notes)


def _serve_until(broker: Broker, tape: TimedTape, head: int) -> None:
    while tape.head < head:
        broker.step(STEP_SECONDS)


def _serve_for(broker: Broker, seconds: float) -> None:
    """Until a heartbeat has told everybody where the tape ends."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        broker.step(STEP_SECONDS)


def _stages(timer: Timer, thread_seconds: float, process_seconds: float) -> dict[str, float]:
    spent = timer.seconds
    in_calls = spent["receive"] + spent["append"] + spent["publish"] + spent["answer"]
    return {
        "receive": spent["receive"],
        "decode_and_dispatch": thread_seconds - in_calls - timer.overhead_seconds,
        "check_and_frame": spent["append"] - spent["rows"] - spent["commit"],
        "insert_rows": spent["rows"],
        "commit": spent["commit"],
        "publish": spent["publish"],
        "answer": spent["answer"],
        "network_thread": process_seconds - thread_seconds,
    }
