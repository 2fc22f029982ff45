"""The broker's tape socket: live frames for whoever listens, at no listener's expense but its own.

What a subscription costs is paid by the broker: a node in its memory for each byte, inserted by its
own thread. So one connection brings few at a time and a bounded number in all.
"""

from __future__ import annotations

import socket

import structlog
import zmq

from bus.errors import AddressRefused
from bus.transport import gate

LIVE_FRAMES_MAX = 1_000
"""Live frames kept for a listener that stalls; what overflows it reads from the tape.

1,000 x 64 KiB bounds the memory.
"""
SUBSCRIPTIONS_MAX = 4_096
"""Prefixes of one connection: 100,000 of 110 random bytes were measured to cost 540 MB."""
SUBSCRIPTION_BYTES_MAX = 1_024
"""Also what a handshake needs: the largest part of CURVE's, with the longest identity, has 545."""
QUEUED_SUBSCRIPTIONS_MAX = 2
"""Taken in one breath. With libzmq's 1,000 the network thread refills the queue as fast as it is
emptied: 20,000 prefixes of 1,000 bytes held the broker for 2.3 s, with 2 for 1 ms at a time."""
HEEDED_AT_ONCE_MAX = 256

log = structlog.get_logger()


class Listeners:
    """An XPUB that is told of each subscription, and cuts off whoever has too many."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], url: str, token: str) -> None:
        self.socket = context.socket(zmq.XPUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, LIVE_FRAMES_MAX)
        self.socket.setsockopt(zmq.RCVHWM, QUEUED_SUBSCRIPTIONS_MAX)
        self.socket.setsockopt(zmq.MAXMSGSIZE, SUBSCRIPTION_BYTES_MAX)
        self.socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        self._subscriptions: dict[int, int] = {}
        try:
            gate.bind(self.socket, url, token)
        except AddressRefused:
            self.socket.close()
            raise

    def heed(self) -> None:
        """Take note of the subscriptions that have come."""
        for _ in range(HEEDED_AT_ONCE_MAX):
            try:
                self._note(self.socket.recv(zmq.NOBLOCK, copy=False))
            except zmq.Again:
                return

    def _note(self, frame: zmq.Frame) -> None:
        try:
            connection = int(frame.get(zmq.SRCFD))
        except zmq.ZMQError:
            return  # the end of a connection: its file number is not told any more
        # A number is given again to a later connection, which inherits the count: at worst it is
        # cut off once and comes back with a count of its own.
        count = self._subscriptions.get(connection, 0) + (1 if frame.bytes[:1] == b"\1" else -1)
        self._subscriptions[connection] = max(0, count)
        if count > SUBSCRIPTIONS_MAX:
            del self._subscriptions[connection]
            log.warning("bus.listener_cut_off", subscriptions=count, most=SUBSCRIPTIONS_MAX)
            _cut_off(connection)


def _cut_off(connection: int) -> None:
    """End a connection of libzmq's; one that has ended meanwhile is left alone."""
    try:
        with socket.fromfd(connection, socket.AF_UNIX, socket.SOCK_STREAM) as end:
            end.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        log.info("bus.listener_gone", error=str(error))
