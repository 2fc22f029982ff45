"""The cases of the bus and of its peers, in the order in which a round runs them."""

from __future__ import annotations

from functools import partial

from bench.bus.ours import (
    appending,
    catching_up,
    growth,
    idle,
    latency,
    reading,
    replay,
    requests,
    restart,
    stages,
)
from bench.bus.peers import (
    event_sourcing,
    nats_appending,
    nats_hearing,
    nats_requests,
    pubsub,
    redis_streams,
    router,
    sqlite_rows,
)
from bench.cases import Case

_RATE = "events/s"
_DELAY = "µs"
_COST = "µs CPU"
_IDLE = "% CPU"

_APPENDS = (
    Case(
        "append.synced_single", "Tapedeck, synced, one event a turn", _RATE, appending.synced_single
    ),
    Case("append.nats_always", "nats-py, sync always", _RATE, nats_appending.always),
    Case("append.nats_default", "nats-py, default sync", _RATE, nats_appending.default),
    Case(
        "append.synced_batched",
        "Tapedeck, synced, 64 events a turn",
        _RATE,
        appending.synced_batched,
    ),
    Case(
        "append.nats_atomic",
        "bare NATS, atomic batches, sync always",
        _RATE,
        nats_appending.atomic_always,
    ),
    Case(
        "append.nats_raw", "bare NATS, pipelined, default sync", _RATE, nats_appending.raw_default
    ),
    Case("append.redis_always", "Redis Streams, appendfsync always", _RATE, redis_streams.always),
    Case("append.sqlite", "SQLite alone, FULL, 512 rows a commit", _RATE, sqlite_rows.batches),
    Case(
        "append.eventsourcing",
        "eventsourcing, SQLite, 512 events a commit",
        _RATE,
        event_sourcing.saved,
    ),
    Case(
        "append.logged_batched",
        "Tapedeck, logged, 64 events a turn",
        _RATE,
        appending.logged_batched,
    ),
    Case(
        "append.redis_everysec",
        "Redis Streams, appendfsync everysec",
        _RATE,
        redis_streams.everysec,
    ),
)
_LATENCIES = (
    Case("latency.logged", "Tapedeck, logged, said to heard", _DELAY, latency.logged),
    Case(
        "latency.nats", "nats-py, default sync, said to heard", _DELAY, nats_hearing.said_to_heard
    ),
    Case("latency.pubsub", "raw PUB to SUB, said to heard", _DELAY, pubsub.said_to_heard),
    Case("latency.synced", "Tapedeck, synced, said to heard", _DELAY, latency.synced),
    Case("latency.commit", "SQLite alone, one-row FULL commit", _DELAY, sqlite_rows.one_row),
)
_DELIVERIES = (
    Case("delivery.tapedeck", "Tapedeck, live, while all is appended", _RATE, appending.delivered),
    Case("delivery.joined", "Tapedeck, joining a full tape", _RATE, catching_up.delivered),
    Case("delivery.nats", "nats-py push consumer of a full stream", _RATE, nats_hearing.delivered),
    Case("delivery.pubsub", "raw PUB to SUB", _RATE, pubsub.delivered),
)
_REPLAYS = (
    Case("replay.tapedeck", "Tapedeck, checked, validated, folded", _RATE, replay.folded),
    Case("replay.eventsourcing", "eventsourcing, decoded, folded", _RATE, event_sourcing.folded),
    Case("replay.stages", "Tapedeck, where a replay's time goes", _COST, reading.staged),
)
_REQUESTS = (
    Case("request.tapedeck", "Tapedeck, request and reply", _DELAY, requests.round_trip),
    Case("request.nats", "nats-py, request and reply", _DELAY, nats_requests.round_trip),
    Case("request.router", "raw DEALER to ROUTER to DEALER and back", _DELAY, router.round_trip),
)
_IDLE_SERVERS = (
    Case("idle.tapedeck", "Tapedeck's broker, idle", _IDLE, idle.alone),
    Case("idle.connected", "Tapedeck's broker, idle, five services", _IDLE, idle.connected),
    Case("idle.nats", "nats-server, idle", _IDLE, nats_requests.waiting),
    Case("idle.redis", "redis-server, idle", _IDLE, redis_streams.waiting),
)
_LENGTHS = tuple(
    Case(
        f"length.{name}",
        f"Tapedeck's broker, {length:,} events on the tape",
        _COST,
        partial(growth.cost_on_a_tape_of, length),
        long=length > 1_000_000,
    )
    for name, length in (("1k", 1_000), ("100k", 100_000), ("1m", 1_000_000), ("10m", 10_000_000))
)
_SUBSCRIBERS = tuple(
    Case(
        f"subscribers.{count}",
        f"Tapedeck's broker, {count} subscriber{'s' if count > 1 else ''}",
        _COST,
        partial(growth.cost_for_subscribers, count),
    )
    for count in (1, 5, 20, 50)
)
_RESTARTS = tuple(
    Case(
        f"restart.{name}",
        f"Tapedeck's bus, start to ready, {length:,} events on the tape",
        "s",
        partial(restart.ready_on_a_tape_of, length),
        long=length > 1_000_000,
    )
    for name, length in (("1m", 1_000_000), ("10m", 10_000_000))
)

_STAGES = (
    Case("stages.synced_single", "Tapedeck's broker, one event a turn", _COST, stages.single),
    Case("stages.paced", "Tapedeck's broker, one event a commit", _COST, stages.paced),
    Case("stages.synced_batched", "Tapedeck's broker, 64 events a turn", _COST, stages.batched),
)

CASES = (
    *_APPENDS,
    *_LATENCIES,
    *_DELIVERIES,
    *_REPLAYS,
    *_REQUESTS,
    *_IDLE_SERVERS,
    *_LENGTHS,
    *_SUBSCRIBERS,
    *_RESTARTS,
    *_STAGES,
)
