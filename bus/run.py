"""Runs the deck or one supervised process of it.

``python -m bus.run deck | bus | services.<name>``.

``deck`` takes the lock on the home and becomes honcho, which starts the Procfile. Any other name is
supervised: the parent forks before any heavy import, restarts the child when it dies (back-off with
jitter, within a budget), and ends when it is told to, when the budget is spent (loudly), or when
whoever started it is gone. The child ends when the parent's pipe closes, so nothing is left even
after a kill -9 of honcho or of a supervisor.
"""

from __future__ import annotations

import os
import random
import runpy
import signal
import socket
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import NoReturn

import structlog

from bus.errors import AlreadyRunning
from bus.locks import hold
from config.logging import configure_logging
from config.settings import PROJECT_ROOT, Settings, SettingsError, prepare_home, read_settings

FATAL = 78
"""EX_CONFIG: restarting cannot help; the supervisor ends with it, and honcho stops the deck."""
DRAIN_SECONDS_MAX = 4.0
"""honcho kills after 5 s, counted from the first process that ends."""
PARENT_CHECK_SECONDS = 0.5
PREDECESSOR_SECONDS = 5.0

_ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}

log = structlog.get_logger()


def main(arguments: list[str]) -> int:
    """Run what is named; gives the exit code."""
    if len(arguments) != 1:
        return _say("usage: python -m bus.run deck | bus | services.<name>", 2)
    try:
        settings = read_settings(os.environ)
        prepare_home(settings)
        if arguments[0] == "deck":
            become_deck(settings)
        return Supervisor(arguments[0], settings).run()
    except (SettingsError, AlreadyRunning) as error:
        return _say(f"tapedeck: {error}", FATAL)


def become_deck(settings: Settings) -> NoReturn:
    """Take the home, check what would fail six times otherwise, and become honcho."""
    gateway = settings.gateway
    where = f"http://{gateway.host}:{gateway.port} (home {settings.home})"
    lock = hold(settings.run_dir, "tapedeck", where)
    _check_port(gateway.host, gateway.port)
    os.set_inheritable(lock.fileno(), True)
    binaries = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"}
    os.chdir(PROJECT_ROOT)
    honcho = str(binaries / "honcho")
    os.execve(honcho, [honcho, "start", "-e", "/dev/null"], environment)  # noqa: S606


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"port {port} on {host} is taken by another program ({error.strerror}):"
                " end it, or set TAPEDECK_GATEWAY__PORT to a free one."
            ) from error


class Supervisor:
    """The parent of one process of the deck."""

    def __init__(self, module: str, settings: Settings) -> None:
        self._module = module
        self._name = module.removeprefix("services.")
        self._settings = settings
        self._starter = os.getppid()
        self._restarts: deque[float] = deque()

    def run(self) -> int:
        """Keep the child running until told to end; gives the exit code."""
        configure_logging(self._settings, self._name)
        where = str(self._settings.home)
        with hold(self._settings.run_dir, self._name, where, PREDECESSOR_SECONDS):
            signal.pthread_sigmask(signal.SIG_BLOCK, {*_ENDING, signal.SIGCHLD})
            while True:
                child, pipe = self._fork()
                ended, code = self._watch(child)
                os.close(pipe)
                if ended or code == FATAL:
                    return code
                log.error("process.died", service=self._name, pid=child, code=code)
                if not self._may_restart():
                    return 1

    def _fork(self) -> tuple[int, int]:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writing)
            _become(self._module, reading)
        os.close(reading)
        log.info("process.started", service=self._name, pid=child)
        return child, writing

    def _watch(self, child: int) -> tuple[bool, int]:
        """Until the child is gone; whether that was wanted, and its code."""
        kill_at = float("inf")
        while True:
            told = signal.sigtimedwait({*_ENDING, signal.SIGCHLD}, PARENT_CHECK_SECONDS)
            gone, status = os.waitpid(child, os.WNOHANG)
            if gone:
                return kill_at < float("inf"), os.waitstatus_to_exitcode(status)
            asked = told is not None and told.si_signo in _ENDING
            if (asked or os.getppid() != self._starter) and kill_at == float("inf"):
                kill_at = time.monotonic() + DRAIN_SECONDS_MAX
                os.kill(child, signal.SIGTERM)
            if time.monotonic() >= kill_at:
                log.error("process.killed", service=self._name, pid=child, after=DRAIN_SECONDS_MAX)
                os.kill(child, signal.SIGKILL)

    def _may_restart(self) -> bool:
        """Wait the back-off; False when the budget is spent or the deck ends meanwhile."""
        rules, now = self._settings.supervisor, time.monotonic()
        self._restarts.append(now)
        while self._restarts[0] < now - rules.window_seconds:
            self._restarts.popleft()
        if len(self._restarts) > rules.restarts:
            log.critical(
                "process.given_up",
                service=self._name,
                restarts=rules.restarts,
                seconds=rules.window_seconds,
            )
            return False
        longest = rules.backoff_seconds * 2 ** (len(self._restarts) - 1)
        delay = min(rules.backoff_max_seconds, longest) * random.uniform(0.5, 1.0)
        return signal.sigtimedwait(_ENDING, delay) is None


def _become(module: str, pipe: int) -> NoReturn:
    """The child: run the module as a program, end when the supervisor is gone."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_ENDING, signal.SIGCHLD})
    threading.Thread(
        target=_end_with_parent, args=(pipe,), name="parent-watch", daemon=True
    ).start()
    code = 0
    try:
        sys.argv = [module]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        log.critical("process.failed", service=module.removeprefix("services."), exc_info=True)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads that still wait for a provider do not keep the process alive


def _leave(number: int, frame: object) -> NoReturn:
    """TERM before the service has put its own handler in place."""
    del number, frame
    raise SystemExit(0)


def _end_with_parent(pipe: int) -> None:
    os.read(pipe, 1)  # the parent writes nothing: this returns when its end is closed
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(DRAIN_SECONDS_MAX)
    os._exit(1)


def _say(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
