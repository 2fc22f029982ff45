"""The tape's newest records, handed from the deck's thread to the pages on the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice

from bus.codec import Record

RECORDS_MAX = 2_048
BYTES_MAX = 8 << 20


class News:
    """A gapless run of records that ends at the newest; one that does not follow on begins anew.

    `hear` is for the deck's thread, everything else for the event loop.
    """

    def __init__(self, records_max: int = RECORDS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self.last = 0
        self._records: deque[Record] = deque()
        self._records_max = records_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()
        self._waking = False

    def hear(self, records: Sequence[Record]) -> None:
        """Take records as they come; never waits for a page."""
        with self._lock:
            for record in records:
                self._append(record)
            self._make_room()
            if self._loop is not None and not self._waking:
                self._waking = True
                self._loop.call_soon_threadsafe(self._wake)

    def after(self, seq: int, limit: int) -> list[Record]:
        """At most ``limit`` records that follow ``seq``; none where the run begins later."""
        with self._lock:
            start = seq + len(self._records) - self.last
            return list(islice(self._records, start, start + limit)) if start >= 0 else []

    async def beyond(self, seq: int, within_seconds: float) -> bool:
        """Wait until there is a record after ``seq``; False when the time is up."""
        try:
            async with asyncio.timeout(within_seconds):
                while self.last <= seq:
                    await self._arrived.wait()
        except TimeoutError:
            return False
        return True

    @asynccontextmanager
    async def on_this_loop(self) -> AsyncIterator[None]:
        """Wake the waiting pages of the running loop for as long as this is open."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            with self._lock:
                self._loop = None

    def _append(self, record: Record) -> None:
        if record.seq != self.last + 1:
            self._records.clear()
            self._bytes = 0
        self.last = record.seq
        self._records.append(record)
        self._bytes += len(record.body)

    def _make_room(self) -> None:
        while len(self._records) > self._records_max or self._bytes > self._bytes_max:
            self._bytes -= len(self._records.popleft().body)

    def _wake(self) -> None:
        with self._lock:
            self._waking = False
        arrived, self._arrived = self._arrived, asyncio.Event()
        arrived.set()
