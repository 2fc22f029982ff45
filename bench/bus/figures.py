"""The figures of the bus, what they are to reach, and what stands in the way where they do not."""

from __future__ import annotations

from bench.figures import Figure, Reading, Target

_SYNC = (
    "JetStream pays one sync for each message, the broker its CPU for each event (the stages below)"
    ": the ratio is the disk's sync time over that, and small where the disk syncs fast."
)
_TURN = (
    "Messages and commits are shared by many turns; each is decoded, held against its producer's "
    "mark, staged and acknowledged by itself, in Python; the row is the smaller part (see below)."
)
_CPU = (
    "Both sync once for many events, so it is CPU against CPU: the broker's Python against {peer}."
)
_LIVE = (
    "The subscriber waits for the broker, which appends meanwhile; the peer's reads a stream that "
    "is full. By CPU the subscriber could take more (its column below)."
)
_PACED = (
    "At one event a commit a run of the broker's loop is a transaction, a frame, an acknowledgement"
    " and some wake-ups of three processes; nothing is spread over many events."
)
_HOPS = (
    "Both go by way of a server, so four hops each, and a hop wakes libzmq's thread and then ours, "
    "at either end. Raw pyzmq without a protocol on it (the row below) takes more than the target "
    "for the same four."
)
_JOINING = (
    "Each event is fetched from SQLite and held against its checksum (both stages are told below), "
    "and the first alone, which is C, leaves too little for the second; the peer's are taken as "
    "they come."
)
_REPLAY = (
    "An event is fetched, held against its checksum, decoded and validated, wrapped as a fact and "
    "folded (the stages are told below). Fetching and decoding are C (SQLite's module and msgspec) "
    "and each alone takes longer than a twentieth of the peer's time."
)

_START = (
    "Nearly all of it is the interpreter and its imports, which wait for a core; opening the tape "
    "is told beside, and does not depend on the tape's length."
)


def _at_least(value: float) -> Target:
    return Target("at least", value)


def _at_most(value: float) -> Target:
    return Target("at most", value)


def _append(
    ours: str, peer: str, text: str, target: float | None = None, limit: str = ""
) -> Figure:
    wanted = _at_least(target) if target else None
    readings = Reading(f"append.{ours}"), Reading(f"append.{peer}")
    return Figure(text, "events/s", *readings, wanted, limit)


def _latency(ours: str, peer: str, text: str, target: float) -> Figure:
    readings = Reading(f"latency.{ours}"), Reading(f"latency.{peer}")
    return Figure(text, "µs", *readings, _at_most(target), _PACED)


_SINGLE = "synced, one event a turn / "
_BATCHED = "synced, 64 events a turn / "
_LOGGED = "logged, 64 events a turn / "

