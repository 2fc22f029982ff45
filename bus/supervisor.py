"""The parent of one process of the deck: starts it, restarts it when it dies, ends it.

It imports the standard library alone and forks before anything heavy (six of them cost 9 MB each
instead of 16). What it needs of the settings a first child reads for it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

from bus.locks import hold

FATAL = 78
"""EX_CONFIG: restarting cannot help; the supervisor ends with it, and honcho stops the deck."""
DRAIN_SECONDS_MAX = 4.0
"""honcho kills after 5 s, counted from the first process that ends."""
STARTER_CHECK_SECONDS = 0.5
PREDECESSOR_SECONDS = 5.0
STARTER_VARIABLE = "TAPEDECK_STARTER_PID"
"""honcho's own process. Ours are children of its watchers, which outlive it."""

ENDING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


class Rules(NamedTuple):
    """What the supervisor must know of the settings."""

    home: str
    run_dir: str
    restarts: int
    window_seconds: float
    backoff_seconds: float
    backoff_max_seconds: float


class Death(NamedTuple):
    """How the process before this one ended; the new one writes it into the log."""

    pid: int
    code: int


class Supervisor:
    """Keeps one child running. ``become`` is what the child does, and never returns.

    It is given the name of the service, the end of a pipe that closes when the supervisor is gone,
    and how its predecessor died.
    """

    def __init__(
        self, name: str, rules: Rules, become: Callable[[int, Death | None], NoReturn]
    ) -> None:
        self._name = name
        self._rules = rules
        self._become = become
        self._parent = os.getppid()
        self._starter = int(os.environ.get(STARTER_VARIABLE) or os.getppid())
        self._restarts: deque[float] = deque()

    def run(self) -> int:
        """Until told to end, or until the budget is spent; gives the exit code."""
        with hold(Path(self._rules.run_dir), self._name, self._rules.home, PREDECESSOR_SECONDS):
            signal.pthread_sigmask(signal.SIG_BLOCK, {*ENDING, signal.SIGCHLD})
            death: Death | None = None
            while True:
                child, pipe = self._fork(death)
                wanted, code = self._watch(child)
                os.close(pipe)
                if wanted or code == FATAL:
                    return code
                if self._spent():
                    return 1
                if signal.sigtimedwait(ENDING, self._backoff_seconds()) is not None:
                    return 0
                death = Death(child, code)

    def _fork(self, death: Death | None) -> tuple[int, int]:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writing)
            self._become(reading, death)
        os.close(reading)
        return child, writing

    def _watch(self, child: int) -> tuple[bool, int]:
        """Until the child is gone; whether that was wanted, and its code."""
        kill_at = float("inf")
        while True:
            told = signal.sigtimedwait({*ENDING, signal.SIGCHLD}, STARTER_CHECK_SECONDS)
            asked = told is not None and told.si_signo in ENDING
            gone, status = os.waitpid(child, os.WNOHANG)
            if gone:
                return asked or kill_at < float("inf"), os.waitstatus_to_exitcode(status)
            if kill_at == float("inf") and (asked or self._left_alone()):
                kill_at = time.monotonic() + DRAIN_SECONDS_MAX
                os.kill(child, signal.SIGTERM)
            if time.monotonic() >= kill_at:
                say(f"{self._name} did not end within {DRAIN_SECONDS_MAX:g} s and was killed")
                os.kill(child, signal.SIGKILL)

    def _left_alone(self) -> bool:
        return os.getppid() != self._parent or not is_alive(self._starter)

    def _spent(self) -> bool:
        """Whether it died once too often; then it says so."""
        rules, now = self._rules, time.monotonic()
        self._restarts.append(now)
        while self._restarts[0] < now - rules.window_seconds:
            self._restarts.popleft()
        if len(self._restarts) <= rules.restarts:
            return False
        say(
            f"{self._name} died {len(self._restarts)} times within {rules.window_seconds:g} s:"
            f" see {rules.home}/logs/{self._name}.jsonl, mend the cause, then start again"
        )
        return True

    def _backoff_seconds(self) -> float:
        longest = self._rules.backoff_seconds * float(2 ** (len(self._restarts) - 1))
        return min(self._rules.backoff_max_seconds, longest) * random.uniform(0.5, 1.0)


def rules_from(read: Callable[[], Rules]) -> Rules | None:
    """What ``read`` gives, read in a child so that its imports stay there; None when it failed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_write_rules(read, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return Rules(**json.loads(answer)) if answer else None


def _write_rules(read: Callable[[], Rules], pipe: int) -> int:
    try:
        os.write(pipe, json.dumps(read()._asdict()).encode())
    except SystemExit:
        return 1
    return 0


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except (OSError, IndexError):
        return True  # no /proc here, or another user's process
    return state not in ("Z", "X")


def say(text: str) -> None:
    """A sentence for the terminal: what needs a person."""
    sys.stderr.write(f"tapedeck: {text}\n")
    sys.stderr.flush()
