"""Who may come in over ZeroMQ: over ipc who may enter the folder, over TCP who has the token.

The token is the key: CURVE keys follow from it, so that a connection without it is ended inside
libzmq, before a frame passes in either direction. PLAIN was tried first and does less: it tells the
token to whoever has bound the port, and its handler, which is Python, waits for a busy broker's GIL
(60 to 500 ms a handshake, the honest ones behind the strangers'): docs/adr/0008.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import zmq
from zmq.utils import z85

from bus.errors import AddressRefused

HANDSHAKE_MS_MAX = 3_000
"""A connection that has not said by then who it is, is ended: each holds one of the process's file
numbers, and while none is left libzmq turns round in `accept`."""
SEAL_BYTES_MAX = 64
"""What CURVE adds to a frame (33 bytes, and the frame's own head)."""

_DOMAIN = b"tapedeck"


class Keys(NamedTuple):
    """A pair of CURVE keys in Z85."""

    public: bytes
    secret: bytes


def keys(token: str) -> Keys:
    """The keys of everybody who has the token, the broker included."""
    secret = z85.encode(hashlib.sha256(token.encode()).digest())
    return Keys(zmq.curve_public(secret), secret)


def bind(socket: zmq.Socket[bytes], url: str, token: str = "") -> None:
    """Open a socket to others; raises `AddressRefused`.

    Binding a live ipc path succeeds silently and takes it over: hold a lock before.
    """
    socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS_MAX)
    # With a domain libzmq refuses peers older than ZMTP 3, which any bytes are taken for: of 1.2 MB
    # of noise 4,076 messages reached a ROUTER without it, and none with it. Nobody serves the
    # domain, so an ipc peer is asked for nothing, and it costs no thread.
    socket.setsockopt(zmq.ZAP_DOMAIN, _DOMAIN)
    if _is_tcp(url):
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, _keys_of(url, token).secret)
    try:
        socket.bind(url)
    except zmq.ZMQError as error:
        raise AddressRefused(
            f"cannot bind {url} ({error.strerror})",
            "end what listens there, or choose another with TAPEDECK_BUS__URL or TAPEDECK_HOME",
        ) from error


def connect(socket: zmq.Socket[bytes], url: str, token: str = "") -> None:
    """Connect a socket, now or as soon as somebody is there; raises `AddressRefused`."""
    if _is_tcp(url):
        public, secret = _keys_of(url, token)
        socket.setsockopt(zmq.CURVE_SERVERKEY, public)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, secret)
    socket.connect(url)


def _is_tcp(url: str) -> bool:
    return url.startswith("tcp:")


def _keys_of(url: str, token: str) -> Keys:
    if not token:
        raise AddressRefused(
            f"{url} would let every user of this machine command the deck",
            "set TAPEDECK_GATEWAY__TOKEN to a long random word, or leave TAPEDECK_BUS__URL empty",
        )
    return keys(token)
