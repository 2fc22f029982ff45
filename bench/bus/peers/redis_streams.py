"""Redis Streams: the server of Debian's `redis-server` on a unix socket, by redis-py's pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.bus.payload import bodies
from bench.cases import Room, Sample
from bench.measures import Span, Stopwatch
from bench.observing import idle, observed, rate_of
from bench.server import Server, library, program
from bench.worker import Gate, Worker

PIPELINE = 1_024


def always(room: Room) -> Sample:
    """`appendfsync always`: synced before it is acknowledged."""
    return _added(room, room.events // 5, "always")


def everysec(room: Room) -> Sample:
    """`appendfsync everysec`: a loss of power may cost a second."""
    return _added(room, room.events // 4, "everysec")


def waiting(room: Room) -> Sample:
    """Percent of one core with nobody connected, and the resident memory."""
    with room.home() as home, running_redis(home, "always") as server:
        return idle(server.pid)


@contextmanager
def running_redis(home: Path, appendfsync: str) -> Iterator[Server]:
    """A server with an append-only file and no snapshots."""
    library("redis", "make bench-bus installs it")
    command = program("redis-server", "on Debian: apt-get install redis-server")
    path = home / "redis"
    words = ["--port", "0", "--unixsocket", str(path), "--dir", str(home), "--save", ""]
    words += ["--appendonly", "yes", "--appendfsync", appendfsync]
    with Server([command, *words], home, path.exists) as server:
        yield server


def _added(room: Room, events: int, appendfsync: str) -> Sample:
    with room.home() as home, running_redis(home, appendfsync) as server:
        worker = Worker(add, path=str(home / "redis"), events=events)
        seen = observed({"producer": worker}, server_pid=server.pid, served=events)
        return rate_of("producer", seen)


def add(gate: Gate, path: str, events: int) -> Span:
    """XADD in pipelines of 1,024."""
    client = _connected(path)
    messages = bodies(events)
    gate.wait()
    watch = Stopwatch()
    for at in range(0, events, PIPELINE):
        pipeline = client.pipeline(transaction=False)
        for subject, body in messages[at : at + PIPELINE]:
            pipeline.xadd("tape", {"subject": subject, "body": body})
        pipeline.execute()
    span = watch.span(events)
    if client.xlen("tape") != events:
        raise RuntimeError(f"the stream holds {client.xlen('tape')} of {events} events")
    return span


def _connected(path: str) -> Any:
    import redis

    return redis.Redis(unix_socket_path=path)
