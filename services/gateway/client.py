"""A small blocking client of the control socket, for the command line and for scripts in Python."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import msgspec
import zmq

from bus.actor import Refused
from bus.errors import BadMessage, Unavailable
from bus.transport import gate
from services.gateway.place import silence_remedy
from services.gateway.verbs import verb_named

CONNECT_SECONDS = 1.0
ATTEMPTS = 2
GRACE_SECONDS = 2.0


class Client:
    """Asks one question at a time; not for several threads at once.

    A question without an answer in time is asked once more on a fresh socket: a REQ socket that
    lost its answer cannot be used again, and every verb may be repeated safely.
    """

    def __init__(self, address: str, token: str = "", timeout_seconds: float | None = None) -> None:
        """``timeout_seconds`` is for one attempt; by default a little more than the verb takes."""
        self._address = address
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: zmq.Socket[bytes] | None = None

    def call(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """The verb's answer.

        Raises:
            Refused: the deck said no.
            Unavailable: no deck runs there, or it did not answer in time.
        """
        request = msgspec.msgpack.encode({"verb": verb, "args": arguments})
        seconds = self._timeout_seconds or _patience_seconds(verb)
        for _ in range(ATTEMPTS):
            if (reply := self._ask(request, seconds)) is not None:
                return _result(reply)
        raise Unavailable(
            f"no answer at {self._address} within {seconds:g} s, asked {ATTEMPTS} times",
            "./tapedeck log says what the gateway does",
        )

    def close(self) -> None:
        """Let go of the socket."""
        self._drop()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, request: bytes, seconds: float) -> bytes | None:
        """The reply, or None when none came in time."""
        connection = self._connected()
        connection.setsockopt(zmq.RCVTIMEO, int(seconds * 1_000))
        try:
            connection.send(request)
        except zmq.Again as error:
            self._drop()
            silence = f"no deck answers at {self._address}"
            raise Unavailable(silence, silence_remedy(self._token)) from error
        try:
            return connection.recv()
        except zmq.Again:
            self._drop()
            return None

    def _connected(self) -> zmq.Socket[bytes]:
        """The socket; it takes a request only once somebody is at the other end."""
        if self._socket is None:
            self._socket = self._context.socket(zmq.REQ)
            self._socket.setsockopt(zmq.IMMEDIATE, 1)
            self._socket.setsockopt(zmq.LINGER, 0)
            self._socket.setsockopt(zmq.SNDTIMEO, int(CONNECT_SECONDS * 1_000))
            gate.connect(self._socket, self._address, self._token)
        return self._socket

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _patience_seconds(verb: str) -> float:
    row = verb_named(verb)
    return (row.within_seconds if row else 0.0) + GRACE_SECONDS


class _Reply(msgspec.Struct):
    ok: bool
    result: dict[str, Any] = {}
    error: dict[str, str] = {}


def _result(data: bytes) -> dict[str, Any]:
    try:
        reply = msgspec.msgpack.decode(data, type=_Reply)
    except msgspec.DecodeError as error:
        raise BadMessage(f"{len(data)} bytes are no answer of a deck ({error})") from error
    if reply.ok:
        return reply.result
    code, message = reply.error.get("code", ""), reply.error.get("message", "")
    raise Refused(code, message, reply.error.get("remedy", ""))
