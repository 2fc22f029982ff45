"""The threads that carry effects out; what they give comes back as commands to the actor."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, Full, Queue

import structlog

from bus.actor import Effect
from bus.message import Command

QUEUE_MAX = 1_000

log = structlog.get_logger()


class Workers:
    """A few daemon threads over a bounded queue; equal effects under way are carried out once.

    ``do`` may block or fail: a failure is logged, and the actor's timer asks again in its own time.
    """

    def __init__(
        self, do: Callable[[Effect], Command | None], wake: Callable[[], None], threads: int = 6
    ) -> None:
        self._do = do
        self._wake = wake
        self._queue: Queue[Effect | None] = Queue(QUEUE_MAX)
        self._under_way: set[Effect] = set()
        self._results: deque[Command] = deque()
        self._threads = [
            threading.Thread(target=self._run, name=f"worker-{n}", daemon=True)
            for n in range(threads)
        ]
        self._started = False

    def start(self, effect: Effect) -> None:
        """Have the effect carried out soon.

        Beyond 1,000 waiting ones it is dropped (and asked for again).
        """
        if effect in self._under_way:
            return
        if not self._started:
            self._started = True
            for thread in self._threads:
                thread.start()
        self._under_way.add(effect)
        try:
            self._queue.put_nowait(effect)
        except Full:
            self._under_way.discard(effect)
            log.warning("effect.dropped", effect=repr(effect)[:200], waiting=QUEUE_MAX)

    def results(self) -> list[Command]:
        """The commands that came back since the last call."""
        return [self._results.popleft() for _ in range(len(self._results))]

    def close(self) -> None:
        """Take no more; whoever is at work ends with the process."""
        while True:
            try:
                self._queue.get_nowait()
            except Empty:
                break
        for _ in self._threads:
            self._queue.put(None)

    def _run(self) -> None:
        while (effect := self._queue.get()) is not None:
            try:
                command = self._do(effect)
            except Exception:
                log.exception("effect.failed", effect=repr(effect)[:200])
                command = None
            if command is not None:
                self._results.append(command)
            self._under_way.discard(effect)  # after its result is there, lest it begin anew before
            if command is not None:
                self._wake()
