"""The control socket: the verbs for scripts, in REQ/REP's envelope, one MessagePack map each way.

``{"verb", "args"}`` is answered by ``{"ok": true, "result"}`` or by ``{"ok": false, "error":
{"code", "message", "remedy"}}``. A ROUTER serves it, so that one slow answer holds up nobody.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import msgspec
import structlog
import zmq

from bus.actor import Refused
from bus.errors import AddressRefused, BusError, Overloaded
from bus.transport import gate
from market.instants import jsonable
from market.symbols import BadTicker
from services.gateway.arguments import read_arguments
from services.gateway.deck import Deck
from services.gateway.failures import failure_of
from services.gateway.holding import late
from services.gateway.metrics import Meters
from services.gateway.talk import Answered, Here, Request, Talk, advance, patience, reply_here
from services.gateway.verb import Verb
from services.gateway.verbs import verb_named

PENDING_MAX = 64
"""Requests held at once; one more is told to try again."""
FRAME_BYTES_MAX = 64 << 10
QUEUED_FRAMES_MAX = 1_000
POLL_MS_MAX = 1_000

_log = structlog.get_logger("gateway")


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request as it comes over the socket."""

    verb: str
    args: dict[str, Any] = {}


class _Held(NamedTuple):
    """A talk under way: whom to answer, and until when."""

    envelope: tuple[bytes, ...]
    verb: Verb
    talk: Talk
    deadline_seconds: float


