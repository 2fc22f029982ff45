"""A bus client on a thread of its own: asks with futures, reads the tape, hands new records on.

For processes whose main thread belongs to something else, as the gateway's does to its HTTP server.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar, overload

import structlog

from bus.actor import Refused
from bus.client import Client, Expired, Incoming
from bus.codec import NIL, Codec, Record, Reply, Request
from bus.errors import BusError, Overloaded, Unavailable
from bus.message import Command, Done, Message, Query
from bus.ports import TapeReading

R = TypeVar("R")

POLL_SECONDS = 1.0
RECORDS_A_STEP = 512
WAITING_MAX = 1_000

log = structlog.get_logger()


class _Asked(NamedTuple):
    message: Command | Query[Any]
    within_seconds: float
    future: Future[Any]


class Courier:
    """Safe to call from any thread; ``on_records`` is called on the courier's own."""

    def __init__(
        self,
        client: Client,
        codec: Codec,
        open_tape: Callable[[], TapeReading],
        on_records: Callable[[list[Record]], None],
    ) -> None:
        self._client = client
        self._codec = codec
        self._open_tape = open_tape
        self._on_records = on_records
        self._outbox: deque[_Asked] = deque()
        self._asked: dict[int, _Asked] = {}
        self._tapes = threading.local()
        self._lock = threading.Lock()
        self._ended: BusError | None = None
        self._closing = False
        self._failure: BusError | None = None
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    @property
    def head(self) -> int:
        """The last seq heard."""
        return self._client.follower.cursor

    @property
    def tape_id(self) -> str:
        """The name of the tape; empty until the bus has told it."""
        return self._client.follower.tape_id

    @property
    def failure(self) -> BusError | None:
        """Why the courier ended by itself; None while it runs."""
        return self._failure

    @overload
    def ask(self, message: Command, within_seconds: float = 10.0) -> Future[Done]: ...
    @overload
    def ask(self, message: Query[R], within_seconds: float = 10.0) -> Future[R]: ...
    def ask(self, message: Command | Query[Any], within_seconds: float = 10.0) -> Future[Any]:
        """Send a command or query.

        The future raises `Refused`, or `Unavailable` after the deadline.
        """
        asked = _Asked(message, within_seconds, Future())
        with self._lock:
            refusal = self._ended
            if refusal is None and len(self._outbox) >= WAITING_MAX:
                refusal = Overloaded("too many requests wait", "ask less at a time")
            if refusal is None:
                self._outbox.append(asked)
        if refusal is not None:
            asked.future.set_exception(refusal)
        self._client.wake()
        return asked.future

    def read(self, after: int, limit: int) -> list[Record]:
        """A page of the tape, read on the caller's thread by a connection of its own."""
        return self.tape().read(after, limit)

    def tape(self) -> TapeReading:
        """The caller's thread's own reading connection."""
        tape: TapeReading | None = getattr(self._tapes, "reader", None)
        if tape is None:
            tape = self._tapes.reader = self._open_tape()
        return tape

    def close(self) -> None:
        """End the thread; whoever still waits is told that the deck is unavailable."""
        self._closing = True
        self._client.wake()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        try:
            self._join_at_the_head()
            while not self._closing:
                self._step()
        except BusError as error:
            self._failure = error
            log.critical("courier.ended", error=str(error))
        except Exception as error:
            self._failure = BusError(f"the courier failed ({error!r})", "restart the process")
            log.critical("courier.failed", exc_info=True)
        finally:
            self._end(self._failure or Unavailable("the deck is ending", "try again in a moment"))
            self._client.close()

    def _end(self, reason: BusError) -> None:
        with self._lock:
            self._ended = reason
        for asked in self._outbox:
            asked.future.set_running_or_notify_cancel()
        for asked in [*self._asked.values(), *self._outbox]:
            if not asked.future.cancelled():
                asked.future.set_exception(reason)

    def _join_at_the_head(self) -> None:
        while not (self._client.welcome or self._closing):
            self._send_all()
            self._take(self._client.poll(0.0 if self._outbox else POLL_SECONDS))
        self._client.follower.cursor = self._client.follower.head
        self._client.ready = True
        self._client.greet()

    def _step(self) -> None:
        behind = self._client.follower.behind
        self._take(self._client.poll(0.0 if behind or self._outbox else POLL_SECONDS))
        self._send_all()
        records = self._client.facts(RECORDS_A_STEP)
        if records:
            self._on_records(records)

    def _send_all(self) -> None:
        while self._outbox:
            self._send(self._outbox.popleft())

    def _send(self, asked: _Asked) -> None:
        message = asked.message
        if not asked.future.set_running_or_notify_cancel():
            return  # who asked has gone; from here on nobody can take the future away
        try:
            body = self._codec.body(message)
            number = self._client.request(
                message.service, type(message).__name__, body, asked.within_seconds
            )
        except BusError as error:
            asked.future.set_exception(error)
            return
        self._asked[number] = asked

    def _take(self, arrived: list[Incoming]) -> None:
        for incoming in arrived:
            match incoming:
                case Reply():
                    self._answered(incoming)
                case Expired(id=number):
                    self._late(number)
                case Request():
                    self._client.reply(_nothing_here(incoming))
                case _:
                    log.warning("courier.unexpected", frame=type(incoming).__name__)

    def _answered(self, reply: Reply) -> None:
        asked = self._asked.pop(reply.id, None)
        if asked is None:
            return
        if reply.code == Unavailable.code:
            asked.future.set_exception(Unavailable(reply.message, reply.remedy))
        elif reply.code:
            asked.future.set_exception(Refused(reply.code, reply.message, reply.remedy))
        else:
            self._resolve(asked, reply)

    def _resolve(self, asked: _Asked, reply: Reply) -> None:
        message = asked.message
        kind: type[Message] = message.reply if isinstance(message, Query) else Done
        try:
            asked.future.set_result(self._codec.decode(kind, reply.body))
        except BusError as error:
            asked.future.set_exception(error)

    def _late(self, number: int) -> None:
        asked = self._asked.pop(number, None)
        if asked is not None:
            message = asked.message
            name, patience = type(message).__name__, asked.within_seconds
            text = f"{message.service} did not answer {name} in {patience:g} s"
            asked.future.set_exception(Unavailable(text, "try again; `tapedeck status` says more"))


def _nothing_here(request: Request) -> Reply:
    text = f"this service takes no {request.name}"
    return Reply(request.id, request.origin, NIL, "unknown_message", text)
