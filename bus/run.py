"""Runs the deck or one process of it: ``python -m bus.run deck | bus | services.<name>``.

``deck`` takes the lock on the home and becomes honcho, which starts the Procfile. Any other name is
supervised: its parent restarts it when it dies, and nothing of it is left when the deck ends, not
even after a kill -9 of honcho or of a supervisor.
"""

from __future__ import annotations

import errno
import os
import runpy
import signal
import socket
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bus.errors import AlreadyRunning
from bus.locks import hold
from bus.supervisor import (
    DRAIN_SECONDS_MAX,
    ENDING,
    FATAL,
    STARTER_VARIABLE,
    Death,
    Rules,
    Supervisor,
    rules_from,
    say,
)

if TYPE_CHECKING:
    from config.settings import Settings

USAGE = 2


def main(arguments: list[str]) -> int:
    """Run what is named; gives the exit code."""
    if len(arguments) != 1:
        say("usage: python -m bus.run deck | bus | services.<name>")
        return USAGE
    try:
        if arguments[0] == "deck":
            become_deck(_settings())
        return supervise(arguments[0])
    except AlreadyRunning as error:
        say(str(error))
        return FATAL


def supervise(module: str) -> int:
    """Be the parent of the module's process until told to end."""
    rules = rules_from(lambda: _rules(_settings()))
    if rules is None:
        return FATAL
    return Supervisor(service_of(module), rules, partial(_become, module)).run()


def service_of(module: str) -> str:
    """The name of the service that a module runs."""
    return module.removeprefix("services.")


def become_deck(settings: Settings) -> NoReturn:
    """Take the home, check what would fail six times otherwise, and become honcho."""
    from config.settings import PROJECT_ROOT

    gateway = settings.gateway
    host = f"[{gateway.host}]" if ":" in gateway.host else gateway.host
    where = f"http://{host}:{gateway.port} (home {settings.home})"
    lock = hold(settings.run_dir, "tapedeck", where)
    _check_port(gateway.host, gateway.port)
    os.set_inheritable(lock.fileno(), True)
    binaries = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
        STARTER_VARIABLE: str(os.getpid()),
    }
    os.chdir(PROJECT_ROOT)
    honcho = str(binaries / "honcho")
    os.execve(honcho, [honcho, "start", "-e", "/dev/null"], environment)  # noqa: S606


def _settings() -> Settings:
    """The settings and a home to work in; ends the process with a sentence where they are wrong."""
    from config.settings import SettingsError, prepare_home, read_settings

    try:
        settings = read_settings(os.environ)
        prepare_home(settings)
    except SettingsError as error:
        say(str(error))
        sys.exit(FATAL)
    return settings


def _rules(settings: Settings) -> Rules:
    given = settings.supervisor
    return Rules(
        home=str(settings.home),
        run_dir=str(settings.run_dir),
        restarts=given.restarts,
        window_seconds=given.window_seconds,
        backoff_seconds=given.backoff_seconds,
        backoff_max_seconds=given.backoff_max_seconds,
    )


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                say(
                    f"port {port} on {host} is taken by another program:"
                    " end it, or set TAPEDECK_GATEWAY__PORT to a free one"
                )
            else:
                say(
                    f"{host}:{port} cannot be used ({error.strerror}): correct [gateway] host, port"
                )
            sys.exit(FATAL)


def _become(module: str, pipe: int, death: Death | None) -> NoReturn:
    """The child: run the module as a program, end when the supervisor is gone."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*ENDING, signal.SIGCHLD})
    threading.Thread(
        target=_end_with_parent, args=(pipe,), name="parent-watch", daemon=True
    ).start()
    code = 0
    try:
        _tell(service_of(module), death)
        sys.argv = [module]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:  # noqa: BLE001 - the last edge of the process: told, and ended
        code = _failed(service_of(module), error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads that still wait for a provider do not keep the process alive


def _tell(service: str, death: Death | None) -> None:
    import structlog

    from config.logging import configure_logging

    configure_logging(_settings(), service)
    log = structlog.get_logger()
    if death is not None:
        log.error("process.died", pid=death.pid, code=death.code)
    log.info("process.started", pid=os.getpid())


def _failed(service: str, error: BaseException) -> int:
    """Tell why the process ends; a start that cannot go better the next time is not tried again."""
    import structlog

    from config.settings import SettingsError

    if isinstance(error, SettingsError | ImportError):
        say(f"{service} cannot start: {error}")
        return FATAL
    structlog.get_logger().critical("process.failed", service=service, exc_info=error)
    return 1


def _leave(number: int, frame: object) -> NoReturn:
    """TERM before the service has put its own handler in place."""
    del number, frame
    raise SystemExit(0)


def _end_with_parent(pipe: int) -> None:
    os.read(pipe, 1)  # the parent writes nothing: this returns when its end is closed
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(DRAIN_SECONDS_MAX)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
