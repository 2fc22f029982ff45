"""The tortured parties, each a process of its own: who speaks, listens, looks on, acts and asks.

Whatever a party was told it writes into its journal at once, so that a SIGKILL costs knowledge at
most, and the next process of the name goes on from there.
"""

from __future__ import annotations

import time
from functools import cache, partial
from typing import TypeVar

import zmq

from bus.actor import Actor
from bus.client import Client, Expired
from bus.codec import Appended, Codec, Record, Reply, checksum, decode_live
from bus.errors import Overloaded
from bus.message import Contract, Done
from bus.ports import Saver
from bus.process import until_told
from bus.reading import TapeReader
from bus.runtime import Runtime
from bus.saving import SnapshotSaver
from bus.workers import Workers
from market.messages import CONTRACT as MARKET
from services.cache.actor import build
from services.cache.saver import ShelfSaver
from services.cache.shelf import Shelf
from services.cache.store.sqlite import Tables
from tests.torture.journal import BEFORE, JOINED, UNKNOWN, Journal, last
from tests.torture.place import Place
from tests.torture.probes import Doom, DyingLink, DyingSaver, Killer, armed, traced
from tests.torture.words import CODEC, CONTRACT, Heard, Note, echo, padded_turn, turn_of

S = TypeVar("S")

WINDOW = 64
TURNS_A_SECOND = 200.0
POLL_SECONDS = 0.2
DRAIN_SECONDS = 3.0
ASK_SECONDS = 1.0
SNAPSHOT_EVERY = 20

PRODUCER_POINTS = ("before Append", "after Append", "after Appended")
ECHO_POINTS = (
    "after Welcome",
    "after the restore",
    "after live frames came",
    "before Append",
    "after Append",
    "after Appended",
    "before the save",
    "before a file is written",
    "before a file is renamed",
    "after the save",
    "after Request",
    "before Reply",
    "after Reply",
)
CACHE_POINTS = (
    "after the restore",
    "before the save",
    "before BEGIN",
    "before INSERT OR IGNORE INTO entry",
    "before INSERT OR REPLACE INTO moment",
    "before INSERT OR REPLACE INTO meta",
    "before COMMIT",
    "after the save",
)


