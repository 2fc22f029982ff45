"""A publisher under load: appends quotes through the bus and remembers what was acknowledged."""

from __future__ import annotations

import threading
from itertools import count
from typing import Self

from bus.client import Client
from bus.codec import Appended, Codec
from market.messages import CONTRACT
from market.messages.fetcher import Quote

WINDOW = 64
TICKERS = 20


class Publisher:
    """Appends numbered quotes on a thread; ``acknowledged`` holds the numbers of those that are.

    At most ``window`` of them wait for that.
    """

    def __init__(self, client: Client, window: int = WINDOW) -> None:
        self.acknowledged: list[int] = []
        self.resends = 0
        self._client = client
        self._window = window
        self._codec = Codec(CONTRACT)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Stop saying new things, wait until everything said is acknowledged."""
        self._stop.set()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive(), "the publisher still waits for acknowledgements"

    def _run(self) -> None:
        while not self._client.welcome:
            self._client.poll(0.1)
        numbers = count((self._client.standing.mark or 0) + 1)
        while not self._stop.is_set() or self._client.in_flight:
            while self._client.in_flight < self._window and not self._stop.is_set():
                number = next(numbers)
                draft = self._codec.draft(quote(number))
                self._client.append((draft,), number, "logged")
            answers = self._client.poll(0.2)
            self.acknowledged += [a.mark for a in answers if isinstance(a, Appended)]
        self.resends = self._client.standing.resends
        self._client.close()


def quote(number: int) -> Quote:
    """The quote of a number; the number is its market time."""
    return Quote(f"L{number % TICKERS}", 100.0 + number % 7, "yahoo", market_time_us=number)
