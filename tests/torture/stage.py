"""The stage of a torture: real processes that a test starts, kills, stops, lets go on and ends.

They are forked from a server that has imported everything, so that a start takes milliseconds. Who
fails fails the test with what it had to say.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from bus.reading import TapeReader
from tests.system.deck import until
from tests.torture import journal
from tests.torture.place import Place
from tests.torture.probes import LIFE, Doom

DEADLINE_SECONDS = 60.0

Role = Callable[..., None]

ROLES = ("tests.torture.parties", "tests.torture.dying_bus", "tests.torture.proxy")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.torture.stage", *ROLES])


@dataclass
class Actor:
    """One name on the stage: how to start it, and its process."""

    role: Role
    options: dict[str, Any]
    process: ForkServerProcess
    doom: Doom = LIFE
    ending: bool = False


@dataclass
class Stage:
    """``with Stage() as stage``; at the end nothing of it is left."""

    proxied: bool = False
    set_clock: bool = False
    kills: int = 0
    actors: dict[str, Actor] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="td-")
        self.place = Place(Path(self._folder.name), self.proxied, self.set_clock)
        (self.place.folder / "proxy").mkdir()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for actor in self.actors.values():
            actor.process.kill()
            actor.process.join()
        self._folder.cleanup()

    # -- what a test does to them ---------------------------------------------------------------

    def start(self, name: str, role: Role, **options: Any) -> None:
        """Start a process under this name."""
        self.actors[name] = Actor(role, options, self._process(name, role, LIFE, options))

    def restart(self, name: str, doom: Doom = LIFE) -> None:
        """Start the name's next process; it dies at its doom, if it has one."""
        actor = self.actors[name]
        actor.doom, actor.ending = doom, False
        actor.process = self._process(name, actor.role, doom, actor.options)

    def kill(self, name: str) -> None:
        """SIGKILL, and wait until it is gone."""
        self.check()
        self.actors[name].ending = True
        self.actors[name].process.kill()
        self.actors[name].process.join()
        self.kills += 1

    def stop(self, *names: str) -> None:
        """Stop whole processes, their sockets' threads included."""
        self._signal(names, signal.SIGSTOP)

    def go_on(self, *names: str) -> None:
        """Let stopped processes go on."""
        self._signal(names, signal.SIGCONT)

    def hold(self, *names: str) -> None:
        """Let processes do nothing, not even poll, while their sockets' threads go on."""
        self._signal(names, signal.SIGUSR1)

    def let_go(self, *names: str) -> None:
        """Let processes that are held go on."""
        self._signal(names, signal.SIGUSR2)

    def end(self, *names: str) -> None:
        """TERM to all of them; each must end by itself, and well."""
        self.until(lambda: all(map(self._can_be_told, names)), "everybody began")
        for name in names:
            self.actors[name].ending = True
            self.actors[name].process.terminate()
        for name in names:
            self.actors[name].process.join(DEADLINE_SECONDS)
            assert self.actors[name].process.exitcode == 0, self._story(name)

    def pid(self, name: str) -> int:
        """The process of the name."""
        pid = self.actors[name].process.pid
        assert pid is not None
        return pid

    def is_doomed(self, name: str) -> bool:
        """Whether a step lies before the process at which it will die."""
        return bool(self.actors[name].doom.point)

    def died_of_its_doom(self, name: str) -> bool:
        """Whether the process came to the step at which it was to die."""
        actor = self.actors[name]
        if not self.is_doomed(name) or actor.process.is_alive():
            return False
        assert actor.process.exitcode == -signal.SIGKILL, self._story(name)
        return True

    # -- what a test sees of them ---------------------------------------------------------------

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for the condition while everybody lives."""

        def probe() -> bool:
            self.check()
            return bool(condition())

        until(probe, DEADLINE_SECONDS, what)

    def check(self) -> None:
        """Nobody has ended but who was to, or had no more to do."""
        for name, actor in self.actors.items():
            well = actor.ending or actor.process.exitcode in (None, 0)
            assert well or self.died_of_its_doom(name), self._story(name)

    def told(self, name: str) -> int:
        """How many rows the journal of a name has."""
        return journal.length(self.place.journal(name))

    def last(self, name: str) -> int:
        """The last number that a name noted, 0 before the first."""
        return journal.last(self.place.journal(name))

    def resident_bytes(self, name: str) -> int:
        """The memory of a process that is resident now."""
        status = Path(f"/proc/{self.pid(name)}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1_024

    def tape(self) -> TapeReader:
        """The tape, opened for reading."""
        return TapeReader(self.place.tape_path)

    def _process(
        self, name: str, role: Role, doom: Doom, options: dict[str, Any]
    ) -> ForkServerProcess:
        process = FORKS.Process(
            target=_play,
            args=(self.place, name, partial(role, self.place, name, doom, **options)),
            name=name,
            daemon=True,
        )
        process.start()
        return process

    def _signal(self, names: Iterable[str], number: signal.Signals) -> None:
        for name in names:
            os.kill(self.pid(name), number)

    def _can_be_told(self, name: str) -> bool:
        """Whether the process has come far enough to end well."""
        began = self.place.began(name)
        return began.exists() and began.read_text() == str(self.pid(name))

    def _story(self, name: str) -> str:
        log = self.place.log(name)
        code = self.actors[name].process.exitcode
        return f"{name} ended with {code}: {log.read_text()[-3_000:] if log.exists() else ''}"


def _play(place: Place, name: str, role: Callable[[], None]) -> None:
    """The process: what it says goes into its log, and it ends with the test's process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    signal.signal(signal.SIGUSR1, lambda number, frame: signal.sigwait({signal.SIGUSR2}) and None)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    place.began(name).write_text(str(os.getpid()))
    log = os.open(place.log(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, sys.stderr.fileno())
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    threading.Thread(target=_end_with_test, daemon=True).start()
    role()


def _end_with_test() -> None:
    test = multiprocessing.parent_process()
    if test is not None:
        test.join()
    os._exit(1)
