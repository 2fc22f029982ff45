"""The broker: drain what has arrived, one transaction, publish, acknowledge; and pass requests on.

Synchronous and single-threaded: a writer thread was measured slower (GIL hand-offs cost more than
an overlapped fsync earns). Nothing is published before it is on the tape, nothing acknowledged
before it is published.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bus.codec import (
    NIL,
    Append,
    Appended,
    AppendRefused,
    Bye,
    Frame,
    Heartbeat,
    Hello,
    Reply,
    Request,
    Welcome,
    decode_frames,
    encode_frame,
    encode_frames,
    encode_heartbeat,
)
from bus.errors import BadMessage, BusError, Fenced, StorageFailed
from bus.message import BusState, BusStatus, ServiceState
from bus.ports import Clock, Hub
from bus.tape import Committed, TapeWriter

SERVICE = "bus"
HEARTBEAT_SECONDS = 1.0
PRESENT_SECONDS = 3.0
"""Three heartbeats without a word: the service counts as absent."""
REST_SECONDS = 0.1
"""So long without a turn, the tape may rest."""
ANSWERS_A_MESSAGE_MAX = 16
"""Who never reads is kept 10,000 messages: with 256 refusals in each they took 200 MB."""
COMMITS_REMEMBERED = 512


@dataclass
class _Client:
    identity: bytes
    hello: Hello
    seen_seconds: float


class Broker:
    """One step at a time over a hub and a tape; owns neither the loop nor the process."""

    def __init__(self, tape: TapeWriter, hub: Hub, clock: Clock) -> None:
        self._tape = tape
        self._hub = hub
        self._clock = clock
        self._clients: dict[str, _Client] = {}
        self._appends: list[tuple[bytes, Append]] = []
        self._beat_at_seconds = clock.elapsed_seconds()
        self._committed_seconds = clock.elapsed_seconds()
        self._seconds: deque[float] = deque(maxlen=COMMITS_REMEMBERED)
        self._sizes: deque[int] = deque(maxlen=COMMITS_REMEMBERED)
        self._refusal = self._unrest = ""
        self.bad_frames = 0
        self.counts = {"events": 0, "commits": 0, "resends": 0, "refused": 0}

    def step(self, timeout_seconds: float = HEARTBEAT_SECONDS) -> None:
        """Take what has arrived (waiting for the first), commit, publish, acknowledge."""
        now = self._clock.elapsed_seconds()
        wait = max(0.0, min(timeout_seconds, self._beat_at_seconds - now))
        for identity, data in self._hub.receive(wait):
            self._read(identity, data)
        self._commit()
        if self._clock.elapsed_seconds() >= self._beat_at_seconds:
            self._rest()
            self._beat()

    def _read(self, identity: bytes, data: bytes) -> None:
        try:
            frames = decode_frames(data)
        except BadMessage:
            self.bad_frames += 1
            return
        for frame in frames:
            self._take(identity, frame)

    def _take(self, identity: bytes, frame: Frame) -> None:
        match frame:
            case Append():
                self._appends.append((identity, frame))
            case Hello():
                self._greet(identity, frame)
            case Request():
                self._pass_on(identity, frame)
            case Reply():
                self._send(frame.origin, frame)
            case Bye():
                self._forget(identity, frame)
            case _:
                self.bad_frames += 1

    def _greet(self, identity: bytes, hello: Hello) -> None:
        try:
            hello = self._identified(identity, hello)
            mark = self._tape.enlist(hello.service, hello.epoch)
        except BusError as error:
            self._send(
                identity,
                AppendRefused(-1, error.code, error.message, error.remedy, self._tape.head),
            )
            return
        named = msgspec.structs.replace(hello, epoch=mark.epoch)
        self._clients[hello.service] = _Client(identity, named, self._clock.elapsed_seconds())
        tape = self._tape
        self._send(identity, Welcome(mark.epoch, mark.mark, tape.tape_id, tape.head, tape.at_us))

    def _identified(self, identity: bytes, hello: Hello) -> Hello:
        """The first greeting of a process, or what it is known by if it says it again.

        Raises `Fenced` for an older process: a bus that stood still finds the greetings of dead
        ones among those of the living, in any order.
        """
        known = self._clients.get(hello.service)
        if hello.epoch != 0 or known is None:
            return hello
        if known.identity == identity:
            return known.hello
        if hello.began_us < known.hello.began_us and self._present(known):
            raise Fenced(
                f"a newer process speaks as {hello.service}",
                "another process runs under this name: end one of them",
            )
        return hello

    def _forget(self, identity: bytes, bye: Bye) -> None:
        client = self._clients.get(bye.service)
        if client and client.identity == identity:
            del self._clients[bye.service]

    def _pass_on(self, identity: bytes, request: Request) -> None:
        if request.service == SERVICE:
            self._answer(identity, request)
            return
        client = self._clients.get(request.service)
        named = msgspec.structs.replace(request, origin=identity)
        if client is None or not self._present(client) or not self._send(client.identity, named):
            self._send(identity, _unavailable(request))

    def _answer(self, identity: bytes, request: Request) -> None:
        if request.name != BusStatus.__name__:
            refusal = Reply(
                request.id,
                identity,
                NIL,
                "unknown_message",
                f"the bus does not know {request.name}",
            )
            self._send(identity, refusal)
            return
        body = msgspec.Raw(msgspec.msgpack.encode(self.state()))
        self._send(identity, Reply(request.id, identity, body))

    def _commit(self) -> None:
        if not self._appends:
            return
        waiting, self._appends = self._appends, []
        started = self._clock.elapsed_seconds()
        done = self._committed([append for _, append in waiting])
        self._committed_seconds = self._clock.elapsed_seconds()
        self._seconds.append(self._committed_seconds - started)
        self._sizes.append(len(done.frames))
        self._count(done)
        for frame in done.frames:
            self._hub.publish(frame)
        self._acknowledge([identity for identity, _ in waiting], done.answers)

    def _acknowledge(
        self, identities: Sequence[bytes], answers: Sequence[Appended | AppendRefused]
    ) -> None:
        """Answer each in the order of its turns, several in a message."""
        to: dict[bytes, list[Appended | AppendRefused]] = {}
        for identity, answer in zip(identities, answers, strict=True):
            to.setdefault(identity, []).append(answer)
        for identity, mine in to.items():
            for first in range(0, len(mine), ANSWERS_A_MESSAGE_MAX):
                some = mine[first : first + ANSWERS_A_MESSAGE_MAX]
                self._hub.send(identity, encode_frames(some))

    def _committed(self, turns: list[Append]) -> Committed:
        try:
            done = self._tape.append(turns, self._clock.now_us())
        except StorageFailed as error:
            self._refusal = error.message
            refusals = [
                AppendRefused(turn.mark, error.code, error.message, error.remedy, self._tape.head)
                for turn in turns
            ]
            return Committed([*refusals], [], 0)
        if done.frames:
            self._refusal = ""
        return done

    def _count(self, done: Committed) -> None:
        refused = sum(isinstance(answer, AppendRefused) for answer in done.answers)
        self.counts["events"] += len(done.frames)
        self.counts["commits"] += bool(done.frames)
        self.counts["refused"] += refused
        self.counts["resends"] += len(done.answers) - refused - done.turns

    def _rest(self) -> None:
        """While nobody speaks; a refusal is asked about again though, however busy the bus is."""
        quiet = self._clock.elapsed_seconds() - self._committed_seconds >= REST_SECONDS
        if not quiet and not self._unrest:
            return
        try:
            self._tape.rest()
            self._unrest = ""
        except StorageFailed as error:
            self._unrest = error.message

    def _beat(self) -> None:
        tape = self._tape
        beat = Heartbeat(tape.tape_id, tape.head, self._clock.now_us(), self.degraded)
        self._hub.publish(encode_heartbeat(beat))
        self._beat_at_seconds = self._clock.elapsed_seconds() + HEARTBEAT_SECONDS

    def _send(self, identity: bytes, frame: Frame) -> bool:
        return self._hub.send(identity, encode_frame(frame))

    @property
    def degraded(self) -> str:
        """What the disk refused last, until it takes again; empty while it takes."""
        return self._refusal or self._unrest

    @property
    def has_clients(self) -> bool:
        """Whether any service that is heard of has not said good-bye."""
        return any(self._present(client) for client in self._clients.values())

    def _present(self, client: _Client) -> bool:
        return self._clock.elapsed_seconds() - client.seen_seconds <= PRESENT_SECONDS

    def state(self) -> BusState:
        """How the bus and its clients fare."""
        tape = self._tape
        return BusState(
            tape_id=tape.tape_id,
            head=tape.head,
            at_us=tape.at_us,
            degraded=self.degraded,
            events_appended=self.counts["events"],
            commits=self.counts["commits"],
            commit_ms_p50=_quantile(self._seconds, 50) * 1_000,
            commit_ms_p99=_quantile(self._seconds, 99) * 1_000,
            batch_p50=_quantile(self._sizes, 50),
            resends=self.counts["resends"],
            refused=self.counts["refused"],
            bad_frames=self.bad_frames,
            tape_bytes=_bytes_on_disk(tape.path),
            services=tuple(self._service(name) for name in sorted(self._clients)),
        )

    def _service(self, name: str) -> ServiceState:
        client = self._clients[name]
        hello = client.hello
        return ServiceState(
            name=name,
            ready=hello.ready and self._present(client),
            heard=hello.heard,
            lag=max(0, self._tape.head - hello.heard),
            pid=hello.pid,
            starts=hello.epoch,
            silent_seconds=round(self._clock.elapsed_seconds() - client.seen_seconds, 3),
            counters=hello.counters,
        )


def _unavailable(request: Request) -> Reply:
    return Reply(
        request.id,
        b"",
        NIL,
        "unavailable",
        f"{request.service} is not there to take {request.name}",
        "it restarts by itself within seconds: try again; `tapedeck status` says more",
    )


def _bytes_on_disk(path: Path) -> int:
    """The file with its write-ahead log, in which the newest events lie until a checkpoint."""
    log = path.with_name(f"{path.name}-wal")
    return path.stat().st_size + (log.stat().st_size if log.exists() else 0)


def _quantile(values: deque[float] | deque[int], percent: int) -> float:
    if len(values) < 2:
        return float(next(iter(values), 0.0))
    return float(statistics.quantiles(values, n=100, method="inclusive")[percent - 1])
