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
from bus.codec import (
    NIL,
    Appended,
    AppendRefused,
    Codec,
    Draft,
    Record,
    Reply,
    Request,
    check_turn,
)
from bus.errors import BusError, LogRegressed, Overloaded
from bus.letters import replay
from bus.message import Command, DeadLetter, Done, Event, Fact, Message, Query, ReplayLetter
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

    Without a request it came from an effect or from the process itself. It is opened when all is
    heard that was known as it came, ``after``: whoever waited for the very head would wait for ever
    under full load.
    """

    message: Command | Query[Any]
    request: Request | None = None
    after: int = 0


@dataclass(frozen=True)
class _Turn:
    """What waits for its acknowledgement."""

    spoken: Spoken
    drafts: tuple[Draft, ...]
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
        self._known = 0
        self._turn: _Turn | None = None
        self._owed: list[tuple[int, Request, Done]] = []
        self._waiters: Waiters[_Letter] = Waiters(self._ask, clock)
        self._due_us: int | None = 0
        self._unheard: list[Record] = []
        self._news = False

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
        head = self._client.follower.head
        self._mailbox.extend(_Letter(c, after=head) for c in self._workers.results())
        self._fall_back(self._waiters.take_late())
        self._work()

    def finish(self, within_seconds: float) -> None:
        """Drain: wait for the turn in flight, save, answer whoever still waits, say good-bye."""
        self._client.ready = False
        end = self._clock.elapsed_seconds() + within_seconds
        while self._turn and self._clock.elapsed_seconds() < end:
            for incoming in self._client.poll(0.1):
                self._dispatch(incoming)
        for _, request, done in self._owed:
            self._send(request, done)  # what it waits for is on the tape
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
            message = self._codec.request(request.name, request.body)
        except BusError as error:
            refusal = Refused(error.code, error.message, error.remedy)
            self._send_refusal(request, refusal)
            return
        self._mailbox.append(_Letter(message, request, self._client.follower.head))

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
        self._known = follower.head

    def _work(self) -> None:
        if self._turn is None:
            records, self._unheard = self._unheard, []
            self._hear(records or self._client.facts(FACTS_A_TURN))
        if self._has_heard(self._known):
            self._open()
        while self._mailbox and self._client.ready and self._has_heard(self._mailbox[0].after):
            self._open_letter(self._mailbox.popleft())
        if self._has_heard(self._known):
            self._tick()
            self._known = self._client.follower.head

    def _has_heard(self, seq: int) -> bool:
        """Whether a turn may begin that needs all up to the seq.

        Own events come first: nothing is decided or answered before they are folded.
        """
        return not self._turn and not self._unheard and self.heard >= max(seq, self._own_last)

    def _open(self) -> None:
        """All that was known a while ago is heard: be ready, and see whom it answers."""
        if not self._client.ready:
            self._client.ready = True
            self._client.greet()
            log.info("actor.ready", service=self.actor.name, heard=self.heard)
        if self._news:
            self._news = False
            self._answer_waiting()

    def _hear(self, records: Sequence[Record]) -> None:
        """Fold and react to all records as one turn, or to half of them if they say too much."""
        if not records:
            return
        before = self.state
        facts, dead = self._decoded(records)
        silent = [fact for fact in facts if fact.seq <= self._silent_to]
        self._fold(silent)
        said = (*dead, *self._heard(facts[len(silent) :], records))
        try:
            turn = self._turn_of(Spoken(said, ()))
        except BusError as error:
            if len(records) > 1:
                half = len(records) // 2
                self._state, self._unheard = before, [*records[half:], *self._unheard]
                self._hear(records[:half])
                return
            buried = self._bury(records[0].seq, records[0].subject, error)
            turn = self._turn_of(Spoken((*dead, *buried), ()))
        self.heard = records[-1].seq
        if facts:
            self._news, self._due_us = True, 0
        self._commit(turn)
        self._pay()

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
        """Fold without a word; a fact that fails was buried when it was spoken on."""
        try:
            self._state = self.actor.fold(self.state, facts)
        except Exception:
            log.exception("fold.failed", service=self.actor.name, first=facts[0].seq)
            for fact in facts if len(facts) > 1 else ():
                self._fold([fact])

    def _heard(self, facts: list[Fact[Any]], records: Sequence[Record]) -> tuple[Event, ...]:
        """Fold and react; a failing batch is rerun one by one, so only the culprit is buried."""
        if not facts:
            return ()
        try:
            self._state, said = self.actor.hear(self.state, facts)
        except Exception:
            log.exception("turn.failed", service=self.actor.name, first=facts[0].seq)
            return tuple(event for fact in facts for event in self._try(fact, records))
        return said

    def _try(self, fact: Fact[Any], records: Sequence[Record]) -> Iterable[Event]:
        failure: Exception | None = None
        for _ in range(ATTEMPTS):
            try:
                self._state, said = self.actor.hear(self.state, [fact])
            except Exception as error:
                log.warning("fact.failed", service=self.actor.name, seq=fact.seq, exc_info=True)
                failure = error
            else:
                return said
        self._fold([fact])  # who cannot react may yet know: the next process will fold it too
        # As the tape names it: an event may fail because it has no subject of its own.
        subject = next(record.subject for record in records if record.seq == fact.seq)
        return self._bury(fact.seq, subject, failure, ATTEMPTS)

    def _bury(
        self, seq: int, subject: str, error: Exception | None, attempts: int = 1
    ) -> list[Event]:
        self._client.dead_letters += 1
        log.error(
            "letter.dead", service=self.actor.name, seq=seq, subject=subject, error=repr(error)
        )
        if seq <= self._silent_to:
            return []
        return [DeadLetter(self.actor.name, seq, subject, repr(error)[:500], attempts)]

    def _open_letter(self, letter: _Letter) -> None:
        now = self._clock.now_us()
        if letter.request is not None and letter.request.deadline_us <= now:
            return  # nobody waits for the answer any more
        try:
            if isinstance(letter.message, Command):
                outcome = self._handled(letter.message, now)
                self._commit(self._turn_of(outcome, letter))
                self._due_us = 0
            else:
                self._answer(letter, now)
        except Exception as error:  # noqa: BLE001 - told to the asker, and logged
            self._refuse_because(letter, error)

    def _handled(self, command: Command, now_us: int) -> Spoken:
        if isinstance(command, ReplayLetter):
            tape = self._client.tape()
            return replay(self.actor, self.state, command.seq, tape, self._codec)
        return self.actor.handle(self.state, command, now_us)

    def _refuse_because(self, letter: _Letter, error: Exception) -> None:
        if isinstance(error, Refused):
            self._refuse(letter, error)
        elif isinstance(error, BusError):
            self._refuse(letter, Refused(error.code, error.message, error.remedy))
        else:
            log.error(
                "letter.failed",
                service=self.actor.name,
                message=repr(letter.message)[:500],
                exc_info=error,
            )
            self._refuse(letter, Refused("internal_error", f"{self.actor.name} failed: {error!r}"))

    def _tick(self) -> None:
        """Ask the timer when it is time, once a step: one that always wants more ends no loop."""
        now = self._clock.now_us()
        if self._due_us is None or now < self._due_us:
            return
        try:
            tick = self.actor.tick(self.state, now)
            turn = self._turn_of(spoken(tick.output))
        except Exception:
            log.exception("timer.failed", service=self.actor.name)
            self._due_us = now + 1_000_000
            return
        self._due_us = tick.next_us
        self._commit(turn)

    # -- what goes out -------------------------------------------------------------------

    def _turn_of(self, output: Spoken, letter: _Letter | None = None) -> _Turn:
        """What is said as one turn; raises a `BusError` if it cannot be one."""
        drafts = tuple(map(self._codec.draft, output.events))
        if drafts:
            check_turn(self.actor.name, drafts)
        return _Turn(output, drafts, letter)

    def _commit(self, turn: _Turn) -> None:
        if not turn.drafts:
            self._complete(turn, self.heard)
            return
        durability = max(event.durability for event in turn.spoken.events)  # logged < synced
        self._client.append(turn.drafts, self.heard, durability)
        self._turn = turn

    def _acknowledged(self, ack: Appended) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            self._own_last = max(self._own_last, ack.last)
            self._complete(turn, ack.last)

    def _append_refused(self, refusal: AppendRefused) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            error = BusError(refusal.message, refusal.remedy)
            error.code = refusal.code
            self._lose(turn, error)

    def _lose(self, turn: _Turn, error: BusError) -> None:
        """What cannot be said is said to be lost; the asker hears why."""
        log.error("turn.refused", service=self.actor.name, error=str(error))
        if turn.letter is not None:
            self._refuse_because(turn.letter, error)
            return
        buried = self._bury(self.heard, turn.spoken.events[0].stream, error)
        self._commit(self._turn_of(Spoken(tuple(buried), ())))

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
            except Exception as error:  # noqa: BLE001 - told to the asker, and logged
                self._refuse_because(waiting.asker, error)

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
        free = self._state is not None and self._turn is None
        if free and (self._client.follower.behind or self._unheard or self._mailbox):
            return 0.0
        patience = self._waiters.first_deadline_seconds - self._clock.elapsed_seconds()
        if free and self._due_us is not None:
            patience = min(patience, (self._due_us - self._clock.now_us()) / 1_000_000)
        return max(0.0, min(timeout_seconds, patience))
