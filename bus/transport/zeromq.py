"""The bus between processes: ROUTER and XPUB at the broker, DEALER and SUB at each client.

One frame a message: two-frame multipart was measured 5 times dearer. Only local addresses: ipc in a
folder of mode 0700, or loopback TCP.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import zmq

from bus.codec import FRAME_BYTES_MAX, check_frame
from bus.errors import AddressRefused

BATCH_FRAMES_MAX = 2_048
BATCH_BYTES_MAX = 1 << 20
LIVE_FRAMES_MAX = 1_000
"""Live frames kept for a reader that stalls; what overflows it reads from the tape.

1,000 x 64 KiB bounds the memory.
"""
CONTROL_FRAMES_MAX = 10_000
LINGER_MS = 200
"""The time in which the last frames of an ending process leave: without it most were lost."""
IPC_PATH_BYTES_MAX = 107


class Address(NamedTuple):
    """Where the sockets are.

    The broker's for clients, the tape's for listeners, the gateway's for scripts.
    """

    bus: str
    tape: str
    control: str


def address(url: str, run_folder: Path) -> Address:
    """The sockets' addresses for a configured URL; empty means ipc in the folder.

    Raises `AddressRefused`.
    """
    if not url:
        return Address(*(_ipc(run_folder / name) for name in ("bus", "tape", "control")))
    parts = urlsplit(url)
    if parts.scheme != "tcp" or parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise AddressRefused(
            f"the bus does not bind {url!r}",
            "it serves this machine alone: use tcp://127.0.0.1:5550, or leave TAPEDECK_BUS__URL "
            "empty for ipc, or reach it from elsewhere through nats:// or the HTTP API",
        )
    port = parts.port or 5550
    return Address(*(f"tcp://127.0.0.1:{port + step}" for step in range(3)))


def _ipc(path: Path) -> str:
    full = str(path.absolute())
    if len(os.fsencode(full)) > IPC_PATH_BYTES_MAX:
        raise AddressRefused(
            f"{full} has {len(os.fsencode(full))} bytes, an ipc path at most {IPC_PATH_BYTES_MAX}",
            "set TAPEDECK_HOME to a shorter path",
        )
    return f"ipc://{full}"


class ZeroMQHub:
    """The broker's end. Binding a live ipc path succeeds silently: hold a lock before."""

    def __init__(self, where: Address) -> None:
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._router.setsockopt(zmq.SNDHWM, CONTROL_FRAMES_MAX)
        self._router.setsockopt(zmq.RCVHWM, CONTROL_FRAMES_MAX)
        self._router.setsockopt(zmq.MAXMSGSIZE, FRAME_BYTES_MAX)
        self._pub = self._context.socket(zmq.XPUB)
        self._pub.setsockopt(zmq.SNDHWM, LIVE_FRAMES_MAX)
        self._pub.setsockopt(zmq.MAXMSGSIZE, 1_024)
        self._waker = _Waker()
        self._router.setsockopt(zmq.LINGER, LINGER_MS)
        self._pub.setsockopt(zmq.LINGER, 0)
        try:
            _bind(self._router, where.bus)
            _bind(self._pub, where.tape)
        except AddressRefused:
            self.close()
            raise
        self._poller = _poller(self._router, self._pub, self._waker.reading)

    def receive(self, timeout_seconds: float) -> list[tuple[bytes, bytes]]:
        """See `bus.ports.Hub`."""
        ready = dict(self._poller.poll(max(0, round(timeout_seconds * 1_000))))
        if self._waker.reading in ready:
            self._waker.clear()
        if self._pub in ready:
            _drain(self._pub, BATCH_FRAMES_MAX)
        return self._batch() if self._router in ready else []

    def _batch(self) -> list[tuple[bytes, bytes]]:
        frames: list[tuple[bytes, bytes]] = []
        size = 0
        while len(frames) < BATCH_FRAMES_MAX and size < BATCH_BYTES_MAX:
            try:
                parts = self._router.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            if len(parts) == 2:  # a stranger's frames of other shapes are nobody's
                frames.append((parts[0], parts[1]))
                size += len(parts[1])
        return frames

    def send(self, identity: bytes, frame: bytes) -> bool:
        """See `bus.ports.Hub`."""
        try:
            self._router.send_multipart([identity, frame], zmq.NOBLOCK)
        except zmq.ZMQError:  # gone, or its queue is full: it asks again
            return False
        return True

    def publish(self, frame: bytes) -> None:
        """See `bus.ports.Hub`; a full queue drops, never blocks."""
        self._pub.send(frame, zmq.NOBLOCK)

    def wake(self) -> None:
        """See `bus.ports.Hub`."""
        self._waker.wake()

    def close(self) -> None:
        """See `bus.ports.Hub`."""
        self._router.close()
        self._pub.close()
        self._context.term()
        self._waker.close()


