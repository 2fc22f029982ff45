"""The bus between processes: ROUTER and XPUB at the broker, DEALER and SUB at each client.

One frame a message: two-frame multipart was measured 5 times dearer. Only local addresses: ipc in a
folder of mode 0700, or loopback TCP behind a token (`bus.transport.gate`).
"""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path

import zmq

from bus.codec import FRAME_BYTES_MAX, check_frame
from bus.errors import AddressRefused
from bus.transport import gate
from bus.transport.frames import NOBLOCK, arrived, receive, receive_from, send_to, sender
from bus.transport.listeners import LIVE_FRAMES_MAX, Listeners

BATCH_FRAMES_MAX = 2_048
BATCH_BYTES_MAX = 1 << 20
CONTROL_FRAMES_MAX = 10_000
LINGER_MS = 200
"""The time in which the last frames of an ending process leave: without it most were lost."""
IPC_PATH_BYTES_MAX = 107
PORT_MAX = 65_533
"""The tape and control take the two ports after the bus's."""

_FRAME_BYTES_MAX = FRAME_BYTES_MAX + gate.SEAL_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Address:
    """Where the sockets are, and the token that opens them where they are on TCP.

    The broker's for clients, the tape's for listeners, the gateway's for scripts.
    """

    bus: str
    tape: str
    control: str
    token: str = field(default="", repr=False)


def address(url: str, run_folder: Path, token: str = "") -> Address:
    """The sockets' addresses for a configured URL; empty means ipc in the folder.

    Raises `AddressRefused`.
    """
    if not url:
        return Address(*(_ipc(run_folder / name) for name in ("bus", "tape", "control")))
    match = re.fullmatch(r"tcp://(?:127\.0\.0\.1|localhost):([0-9]{1,5})", url)
    port = int(match[1]) if match else 0
    if not 1 <= port <= PORT_MAX:
        raise AddressRefused(
            f"the bus does not bind {url!r}",
            "it serves this machine alone: use tcp://127.0.0.1:5550, or leave TAPEDECK_BUS__URL "
            "empty for ipc, or reach it from elsewhere through nats:// or the HTTP API",
        )
    bus, tape, control = (f"tcp://127.0.0.1:{port + step}" for step in range(3))
    return Address(bus, tape, control, token)


def _ipc(path: Path) -> str:
    full = str(path.absolute())
    if len(os.fsencode(full)) > IPC_PATH_BYTES_MAX:
        raise AddressRefused(
            f"{full} has {len(os.fsencode(full))} bytes, an ipc path at most {IPC_PATH_BYTES_MAX}",
            "set TAPEDECK_HOME to a shorter path",
        )
    return f"ipc://{full}"


class ZeroMQHub:
    """The broker's end; raises `AddressRefused`."""

    def __init__(self, where: Address) -> None:
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._router.setsockopt(zmq.SNDHWM, CONTROL_FRAMES_MAX)
        self._router.setsockopt(zmq.RCVHWM, CONTROL_FRAMES_MAX)
        self._router.setsockopt(zmq.MAXMSGSIZE, _FRAME_BYTES_MAX)
        self._router.setsockopt(zmq.LINGER, LINGER_MS)
        try:
            gate.bind(self._router, where.bus, where.token)
            self._listeners = Listeners(self._context, where.tape, where.token)
        except AddressRefused:
            self._context.destroy(linger=0)
            raise
        self._pub = self._listeners.socket
        self._send, self._publish = sender(self._router), sender(self._pub)
        self._waker = _Waker()
        self._poller = _poller(self._router, self._pub, self._waker.reading)

    def receive(self, timeout_seconds: float) -> list[tuple[bytes, bytes]]:
        """See `bus.ports.Hub`."""
        ready = dict(self._poller.poll(max(0, round(timeout_seconds * 1_000))))
        if self._waker.reading in ready:
            self._waker.clear()
        if self._pub in ready:
            self._listeners.heed()
        return self._batch() if self._router in ready else []

    def _batch(self) -> list[tuple[bytes, bytes]]:
        frames: list[tuple[bytes, bytes]] = []
        size = 0
        for identity, frame in arrived(self._router, receive_from, BATCH_FRAMES_MAX):
            if frame is not None:
                frames.append((identity, frame))
                size += len(frame)
            if size >= BATCH_BYTES_MAX:
                break
        return frames

    def send(self, identity: bytes, frame: bytes) -> bool:
        """See `bus.ports.Hub`."""
        return send_to(self._send, identity, frame)

    def publish(self, frame: bytes) -> None:
        """See `bus.ports.Hub`; a full queue drops, never blocks."""
        self._publish(frame, NOBLOCK)

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
    """A client's end: a DEALER for frames of its own, a SUB for the whole tape.

    Raises `AddressRefused`.
    """

    def __init__(self, where: Address, *, listen: bool = True) -> None:
        self._context = zmq.Context()
        self._dealer = self._context.socket(zmq.DEALER)
        self._dealer.setsockopt(zmq.SNDHWM, CONTROL_FRAMES_MAX)
        self._dealer.setsockopt(zmq.RCVHWM, CONTROL_FRAMES_MAX)
        self._sub = self._context.socket(zmq.SUB)
        self._sub.setsockopt(zmq.RCVHWM, LIVE_FRAMES_MAX)
        self._dealer.setsockopt(zmq.LINGER, LINGER_MS)
        self._sub.setsockopt(zmq.LINGER, 0)
        for socket in (self._dealer, self._sub):
            socket.setsockopt(zmq.RECONNECT_IVL, 50)
            socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
            socket.setsockopt(zmq.MAXMSGSIZE, _FRAME_BYTES_MAX)
        if listen:
            self._sub.subscribe(b"")
        try:
            gate.connect(self._dealer, where.bus, where.token)
            gate.connect(self._sub, where.tape, where.token)
        except AddressRefused:
            self._context.destroy(linger=0)
            raise
        self._send = sender(self._dealer)
        self._waker = _Waker()
        self._poller = _poller(self._dealer, self._sub, self._waker.reading)
        self._silent = False

    def send(self, frame: bytes) -> bool:
        """See `bus.ports.Link`."""
        check_frame(frame)  # a larger one would cost the connection, and its sender hear nothing
        try:
            self._send(frame, NOBLOCK)
        except zmq.Again:
            return False
        return True

    def receive(self, timeout_seconds: float) -> list[bytes]:
        """See `bus.ports.Link`."""
        ready = dict(self._poller.poll(max(0, round(timeout_seconds * 1_000))))
        if self._waker.reading in ready:
            self._waker.clear()
        self._silent = self._sub not in ready
        if self._dealer not in ready:
            return []
        return list(arrived(self._dealer, receive, BATCH_FRAMES_MAX))

    def live(self, limit: int) -> list[bytes]:
        """See `bus.ports.Link`; a `receive` that has just seen nothing live is believed once."""
        silent, self._silent = self._silent, False
        return [] if silent else list(arrived(self._sub, receive, limit))

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


def _poller(*sources: zmq.Socket[bytes] | int) -> zmq.Poller:
    poller = zmq.Poller()
    for source in sources:
        poller.register(source, zmq.POLLIN)
    return poller