_APPENDS = (
    _append("synced_single", "nats_always", f"{_SINGLE}nats-py, sync always", 20, _SYNC),
    _append("synced_single", "nats_default", f"{_SINGLE}nats-py, default sync", 5, _TURN),
    _append("synced_single", "redis_always", f"{_SINGLE}Redis, appendfsync always", 2.5, _TURN),
    _append("synced_batched", "nats_always", f"{_BATCHED}nats-py, sync always", 60, _SYNC),
    _append(
        "synced_batched",
        "nats_default",
        f"{_BATCHED}nats-py, default sync",
        10,
        "The peer does not sync; here it is nats-py's CPU against the broker's.",
    ),
    _append(
        "synced_batched",
        "redis_always",
        f"{_BATCHED}Redis, appendfsync always",
        5,
        _CPU.format(peer="redis-py's and a server in C"),
    ),
    _append(
        "synced_batched",
        "nats_atomic",
        f"{_BATCHED}NATS atomic batches, sync always",
        3,
        _CPU.format(peer="a server in Go"),
    ),
    _append(
        "synced_batched",
        "nats_raw",
        f"{_BATCHED}bare NATS protocol, default sync",
        0.6,
        "A bare server in Go that does not sync; the broker syncs, in Python.",
    ),
    _append(
        "synced_batched",
        "sqlite",
        f"{_BATCHED}SQLite alone, FULL, 512 rows",
        0.8,
        "Rows alone, in one process: no frames, checks, checksums, seals, heads, marks, live "
        "frames or acknowledgements. The stages below tell them apart.",
    ),
    _append("synced_batched", "eventsourcing", f"{_BATCHED}eventsourcing, 512 events"),
    _append("logged_batched", "nats_default", f"{_LOGGED}nats-py, default sync"),
    _append("logged_batched", "nats_raw", f"{_LOGGED}bare NATS protocol, default sync"),
    _append("logged_batched", "redis_everysec", f"{_LOGGED}Redis, appendfsync everysec"),
)
_DELAYS = (
    _latency("logged", "nats", "said to heard, logged, p50 / nats-py, default sync", 0.6),
    _latency("logged", "pubsub", "said to heard, logged, p50 / raw PUB to SUB", 4),
    _latency("synced", "commit", "said to heard, synced, p50 / one-row FULL commit", 2.2),
    Figure(
        "said to heard, logged, p99 / nats-py, default sync",
        "µs",
        Reading("latency.logged", "p99_us"),
        Reading("latency.nats", "p99_us"),
    ),
    Figure(
        "request and reply, p50 / nats-py",
        "µs",
        Reading("request.tapedeck"),
        Reading("request.nats"),
        _at_most(0.35),
        _HOPS,
    ),
    Figure(
        "request and reply, p50 / raw pyzmq, the same four hops",
        "µs",
        Reading("request.tapedeck"),
        Reading("request.router"),
    ),
)
_DELIVERIES = (
    Figure(
        "joining a full tape / nats-py push consumer of a full stream",
        "events/s",
        Reading("delivery.joined"),
        Reading("delivery.nats"),
        _at_least(5),
        _JOINING,
    ),
    Figure(
        "live, while all is appended / nats-py push consumer of a full stream",
        "events/s",
        Reading("delivery.tapedeck"),
        Reading("delivery.nats"),
        None,
        _LIVE,
    ),
    Figure(
        "live delivery / raw PUB to SUB",
        "events/s",
        Reading("delivery.tapedeck"),
        Reading("delivery.pubsub"),
    ),
    Figure(
        "replay, validated and folded / eventsourcing",
        "events/s",
        Reading("replay.tapedeck"),
        Reading("replay.eventsourcing"),
        _at_least(20),
        _REPLAY,
    ),
)
_FOOTPRINT = (
    Figure("broker idle", "% CPU", Reading("idle.tapedeck"), target=_at_most(0.05)),
    Figure(
        "broker idle, five services connected",
        "% CPU",
        Reading("idle.connected"),
        target=_at_most(0.2),
    ),
    Figure(
        "broker idle, resident memory",
        "MB",
        Reading("idle.tapedeck", "rss_mb"),
        target=_at_most(45),
    ),
    Figure(
        "broker after a full run, resident memory",
        "MB",
        Reading("append.synced_batched", "rss_mb"),
        target=_at_most(45),
    ),
)
_GROWTH = (
    *(
        Figure(
            f"broker's cost an event, {length} events on the tape / 1 thousand",
            "µs CPU",
            Reading(f"length.{name}"),
            Reading("length.1k"),
            _at_most(1.2),
        )
        for name, length in (("100k", "100 thousand"), ("1m", "1 million"), ("10m", "10 million"))
    ),
    *(
        Figure(
            f"broker's cost an event, {count} subscribers / 1",
            "µs CPU",
            Reading(f"subscribers.{count}"),
            Reading("subscribers.1"),
        )
        for count in (5, 20, 50)
    ),
    *(
        Figure(
            f"restart with {length} events on the tape",
            "s",
            Reading(f"restart.{name}"),
            target=_at_most(1),
            limit=_START,
        )
        for name, length in (("1m", "1 million"), ("10m", "10 million"))
    ),
)

FIGURES = (*_APPENDS, *_DELAYS, *_DELIVERIES, *_FOOTPRINT, *_GROWTH)