class ZeroMQLink:
    """A client's end: a DEALER for frames of its own, a SUB for the whole tape."""

    def __init__(self, where: Address, *, listen: bool = True) -> None:
        self._context = zmq.Context()
        self._dealer = self._context.socket(zmq.DEALER)
        self._dealer.setsockopt(zmq.SNDHWM, CONTROL_FRAMES_MAX)
        self._dealer.setsockopt(zmq.RCVHWM, CONTROL_FRAMES_MAX)
        self._sub = self._context.socket(zmq.SUB)
        self._sub.setsockopt(zmq.RCVHWM, LIVE_FRAMES_MAX)
        self._dealer.setsockopt(zmq.LINGER, LINGER_MS)
        self._sub.setsockopt(zmq.LINGER, 0)
        self._waker = _Waker()
        for socket, url in ((self._dealer, where.bus), (self._sub, where.tape)):
            socket.setsockopt(zmq.RECONNECT_IVL, 50)
            socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
            socket.setsockopt(zmq.MAXMSGSIZE, FRAME_BYTES_MAX)
            socket.connect(url)
        if listen:
            self._sub.subscribe(b"")
        self._poller = _poller(self._dealer, self._sub, self._waker.reading)

    def send(self, frame: bytes) -> bool:
        """See `bus.ports.Link`."""
        check_frame(frame)  # a larger one would cost the connection, and its sender hear nothing
        try:
            self._dealer.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def receive(self, timeout_seconds: float) -> list[bytes]:
        """See `bus.ports.Link`."""
        ready = dict(self._poller.poll(max(0, round(timeout_seconds * 1_000))))
        if self._waker.reading in ready:
            self._waker.clear()
        return _drain(self._dealer, BATCH_FRAMES_MAX) if self._dealer in ready else []

    def live(self, limit: int) -> list[bytes]:
        """See `bus.ports.Link`."""
        return _drain(self._sub, limit)

    def wake(self) -> None:
        """See `bus.ports.Link`."""
        self._waker.wake()

    def close(self) -> None:
        """See `bus.ports.Link`."""
        self._dealer.close()
        self._sub.close()
        self._context.term()
        self._waker.close()


class _Waker:
    """A pipe that ends a poll.

    The lock keeps a late call from writing into whatever file has got the closed pipe's number; it
    may be taken again by a signal handler of the thread that holds it.
    """

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lock = threading.RLock()
        self._closed = False

    def wake(self) -> None:
        with self._lock:
            if self._closed:
                return
            try:
                os.write(self._writing, b"\0")
            except BlockingIOError:
                return  # full: it is awake already

    def clear(self) -> None:
        try:
            os.read(self.reading, 65_536)
        except BlockingIOError:
            return  # another reader was faster

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self.reading)
                os.close(self._writing)


def _bind(socket: zmq.Socket[bytes], url: str) -> None:
    try:
        socket.bind(url)
    except zmq.ZMQError as error:
        remedy = "end what listens there, or choose another with TAPEDECK_BUS__URL or TAPEDECK_HOME"
        raise AddressRefused(f"cannot bind {url} ({error})", remedy) from error


def _poller(*sources: zmq.Socket[bytes] | int) -> zmq.Poller:
    poller = zmq.Poller()
    for source in sources:
        poller.register(source, zmq.POLLIN)
    return poller


def _drain(socket: zmq.Socket[bytes], limit: int) -> list[bytes]:
    frames: list[bytes] = []
    while len(frames) < limit:
        try:
            frames.append(socket.recv(zmq.NOBLOCK))
        except zmq.Again:
            break
    return frames