class Pace:
    """Allows so many turns a second; what was not used is not saved up beyond one window."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._free_seconds = time.monotonic()

    @property
    def patience_seconds(self) -> float:
        """How long there is nothing to say."""
        return min(POLL_SECONDS, max(0.0, self._free_seconds - time.monotonic()))

    def allows(self) -> bool:
        """Whether one more turn may be said now; then it counts as said."""
        now = time.monotonic()
        if self._free_seconds > now:
            return False
        self._free_seconds = max(self._free_seconds, now - WINDOW / self._rate) + 1 / self._rate
        return True


def producer(
    place: Place, name: str, doom: Doom, pad: int = 0, rate: float = TURNS_A_SECOND
) -> None:
    """Says turn after turn, at most so many a second, and notes what is acknowledged.

    With ``pad`` each turn is one event of so many bytes.
    """
    client = place.client(name, DyingLink(place.link(), armed(doom)))
    journal, resends = Journal(place.journal(name)), Journal(place.journal(f"{name}.resends"))
    pace = Pace(rate)
    said = 0

    def note(timeout_seconds: float) -> None:
        before = client.standing.resends
        acks = [each for each in client.poll(timeout_seconds) if isinstance(each, Appended)]
        journal.write((ack.mark, ack.last) for ack in acks)
        if client.standing.resends > before:
            resends.write([(said, client.standing.resends - before)])

    def step() -> None:
        nonlocal said
        note(pace.patience_seconds)
        said = max(said, client.standing.mark or 0)
        while client.welcome and client.in_flight < WINDOW and pace.allows():
            said += 1
            drafts = padded_turn(name, said, pad) if pad else turn_of(name, said)
            client.append(drafts, said, "synced" if said % 10 == 0 else "logged")

    until_told(client.wake, step)
    while client.in_flight:
        note(POLL_SECONDS)
    client.close()


def greedy(place: Place, name: str, doom: Doom, pad: int) -> None:
    """A producer that appends until it is refused; notes how many turns waited when it was."""
    del doom
    client = place.client(name)
    journal, refusals = Journal(place.journal(name)), Journal(place.journal(f"{name}.refusals"))
    said = 0

    def step() -> None:
        nonlocal said
        acks = [each for each in client.poll(POLL_SECONDS) if isinstance(each, Appended)]
        journal.write((ack.mark, ack.last) for ack in acks)
        said = max(said, client.standing.mark or 0)
        try:
            while client.welcome:
                client.append(padded_turn(name, said + 1, pad), said + 1, "logged")
                said += 1
        except Overloaded:
            refusals.write([(said, client.in_flight)])

    until_told(client.wake, step)
    client.close()


def listener(place: Place, name: str, doom: Doom) -> None:
    """Follows the tape from where its journal ends, and notes the checksum of each record."""
    del doom
    journal = Journal(place.journal(name))
    client = place.client(name)
    client.follower.cursor = last(place.journal(name))

    def step() -> None:
        client.poll(0.0 if client.follower.behind else POLL_SECONDS)
        journal.write((record.seq, checksum(record)) for record in client.facts(512))

    until_told(client.wake, step)
    client.close()


def joiner(place: Place, name: str, doom: Doom, joins: int, stay: int) -> None:
    """Joins at the head as often as it is told, and each time notes what follows.

    Of a join: where the tape ended before, where it was joined, then so many records.
    """
    del doom
    journal = Journal(place.journal(name))
    tape = TapeReader(place.tape_path)
    for _ in range(joins):
        client = place.client(name)
        rows = [(tape.head(), BEFORE)]
        while not client.welcome:
            client.poll(POLL_SECONDS)
        client.follower.cursor = client.follower.head
        rows.append((client.follower.cursor, JOINED))
        while len(rows) < 2 + stay:
            client.poll(0.0 if client.follower.behind else POLL_SECONDS)
            rows += [(each.seq, checksum(each)) for each in client.facts(2 + stay - len(rows))]
        journal.write(rows)
        client.close()


def onlooker(place: Place, name: str, doom: Doom) -> None:
    """Sees live frames as they are, and notes each; one that is not on the tape yet as minus."""
    del doom
    journal = Journal(place.journal(name))
    tape = TapeReader(place.tape_path)
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.setsockopt(zmq.RCVHWM, 100_000)
        socket.connect(place.bus.tape)
        socket.subscribe(b"")

        def step() -> None:
            if socket.poll(round(POLL_SECONDS * 1_000)):
                seen = [row for data in _waiting(socket) for row in _seen(data)]
                head = tape.head()
                journal.write((seq if seq <= head else -seq, crc) for seq, crc in seen)

        until_told(lambda: None, step)


def _waiting(socket: zmq.Socket[bytes]) -> list[bytes]:
    frames: list[bytes] = []
    while len(frames) < 1_000 and socket.poll(0):
        frames.append(socket.recv(zmq.NOBLOCK))
    return frames


def _seen(data: bytes) -> list[tuple[int, int]]:
    frame = decode_live(data)
    if isinstance(frame, Record):
        return [(frame.seq, checksum(frame))]
    return [(frame.seq, UNKNOWN)] if hasattr(frame, "seq") else []


class EagerSaver(SnapshotSaver[S]):
    """Writes a snapshot every few facts, so that kills fall into it."""

    def save(self, state: S, position: int) -> S:
        """See `bus.ports.Saver`."""
        if position - self._saved_at >= SNAPSHOT_EVERY:
            self.finish(state, position)
        return state


def echo_actor(place: Place, name: str, doom: Doom) -> None:
    """The echo, a pure state with snapshots."""
    saver = EagerSaver(place.snapshot(name), Heard, Heard, "this code", place.clock())
    _act(place, armed(doom), echo(), CONTRACT, saver)


def cache_actor(place: Place, name: str, doom: Doom) -> None:
    """The deck's own cache over its tables."""
    probe = armed(doom)
    tables = Tables(place.tables(name), "this code")
    traced(tables._db, probe)
    shelf = Shelf(
        tables=tables,
        open_tape=cache(partial(TapeReader, place.tape_path)),
        codec=Codec(MARKET),
        ttl_seconds=300.0,
    )
    saver = ShelfSaver(shelf, place.folder / "exports", place.clock())
    _act(place, probe, build(lambda: shelf), MARKET, saver)


def _act(place: Place, probe: Killer, actor: Actor[S], contract: Contract, saver: Saver[S]) -> None:
    client = place.client(actor.name, DyingLink(place.link(), probe))
    workers = Workers(lambda effect: None, client.wake)
    runtime = Runtime(
        actor, client, Codec(contract), place.clock(), DyingSaver(saver, probe), workers
    )
    until_told(client.wake, runtime.step)
    runtime.finish(DRAIN_SECONDS)


def asker(place: Place, name: str, doom: Doom) -> None:
    """Asks the echo to note number after number, each until it is done; notes what is."""
    del doom
    client, journal = place.client(name), Journal(place.journal(name))
    wanted = last(place.journal(name)) + 1
    asked: int | None = None

    def step() -> None:
        nonlocal asked, wanted
        for each in client.poll(POLL_SECONDS):
            if isinstance(each, Expired | Reply) and each.id == asked:
                asked = None
                if isinstance(each, Reply) and not each.code:
                    journal.write([(wanted, CODEC.decode(Done, each.body).seq)])
                    wanted += 1
        if client.welcome and asked is None:
            asked = ask(client, wanted)

    until_told(client.wake, step)
    client.close()


def ask(client: Client, number: int) -> int:
    """Send the request; gives its id."""
    return client.request("echo", Note.__name__, CODEC.body(Note(number)), ASK_SECONDS)
