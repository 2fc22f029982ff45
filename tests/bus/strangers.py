"""Who has no business on a socket: raw noise, foreign greetings, frames that are almost right."""

from __future__ import annotations

import random
import socket
import struct
from contextlib import ExitStack, suppress
from typing import Self
from urllib.parse import urlsplit

import zmq

PATIENCE_SECONDS = 5.0

HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def first_of_three_free_ports() -> int:
    """The first of three ports in a row that nobody listens on."""
    while True:
        with ExitStack() as stack, suppress(OSError):
            first = int(stack.enter_context(_taken(0)).getsockname()[1])
            stack.enter_context(_taken(first + 1))
            stack.enter_context(_taken(first + 2))
            return first


def _taken(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


def greeting(mechanism: bytes, *, server: bool = False) -> bytes:
    """The first 64 bytes of ZMTP 3.1 (RFC 23): signature, version, mechanism, role, filler."""
    signature = b"\xff" + bytes(8) + b"\x7f"
    return signature + b"\x03\x01" + mechanism.ljust(20, b"\0") + bytes([server]) + bytes(31)


class RawPeer:
    """A connection that says whatever bytes it likes, and never waits to be rid of them."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme == "ipc":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(parts.path)  # waits while the other end accepts the ones before
        else:
            self.socket = socket.create_connection((parts.hostname or "", parts.port or 0))
        self._left = b""

    def say(self, data: bytes) -> int:
        """Say this after what is still left to say; how many bytes were taken now."""
        self._left += data
        self.socket.setblocking(False)
        try:
            taken = self.socket.send(self._left)
        except BlockingIOError:
            return 0
        except OSError:  # the other end has had enough
            self._left = b""
            return 0
        self._left = self._left[taken:]
        return taken

    def has_said_all(self) -> bool:
        """Whether nothing is left to say, after another try."""
        self.say(b"")
        return not self._left

    def enter(self, kind: str, identity: bytes = b"") -> None:
        """Shake hands as a socket of that kind; libzmq takes no message before its own READY."""
        self.say(hello(kind, identity))
        self.socket.settimeout(PATIENCE_SECONDS)
        heard = b""
        while b"\x05READY" not in heard:
            more = self.socket.recv(4_096)
            assert more, "the handshake was refused"
            heard += more

    def is_ended(self) -> bool:
        """Whether the other end has closed, after whatever it had to say."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(4_096):
                continue
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()


def noise(chance: random.Random, size: int = 4_000) -> bytes:
    """Bytes of some length around ``size`` that keep no rule, or only the first ones."""
    rest = chance.randbytes(chance.randrange(1, 2 * size))
    begun = chance.choice(
        [
            b"",
            b"\x01\x00",  # ZMTP 1.0: an empty identity
            b"\xff" + bytes(8) + b"\x7f\x01\x05",  # ZMTP 2.0: a DEALER
            b"\xff",
            HTTP,
            greeting(b"NULL")[: chance.randrange(1, 64)],
            greeting(b"NULL"),
            greeting(b"PLAIN"),
            greeting(b"CURVE"),
        ]
    )
    return begun + rest


def hello(kind: str, identity: bytes = b"") -> bytes:
    """The greeting and the READY of a peer without a key."""
    properties = (b"Socket-Type", kind.encode()), (b"Identity", identity)
    ready = b"\x05READY" + b"".join(
        bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
        for name, value in properties
    )
    return greeting(b"NULL") + _framed(4, ready)


def part(body: bytes, *, more: bool = False) -> bytes:
    """One part of a message on the wire."""
    return _framed(1 if more else 0, body)


def _framed(flags: int, body: bytes) -> bytes:
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | 2]) + struct.pack(">Q", len(body)) + body


def spoilt(frame: bytes, chance: random.Random) -> bytes:
    """The frame with bytes changed, lost, doubled or put in."""
    data = bytearray(frame)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data[at : at + 1] = chance.randbytes(1)
            case 1:
                del data[at : at + chance.randrange(1, 9)]
            case 2:
                data[at:at] = data[at : at + chance.randrange(1, 9)]
            case 3:
                data[at:at] = chance.randbytes(chance.randrange(1, 9))
            case _:
                data[at : at + 1] = bytes([chance.choice([0x00, 0xC0, 0xC1, 0xCF, 0xDD, 0xFF])])
    return bytes(data)


def stranger(
    context: zmq.Context[zmq.Socket[bytes]], kind: int, *, queue: int = 0
) -> zmq.Socket[bytes]:
    """A ZeroMQ socket of nobody's; without bounds of its own, unless ``queue`` is one."""
    peer = context.socket(kind)
    peer.setsockopt(zmq.LINGER, 0)
    peer.setsockopt(zmq.SNDHWM, queue)
    peer.setsockopt(zmq.RCVHWM, queue)
    return peer