class Control:
    """Serves the verbs at one address, on a thread of its own; raises `AddressRefused`."""

    def __init__(
        self,
        deck: Deck,
        meters: Meters,
        address: str,
        token: str = "",
        elapsed_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deck = deck
        self._meters = meters
        self._elapsed_seconds = elapsed_seconds
        self._held: dict[int, _Held] = {}
        self._ids = 0
        self._done: SimpleQueue[tuple[int, Future[Any]]] = SimpleQueue()
        self._closing = False
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._router = _bound(self._context, address, token)
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer nothing any more and let go of the address."""
        self._closing = True
        self._ring()
        self._thread.join()

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._router, zmq.POLLIN)
        poller.register(self._ear, zmq.POLLIN)
        try:
            while not self._closing:
                poller.poll(self._patience_ms())
                self._silence()
                self._take_requests()
                self._take_replies()
                self._give_up_late_ones()
        finally:
            self._router.close(linger=0)
            self._context.term()
            self._bell.close()
            self._ear.close()

    # --- requests --------------------------------------------------------------------------------

    def _take_requests(self) -> None:
        for _ in range(PENDING_MAX):
            try:
                frames = self._router.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._take(*opened(frames))

    def _take(self, envelope: tuple[bytes, ...], parts: list[bytes]) -> None:
        name = ""
        try:
            asked = _decoded(parts)
            verb = self._verb(asked)
            name = verb.name
            talk = verb.begin(read_arguments(verb.arguments, asked.args, texts=False))
            self._hold(_Held(envelope, verb, talk, self._elapsed_seconds() + verb.within_seconds))
        except (Refused, BusError) as error:
            self._refuse(envelope, name, error)

    def _verb(self, asked: Asked) -> Verb:
        if len(self._held) >= PENDING_MAX:
            raise Overloaded(f"{PENDING_MAX} requests are being answered", "try again in a moment")
        verb = verb_named(asked.verb)
        if verb is None:
            raise Refused("unknown_verb", f"{asked.verb[:40]!r} is no verb", "see docs/api.md")
        return verb

    # --- talks -----------------------------------------------------------------------------------

    def _hold(self, held: _Held) -> None:
        self._ids += 1
        self._held[self._ids] = held
        self._go_on(self._ids, partial(advance, held.talk))

    def _go_on(self, key: int, step: Callable[[], Request | Answered]) -> None:
        """Take steps until the talk waits for the deck or is over."""
        held = self._held[key]
        try:
            asked = step()
            while isinstance(asked, Here):
                asked = advance(held.talk, reply_here(self._deck, asked))
            if isinstance(asked, Answered):
                self._answer(key, asked.answer)
                return
            left_seconds = held.deadline_seconds - self._elapsed_seconds()
            future = self._deck.ask(*patience(asked, max(left_seconds, 0.001)))
            future.add_done_callback(partial(self._post, key))
        except (Refused, BusError, BadTicker) as error:
            self._fail(key, error)
        except Exception as error:  # noqa: BLE001 - one talk's fault must not end the socket
            _log.error("control.failed", verb=held.verb.name, exc_info=error)
            self._fail(key, error)

    def _post(self, key: int, future: Future[Any]) -> None:
        """Called by whoever completes the future; the rest happens on this socket's thread."""
        self._done.put((key, future))
        self._ring()

    def _take_replies(self) -> None:
        with suppress(Empty):
            while True:
                key, future = self._done.get_nowait()
                if held := self._held.get(key):  # else it was given up meanwhile
                    self._go_on(key, partial(_reply, held.talk, future))

    def _give_up_late_ones(self) -> None:
        now = self._elapsed_seconds()
        for key in [k for k, held in self._held.items() if held.deadline_seconds < now]:
            self._fail(key, late())

    def _patience_ms(self) -> int:
        deadlines = [held.deadline_seconds for held in self._held.values()]
        left_seconds = min(deadlines, default=float("inf")) - self._elapsed_seconds()
        return max(0, int(min(left_seconds * 1_000 + 1, POLL_MS_MAX)))

    # --- replies ---------------------------------------------------------------------------------

    def _answer(self, key: int, answer: Any) -> None:
        held = self._held.pop(key)
        self._meters.requests.labels("control", held.verb.name, "").inc()
        self._send(held.envelope, {"ok": True, "result": jsonable(answer)})

    def _fail(self, key: int, error: Exception) -> None:
        held = self._held.pop(key)
        held.talk.close()
        self._refuse(held.envelope, held.verb.name, error)

    def _refuse(self, envelope: tuple[bytes, ...], name: str, error: Exception) -> None:
        failure = failure_of(error)
        self._meters.requests.labels("control", name, failure.code).inc()
        self._send(envelope, {"ok": False, **failure.body()})

    def _send(self, envelope: tuple[bytes, ...], reply: dict[str, Any]) -> None:
        """Answer; somebody who is gone, or does not read, goes without."""
        with suppress(zmq.Again):
            self._router.send_multipart([*envelope, msgspec.msgpack.encode(reply)], zmq.NOBLOCK)

    # --- the bell --------------------------------------------------------------------------------

    def _ring(self) -> None:
        """End a waiting poll. A full pair has rung already; a closed one needs no bell."""
        with suppress(BlockingIOError, OSError):
            self._bell.send(b"\0")

    def _silence(self) -> None:
        with suppress(BlockingIOError):
            while self._ear.recv(4_096):
                continue


def _reply(talk: Talk, future: Future[Any]) -> Request | Answered:
    """Give the talk what the deck said, a refusal too."""
    error = future.exception()
    if isinstance(error, Refused | BusError):
        return advance(talk, error=error)
    return advance(talk, future.result())


def _bound(context: zmq.Context[zmq.Socket[bytes]], address: str, token: str) -> zmq.Socket[bytes]:
    router = context.socket(zmq.ROUTER)
    router.setsockopt(zmq.MAXMSGSIZE, FRAME_BYTES_MAX + gate.SEAL_BYTES_MAX)
    router.setsockopt(zmq.SNDHWM, QUEUED_FRAMES_MAX)
    router.setsockopt(zmq.RCVHWM, QUEUED_FRAMES_MAX)
    try:
        gate.bind(router, address, token)
    except AddressRefused:
        context.destroy(linger=0)
        raise
    return router


def opened(frames: list[bytes]) -> tuple[tuple[bytes, ...], list[bytes]]:
    """The envelope to answer in (the identity, and REQ's empty delimiter), and the parts inside."""
    end = frames.index(b"", 1) + 1 if b"" in frames[1:-1] else 1
    return tuple(frames[:end]), frames[end:]


def _decoded(parts: list[bytes]) -> Asked:
    size = sum(map(len, parts))
    try:
        (body,) = parts
        return msgspec.msgpack.decode(body, type=Asked)
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise Refused(
            "bad_frame",
            f"{len(parts)} parts of {size} bytes are no request ({error})",
            'send one MessagePack map, like {"verb": "status", "args": {}}, from a REQ socket',
        ) from error
