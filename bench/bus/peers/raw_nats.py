"""A bare NATS client: the protocol's own words over one blocking socket, without a library."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from itertools import count, islice

import msgspec

INBOX = "_INBOX.bench"
RECEIVE_BYTES = 1 << 18
TIMEOUT_SECONDS = 30.0
STREAM = "TAPE"


class NatsRefused(Exception):
    """The server answered with an error; the text is its own."""


class RawNats:
    """One connection: requests one by one, publishing with many unacknowledged."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._batches = count(1)
        options = b'{"verbose":false,"pedantic":false,"headers":true,"lang":"bench"}'
        self._socket.sendall(b"CONNECT " + options + b"\r\nSUB %s 1\r\n" % INBOX.encode())

    def create_stream(self, **options: str | bool) -> None:
        """A stream of all market subjects, kept in a file; raises `NatsRefused`."""
        config = {"name": STREAM, "subjects": ["market.>"], "storage": "file", **options}
        body = msgspec.json.encode(config)
        self._socket.sendall(_publish(f"$JS.API.STREAM.CREATE.{STREAM}", body, INBOX))
        while b"stream_create_response" not in self._lines():
            continue

    def publish(self, messages: Iterable[tuple[str, bytes]], in_flight: int) -> int:
        """Publish all, each acknowledged, at most so many of them not yet; gives their number."""
        return self._pipeline((_publish(*message, INBOX) for message in messages), in_flight)

    def publish_batches(self, messages: list[tuple[str, bytes]], size: int, in_flight: int) -> int:
        """Publish in atomic batches of this size, so many of them not yet acknowledged."""
        groups = (messages[at : at + size] for at in range(0, len(messages), size))
        return self._pipeline((self._batch(group) for group in groups), in_flight)

    def close(self) -> None:
        """Let go of the connection."""
        self._socket.close()

    def _batch(self, messages: list[tuple[str, bytes]]) -> bytes:
        name = f"batch{next(self._batches)}"
        last = len(messages)
        return b"".join(
            _publish_with_headers(
                *message, _batch_headers(name, number, last == number), number == last
            )
            for number, message in enumerate(messages, 1)
        )

    def _pipeline(self, words: Iterable[bytes], in_flight: int) -> int:
        """Send what the window allows in one call, then take what acknowledgements have come."""
        waiting = iter(words)
        sent = acknowledged = 0
        more = True
        while more or acknowledged < sent:
            chunk = list(islice(waiting, in_flight - (sent - acknowledged))) if more else []
            more = more and (bool(chunk) or sent - acknowledged == in_flight)
            if chunk:
                self._socket.sendall(b"".join(chunk))
                sent += len(chunk)
            if acknowledged < sent:
                acknowledged += self._lines().count(b'"seq":')
        return sent

    def _lines(self) -> bytes:
        """Whole lines as they came; a ping is answered, an error raised."""
        received = self._socket.recv(RECEIVE_BYTES)
        if not received:
            raise NatsRefused("the server closed the connection")
        whole, end, self._rest = (self._rest + received).rpartition(b"\r\n")
        if b"PING" in whole:
            self._socket.sendall(b"PONG\r\n")
        if b'"error"' in whole or b"-ERR" in whole:
            raise NatsRefused(whole[:500].decode(errors="replace"))
        return whole + end


def _publish(subject: str, body: bytes, reply: str) -> bytes:
    return b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), reply.encode(), len(body), body)


def _batch_headers(name: str, number: int, last: bool) -> bytes:
    commit = b"Nats-Batch-Commit: 1\r\n" if last else b""
    told = b"Nats-Batch-Id: %s\r\nNats-Batch-Sequence: %d\r\n" % (name.encode(), number)
    return b"NATS/1.0\r\n" + told + commit + b"\r\n"


def _publish_with_headers(subject: str, body: bytes, headers: bytes, answered: bool) -> bytes:
    reply = INBOX.encode() + b" " if answered else b""
    sizes = len(headers), len(headers) + len(body)
    return b"HPUB %s %s%d %d\r\n%s%s\r\n" % (subject.encode(), reply, *sizes, headers, body)
