"""The runtime of one actor.

It owns turns, the mark, the mailbox, deadlines, needs, effects and dead letters.

One turn is a batch of facts (whatever has arrived) or one command: fold, react or decide, append
everything as one transaction together with the mark; after the acknowledgement save, hand out
effects, reply. Own events come back through the tape like anybody's, and a reply waits for them.
After a start the actor folds silently up to its mark, and only then speaks, so that nothing is said
twice and nothing is missed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
import structlog

from bus.actor import Actor, Need, Refused, Spoken, spoken
from bus.client import Client, Expired, Incoming
from bus.codec import NIL, Appended, AppendRefused, Codec, Draft, Record, Reply, Request
from bus.errors import BusError, LogRegressed, Overloaded
from bus.message import Command, DeadLetter, Done, Event, Fact, Message, Query
from bus.needs import Waiters, Waiting
from bus.ports import Clock, Saver
from bus.workers import Workers

S = TypeVar("S")

FACTS_A_TURN = 512
MAILBOX_MAX = 1_000
ATTEMPTS = 3
IDLE_SECONDS = 1.0

log = structlog.get_logger()


@dataclass(frozen=True)
class _Letter:
    """A message in the mailbox.

    Without a request it came from an effect or from the process itself.
    """

    message: Command | Query[Any]
    request: Request | None = None


@dataclass(frozen=True)
class _Turn:
    """What waits for its acknowledgement."""

    spoken: Spoken
    letter: _Letter | None = None


class Runtime(Generic[S]):
    """Drives one actor over one client; `step` is the whole loop."""

    def __init__(
        self,
        actor: Actor[S],
        client: Client,
        codec: Codec,
        clock: Clock,
        saver: Saver[S],
        workers: Workers,
        opening: Iterable[Command] = (),
    ) -> None:
        self.actor = actor
        self.heard = 0
        self.dead_letters = 0
        self._client = client
        self._codec = codec
        self._clock = clock
        self._saver = saver
        self._workers = workers
        self._mailbox: deque[_Letter] = deque(_Letter(command) for command in opening)
        self._streams = {event.stream for event in actor.hears}
        self._state: S | None = None
        self._silent_to = 0
        self._own_last = 0
        self._turn: _Turn | None = None
        self._owed: list[tuple[int, Request, Done]] = []
        self._waiters: Waiters[_Letter] = Waiters(self._ask, clock)
        self._due_us: int | None = 0

    @property
    def state(self) -> S:
        """The state as far as `heard`."""
        if self._state is None:
            raise Overloaded(
                f"{self.actor.name} has not started", "step until the client is welcome"
            )
        return self._state

    def step(self, timeout_seconds: float = IDLE_SECONDS) -> None:
        """Wait for something to happen and do what it asks for."""
        for incoming in self._client.poll(self._patience(timeout_seconds)):
            self._dispatch(incoming)
        if not self._client.welcome:
            return
        if self._state is None:
            self._begin()
        self._mailbox.extend(_Letter(command) for command in self._workers.results())
        self._fall_back(self._waiters.take_late())
        self._work()

    def finish(self, within_seconds: float) -> None:
        """Drain: wait for the turn in flight, save, answer whoever still waits, say good-bye."""
        self._client.ready = False
        end = self._clock.elapsed_seconds() + within_seconds
        while self._turn and self._clock.elapsed_seconds() < end:
            for incoming in self._client.poll(0.1):
                self._dispatch(incoming)
        ending = Refused("unavailable", f"{self.actor.name} is ending", "try again in a moment")
        for letter in [*self._mailbox, *(w.asker for w in self._waiters.take_all())]:
            self._refuse(letter, ending)
        if self._state is not None and self._turn is None:
            self._saver.finish(self._state, self.heard)
        self._workers.close()
        self._client.close()

    # -- what comes in -------------------------------------------------------------------

    def _dispatch(self, incoming: Incoming) -> None:
        match incoming:
            case Appended():
                self._acknowledged(incoming)
            case AppendRefused():
                self._append_refused(incoming)
            case Request():
                self._requested(incoming)
            case Reply(id=number, code=code):
                self._fall_back(self._waiters.answered(number, refused=bool(code)))
            case Expired(id=number):
                self._fall_back(self._waiters.answered(number, refused=True))

    def _requested(self, request: Request) -> None:
        try:
            if request.deadline_us <= self._clock.now_us():
                return  # nobody waits for the answer any more
            if len(self._mailbox) >= MAILBOX_MAX:
                raise Overloaded(f"{self.actor.name} has {MAILBOX_MAX} letters", "try again later")
            letter = _Letter(self._codec.request(request.name, request.body), request)
        except BusError as error:
            refusal = Refused(error.code, error.message, error.remedy)
            self._send_refusal(request, refusal)
            return
        self._mailbox.append(letter)

    # -- turns ---------------------------------------------------------------------------

    def _begin(self) -> None:
        follower, standing = self._client.follower, self._client.standing
        self._state, position = self._saver.restore(follower.tape_id)
        if position > follower.head:
            raise LogRegressed(
                f"the tape ends at seq {follower.head}, {self.actor.name} already knows {position}",
                "an older copy lies in its place: put the newer one back",
            )
        follower.cursor = self.heard = position
        self._silent_to = max(position, standing.mark or 0)

    def _work(self) -> None:
        if self._turn is None:
            self._hear(self._client.facts(FACTS_A_TURN))
        while self._turn is None and self._caught_up():
            if not self._client.ready:
                self._open()
            if self._mailbox:
                self._open_letter(self._mailbox.popleft())
            elif not self._tick():
                return

    def _caught_up(self) -> bool:
        """Own events come first: nothing is decided before they are folded."""
        return self.heard >= self._own_last and not self._client.follower.behind

    def _open(self) -> None:
        self._client.ready = True
        self._client.greet()
        log.info("actor.ready", service=self.actor.name, heard=self.heard)

    def _hear(self, records: Sequence[Record]) -> None:
        if not records:
            return
        facts, dead = self._decoded(records)
        silent = [fact for fact in facts if fact.seq <= self._silent_to]
        self._fold(silent)
        said = (*dead, *self._heard(facts[len(silent) :]))
        self.heard = records[-1].seq
        self._due_us = 0 if facts else self._due_us
        self._commit(_Turn(Spoken(said, ())))
        self._pay()
        if facts:
            self._answer_waiting()

    def _decoded(self, records: Sequence[Record]) -> tuple[list[Fact[Any]], list[Event]]:
        facts: list[Fact[Any]] = []
        dead: list[Event] = []
        for record in records:
            kind = self._codec.knows(record.subject)
            if kind is None or kind.stream not in self._streams:
                continue
            try:
                facts.append(self._codec.fact(record))
            except BusError as error:
                dead.extend(self._bury(record.seq, record.subject, error))
        return facts, dead

    def _fold(self, facts: list[Fact[Any]]) -> None:
        """Fold what was already spoken on.

        A fact that fails now was buried by the process before.
        """
        try:
            self._state = self.actor.fold(self.state, facts)
        except Exception:
            log.exception("turn.failed", service=self.actor.name, first=facts[0].seq)
            for fact in facts:
                self._try(fact)

    def _heard(self, facts: list[Fact[Any]]) -> tuple[Event, ...]:
        """Fold and react; a failing batch is rerun one by one.

        So that only the culprit is buried.
        """
        if not facts:
            return ()
        try:
            self._state, said = self.actor.hear(self.state, facts)
        except Exception:
            log.exception("turn.failed", service=self.actor.name, first=facts[0].seq)
            return tuple(event for fact in facts for event in self._try(fact))
        return said

    def _try(self, fact: Fact[Any]) -> Iterable[Event]:
        failure: Exception | None = None
        for _ in range(ATTEMPTS):
            try:
                self._state, said = self.actor.hear(self.state, [fact])
            except Exception as error:
                log.warning("fact.failed", service=self.actor.name, seq=fact.seq, exc_info=True)
                failure = error
            else:
                return said
        return self._bury(fact.seq, fact.event.subject, failure)

    def _bury(self, seq: int, subject: str, error: Exception | None) -> list[Event]:
        self.dead_letters += 1
        log.error(
            "letter.dead", service=self.actor.name, seq=seq, subject=subject, error=repr(error)
        )
        if seq <= self._silent_to:
            return []
        return [DeadLetter(self.actor.name, seq, subject, repr(error)[:500], ATTEMPTS)]

    def _open_letter(self, letter: _Letter) -> None:
        now = self._clock.now_us()
        try:
            if isinstance(letter.message, Command):
                self._commit(_Turn(self.actor.handle(self.state, letter.message, now), letter))
                self._due_us = 0
            else:
                self._answer(letter, now)
        except Refused as refusal:
            self._refuse(letter, refusal)
        except Exception as error:
            log.exception(
                "letter.failed", service=self.actor.name, message=repr(letter.message)[:500]
            )
            self._refuse(letter, Refused("internal_error", f"{self.actor.name} failed: {error!r}"))

    def _tick(self) -> bool:
        """Ask the timer when it is time; whether that made a turn."""
        now = self._clock.now_us()
        if self._due_us is None or now < self._due_us:
            return False
        try:
            tick = self.actor.tick(self.state, now)
        except Exception:
            log.exception("timer.failed", service=self.actor.name)
            self._due_us = now + 1_000_000
            return False
        self._due_us = tick.next_us
        self._commit(_Turn(spoken(tick.output)))
        return bool(tick.output)

    # -- what goes out -------------------------------------------------------------------

    def _commit(self, turn: _Turn) -> None:
        if not turn.spoken.events:
            self._complete(turn, self.heard)
            return
        try:
            drafts: tuple[Draft, ...] = tuple(map(self._codec.draft, turn.spoken.events))
        except BusError as error:
            self._lose(turn, error)
            return
        durability = max(event.durability for event in turn.spoken.events)  # logged < synced
        self._turn = turn
        self._client.append(drafts, self.heard, durability)

    def _acknowledged(self, ack: Appended) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            self._own_last = max(self._own_last, ack.last)
            self._complete(turn, ack.last)

    def _append_refused(self, refusal: AppendRefused) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            self._lose(turn, BusError(refusal.message, refusal.remedy))

    def _lose(self, turn: _Turn, error: BusError) -> None:
        """What cannot be said is said to be lost; the asker hears why."""
        log.error("turn.refused", service=self.actor.name, error=str(error))
        if turn.letter is not None:
            self._refuse(turn.letter, Refused(error.code, error.message, error.remedy))
            return
        buried = self._bury(self.heard, turn.spoken.events[0].subject, error)
        self._commit(_Turn(Spoken(tuple(buried), ())))

    def _complete(self, turn: _Turn, last: int) -> None:
        self._state = self._saver.save(self.state, self.heard)
        for effect in turn.spoken.effects:
            self._workers.start(effect)
        if turn.letter is not None and turn.letter.request is not None:
            done = Done(seq=last, said=len(turn.spoken.events))
            self._owed.append((last, turn.letter.request, done))
            self._pay()

    def _pay(self) -> None:
        """Answer the commands whose events have come back."""
        for owed in [owed for owed in self._owed if owed[0] <= self.heard]:
            self._owed.remove(owed)
            self._send(owed[1], owed[2])

    # -- queries and needs ---------------------------------------------------------------

    def _answer(
        self, letter: _Letter, now_us: int, waiting: Waiting[_Letter] | None = None
    ) -> None:
        if not isinstance(letter.message, Query) or letter.request is None:
            return
        answer = self.actor.reply(self.state, letter.message, now_us)
        if not isinstance(answer, Need):
            self._send(letter.request, answer)
        elif waiting is not None:
            self._waiters.again(waiting, answer)
        elif self._waiters.full:
            raise Refused("overloaded", "too many askers wait for facts", "try again later")
        else:
            self._waiters.begin(letter, answer)

    def _ask(self, command: Command, within_seconds: float) -> int:
        name, body = type(command).__name__, self._codec.body(command)
        return self._client.request(command.service, name, body, within_seconds)

    def _answer_waiting(self) -> None:
        now = self._clock.now_us()
        for waiting in self._waiters.take_all():
            try:
                self._answer(waiting.asker, now, waiting)
            except Refused as refusal:
                self._refuse(waiting.asker, refusal)

    def _fall_back(self, waiting: Iterable[Waiting[_Letter]]) -> None:
        for each in waiting:
            if isinstance(each.need.otherwise, Refused):
                self._refuse(each.asker, each.need.otherwise)
            elif each.asker.request is not None:
                self._send(each.asker.request, each.need.otherwise)

    # -- replies -------------------------------------------------------------------------

    def _send(self, request: Request, message: Message) -> None:
        try:
            body = msgspec.Raw(self._codec.body(message))
        except BusError as error:
            self._send_refusal(request, Refused(error.code, error.message, error.remedy))
            return
        self._client.reply(Reply(request.id, request.origin, body))

    def _refuse(self, letter: _Letter, refusal: Refused) -> None:
        if letter.request is None:
            log.warning(
                "command.refused",
                service=self.actor.name,
                message=repr(letter.message)[:200],
                reason=str(refusal),
            )
            return
        self._send_refusal(letter.request, refusal)

    def _send_refusal(self, request: Request, refusal: Refused) -> None:
        self._client.reply(
            Reply(request.id, request.origin, NIL, refusal.code, refusal.message, refusal.remedy)
        )

    def _patience(self, timeout_seconds: float) -> float:
        """How long nothing has to be done unless something comes."""
        if self._state is not None and self._turn is None and self._more_to_do():
            return 0.0
        patience = self._waiters.first_deadline_seconds - self._clock.elapsed_seconds()
        if self._due_us is not None:
            patience = min(patience, (self._due_us - self._clock.now_us()) / 1_000_000)
        return max(0.0, min(timeout_seconds, patience))

    def _more_to_do(self) -> bool:
        return self._client.follower.behind or (bool(self._mailbox) and self._caught_up())
