"""A client of the bus: over any link it greets, follows the tape, appends, asks and is asked.

Nothing here blocks but `poll`. What is not acknowledged is sent again, in order, until it is: the
producer's mark makes that safe. The broker may die and come back at any time; the client only sees
that it takes longer.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

import msgspec

from bus.codec import (
    PACKED_BYTES_MAX,
    PACKED_MAX,
    Append,
    Appended,
    AppendRefused,
    Bye,
    Draft,
    Frame,
    Hello,
    Record,
    Reply,
    Request,
    Welcome,
    check_turn,
    decode_frames,
    encode_frame,
    encode_frames,
)
from bus.errors import BadMessage, Fenced, LogRegressed, Overloaded
from bus.follower import Follower
from bus.message import Counters, Durability
from bus.ports import Clock, Link, TapeReading

HELLO_SECONDS = 1.0
RESEND_SECONDS = 0.5
UNACKED_MAX = 4_096
UNACKED_BYTES_MAX = 32 << 20
"""Four turns of the largest size: 4,096 of them would be 34 GB."""
LIVE_FRAMES_A_POLL = 2_048
ASKED_MAX = 10_000


class Expired(msgspec.Struct, frozen=True):
    """A request of mine whose deadline passed without an answer."""

    id: int


Incoming = Appended | AppendRefused | Request | Reply | Expired


@dataclass
class _Unacked:
    append: Append
    size: int
    sent_seconds: float


@dataclass
class Standing:
    """What the broker last told: the epoch and mark of this producer.

    None until the first welcome.
    """

    epoch: int = 0
    mark: int | None = None
    resends: int = 0
    welcomed_seconds: float = field(default=float("-inf"))


class Client:
    """One service's way to the bus.

    Owned by one thread (`wake` alone may be called from others).
    """

    def __init__(
        self, service: str, link: Link, open_tape: Callable[[], TapeReading], clock: Clock
    ) -> None:
        self.service = service
        self.follower = Follower()
        self.standing = Standing()
        self.ready = False
        self.dead_letters = 0
        self._link = link
        self._open_tape = open_tape
        self._tape: TapeReading | None = None
        self._clock = clock
        self._began_us = round(clock.elapsed_seconds() * 1_000_000)
        self._ids = count(1)
        self._unacked: OrderedDict[int, _Unacked] = OrderedDict()
        self._unacked_bytes = 0
        self._outbox: list[Append] = []
        self._outbox_bytes = 0
        self._rewound_to: int | None = None
        self._asked: dict[int, float] = {}
        self._hello_at_seconds = float("-inf")

    @property
    def welcome(self) -> bool:
        """Whether the broker has answered yet."""
        return self.standing.mark is not None

    @property
    def counters(self) -> Counters:
        """What this process has met with; told to the broker with each greeting."""
        follower = self.follower
        return Counters(
            self.dead_letters, follower.gaps, self.standing.resends, follower.bad_frames
        )

    @property
    def in_flight(self) -> int:
        """Turns sent and not acknowledged."""
        return len(self._unacked)

    def poll(self, timeout_seconds: float) -> list[Incoming]:
        """Wait for something to happen, keep the connection alive, and give what came."""
        self._flush()
        self._greet()
        messages = self._link.receive(min(timeout_seconds, self._patience()))
        self.follower.offer(self._link.live(LIVE_FRAMES_A_POLL))
        frames = [frame for data in messages for frame in self._decoded(data)]
        incoming = [taken for frame in frames if (taken := self._take(frame)) is not None]
        self._resend()
        return incoming + self._expired()

    def facts(self, limit: int) -> list[Record]:
        """The records that follow the cursor, live or from the tape.

        Empty when there are none now.
        """
        if not self.welcome:
            return []
        if self.follower.suspicious:
            self._tape = None  # another file may lie in the place of the one that is open
        return self.follower.take(self.tape(), limit)

    def tape(self) -> TapeReading:
        """The tape, opened at the first use (the broker's welcome means that it exists)."""
        if self._tape is None:
            self._tape = self._open_tape()
        return self._tape

    def append(self, drafts: tuple[Draft, ...], mark: int, durability: Durability) -> None:
        """Send a turn, with the next `poll` at the latest; its answer comes with a later one.

        Turns said between two polls travel together. The answer is `Appended` or `AppendRefused`.
        Raises `Overloaded` or `MessageTooLarge`; then nothing is sent. A mark comes once: the
        tape would take a second turn under it for a repetition of the first.
        """
        size = check_turn(self.service, drafts)
        if len(self._unacked) >= UNACKED_MAX or self._unacked_bytes >= UNACKED_BYTES_MAX:
            raise Overloaded(
                f"{len(self._unacked)} turns of {self.service} wait for their acknowledgements,"
                f" {self._unacked_bytes} bytes",
                "poll before appending more",
            )
        if self.standing.mark is None:
            raise Overloaded(f"{self.service} is not connected yet", "poll until `welcome`")
        # An acknowledgement may be lost and a later one not: the last turn is the highest mark.
        after = max(self.standing.mark, next(reversed(self._unacked), -1))
        if mark <= after:
            raise ValueError(
                f"{self.service} has already sent mark {after}, {mark} is no later one"
            )
        append = Append(self.service, self.standing.epoch, after, mark, durability, drafts)
        self._unacked[mark] = _Unacked(append, size, self._clock.elapsed_seconds())
        self._unacked_bytes += size
        self._put(append, size)

    def request(self, service: str, name: str, body: bytes, within_seconds: float) -> int:
        """Send a command or query; a `Reply` or `Expired` of this id comes with a later `poll`."""
        if len(self._asked) >= ASKED_MAX:
            raise Overloaded(f"{len(self._asked)} requests wait for answers", "ask less at a time")
        number = next(self._ids)
        deadline_us = self._clock.now_us() + round(within_seconds * 1_000_000)
        self._asked[number] = self._clock.elapsed_seconds() + within_seconds
        self._say(Request(number, service, name, msgspec.Raw(body), deadline_us))
        return number

    def reply(self, reply: Reply) -> None:
        """Answer a request that came with `poll`."""
        self._say(reply)

    def close(self) -> None:
        """Say good-bye and let go of the link."""
        self._flush()
        if self.welcome:
            self._say(Bye(self.service, self.standing.epoch))
            self._link.receive(0.0)
        self._link.close()

    def wake(self) -> None:
        """End a waiting `poll` now."""
        self._link.wake()

    def _greet(self) -> None:
        now = self._clock.elapsed_seconds()
        if now >= self._hello_at_seconds:
            self._hello_at_seconds = now + (HELLO_SECONDS if self.welcome else RESEND_SECONDS / 2)
            self.greet()

    def greet(self) -> None:
        """Tell the broker how this service stands, now rather than at the next heartbeat."""
        epoch, heard = self.standing.epoch, self.follower.cursor
        pid, began_us = os.getpid(), self._began_us
        self._say(Hello(self.service, epoch, heard, self.ready, pid, self.counters, began_us))

    def _patience(self) -> float:
        first_deadline = min(self._asked.values(), default=float("inf"))
        wanted_at = min(self._hello_at_seconds, self._resend_at_seconds(), first_deadline)
        return max(0.0, wanted_at - self._clock.elapsed_seconds())

    def _resend_at_seconds(self) -> float:
        """Only a broker that was heard since is sent a turn again.

        One that is away or stopped would find as many copies as it was silent for.
        """
        oldest = next(iter(self._unacked.values()), None)
        if oldest is None or self.standing.welcomed_seconds <= oldest.sent_seconds:
            return float("inf")
        return oldest.sent_seconds + RESEND_SECONDS

    def _decoded(self, data: bytes) -> Sequence[Frame]:
        try:
            return decode_frames(data)
        except BadMessage:
            self.follower.bad_frames += 1
            return ()

    def _take(self, frame: Frame) -> Incoming | None:
        match frame:
            case Welcome():
                self._welcomed(frame)
            case Appended():
                return self._acknowledged(frame)
            case AppendRefused():
                return self._refused(frame)
            case Reply():
                return frame if self._asked.pop(frame.id, None) is not None else None
            case Request():
                return frame
        return None

    def _welcomed(self, welcome: Welcome) -> None:
        standing = self.standing
        if standing.epoch not in (0, welcome.epoch):
            raise Fenced(
                f"{self.service} has epoch {standing.epoch}, the bus says {welcome.epoch}",
                "another process runs under this name: end one of them",
            )
        self.follower.told(welcome.tape, welcome.head)
        standing.epoch = welcome.epoch
        if standing.mark is None:
            standing.mark = welcome.mark
        standing.welcomed_seconds = self._clock.elapsed_seconds()

    def _acknowledged(self, ack: Appended) -> Appended | None:
        if self._settled(ack.mark) is None:
            return None
        self.standing.mark = max(ack.mark, self.standing.mark or ack.mark)
        self.follower.told(self.follower.tape_id, max(ack.last, self.follower.head))
        return ack

    def _refused(self, refusal: AppendRefused) -> AppendRefused | None:
        if refusal.code == Fenced.code:
            raise Fenced(refusal.message, refusal.remedy)
        if refusal.code == LogRegressed.code:
            raise LogRegressed(refusal.message, refusal.remedy)
        if refusal.code in ("gap", "storage_failed"):
            self._rewind(refusal)
            return None  # it is sent again in order, with what came before it
        refused = self._settled(refusal.mark)
        if refused is None:
            return None
        self._close_gap(refused.append)
        return refusal

    def _settled(self, mark: int) -> _Unacked | None:
        """The turn of this mark, which waits no longer; None where none waits."""
        settled = self._unacked.pop(mark, None)
        self._unacked_bytes -= settled.size if settled else 0
        return settled

    def _rewind(self, refusal: AppendRefused) -> None:
        """What a dead bus took with it is sent again at once, as soon as the next one misses it.

        Once for each mark that it tells; whatever is lost again waits for its time.
        """
        if refusal.code == "gap" and refusal.actual != self._rewound_to:
            self._rewound_to = refusal.actual
            for waiting in self._unacked.values():
                waiting.sent_seconds = float("-inf")

    def _close_gap(self, refused: Append) -> None:
        """The turn after a refused one now follows the turn before it.

        All later ones are sent again.
        """
        for waiting in self._unacked.values():
            if waiting.append.after == refused.mark:
                waiting.append = msgspec.structs.replace(waiting.append, after=refused.after)
            waiting.sent_seconds = float("-inf")

    def _resend(self) -> None:
        now = self._clock.elapsed_seconds()
        if now < self._resend_at_seconds():
            return
        for waiting in self._unacked.values():
            waiting.sent_seconds = now
            self.standing.resends += 1
            if not self._put(waiting.append, waiting.size):
                break
        self._flush()

    def _expired(self) -> list[Incoming]:
        now = self._clock.elapsed_seconds()
        late = [number for number, deadline in self._asked.items() if deadline <= now]
        for number in late:
            del self._asked[number]
        return [Expired(number) for number in late]

    def _put(self, append: Append, size: int) -> bool:
        """Lay a turn to those that travel with the next message; False if a full one was refused.

        Nothing is lost then: a turn without an answer is sent again.
        """
        full = len(self._outbox) >= PACKED_MAX or self._outbox_bytes + size > PACKED_BYTES_MAX
        taken = not full or self._flush()
        self._outbox.append(append)
        self._outbox_bytes += size
        return taken

    def _flush(self) -> bool:
        turns, self._outbox, self._outbox_bytes = self._outbox, [], 0
        return not turns or self._link.send(encode_frames(turns))

    def _say(self, frame: Frame) -> None:
        self._link.send(encode_frame(frame))
