"""The bus in one process: frames travel through bounded queues.

The tape is a real file read by the same SQL.
"""

from __future__ import annotations

import threading
from collections import deque
from itertools import count

from bus.codec import check_frame

QUEUE_FRAMES_MAX = 20_000


class _Box:
    """A bounded queue one can wait for."""

    def __init__(self, gate: threading.Condition) -> None:
        self.gate = gate
        self.frames: deque[bytes] = deque()

    def put(self, frame: bytes) -> bool:
        with self.gate:
            if len(self.frames) >= QUEUE_FRAMES_MAX:
                return False
            self.frames.append(frame)
            self.gate.notify_all()
            return True

    def take(self, limit: int) -> list[bytes]:
        with self.gate:
            return [self.frames.popleft() for _ in range(min(limit, len(self.frames)))]


class MemoryHub:
    """The broker's end; `link` makes a client's end."""

    def __init__(self) -> None:
        self._gate = threading.Condition()
        self._arrived: deque[tuple[bytes, bytes]] = deque()
        self._links: dict[bytes, MemoryLink] = {}
        self._numbers = count(1)
        self._woken = False

    def link(self) -> MemoryLink:
        """A new client's end."""
        link = MemoryLink(self, str(next(self._numbers)).encode())
        self._links[link.identity] = link
        return link

    def receive(self, timeout_seconds: float) -> list[tuple[bytes, bytes]]:
        """See `bus.ports.Hub`."""
        with self._gate:
            self._gate.wait_for(lambda: self._arrived or self._woken, timeout_seconds)
            self._woken = False
            frames, self._arrived = list(self._arrived), deque()
        return frames

    def send(self, identity: bytes, frame: bytes) -> bool:
        """See `bus.ports.Hub`."""
        link = self._links.get(identity)
        return link is not None and link.control.put(frame)

    def publish(self, frame: bytes) -> None:
        """See `bus.ports.Hub`."""
        for link in list(self._links.values()):
            link.tape.put(frame)

    def wake(self) -> None:
        """See `bus.ports.Hub`."""
        with self._gate:
            self._woken = True
            self._gate.notify_all()

    def close(self) -> None:
        """See `bus.ports.Hub`."""
        self._links.clear()

    def deliver(self, identity: bytes, frame: bytes) -> bool:
        """A link hands a frame over; False when the queue is full."""
        with self._gate:
            if len(self._arrived) >= QUEUE_FRAMES_MAX:
                return False
            self._arrived.append((identity, frame))
            self._gate.notify_all()
            return True

    def drop(self, identity: bytes) -> None:
        """A link is gone."""
        self._links.pop(identity, None)


class MemoryLink:
    """A client's end."""

    def __init__(self, hub: MemoryHub, identity: bytes) -> None:
        self.identity = identity
        self._hub = hub
        gate = threading.Condition()
        self.control = _Box(gate)
        self.tape = _Box(gate)
        self._woken = False

    def send(self, frame: bytes) -> bool:
        """See `bus.ports.Link`."""
        check_frame(frame)
        return self._hub.deliver(self.identity, frame)

    def receive(self, timeout_seconds: float) -> list[bytes]:
        """See `bus.ports.Link`."""
        with self.control.gate:
            self.control.gate.wait_for(
                lambda: self.control.frames or self.tape.frames or self._woken, timeout_seconds
            )
            self._woken = False
        return self.control.take(QUEUE_FRAMES_MAX)

    def live(self, limit: int) -> list[bytes]:
        """See `bus.ports.Link`."""
        return self.tape.take(limit)

    def wake(self) -> None:
        """See `bus.ports.Link`."""
        with self.control.gate:
            self._woken = True
            self.control.gate.notify_all()

    def close(self) -> None:
        """See `bus.ports.Link`."""
        self._hub.drop(self.identity)
