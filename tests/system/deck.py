"""A whole deck, started as its user starts it in a home of its own, to look at and to hurt."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
import requests

from bus.client import Client
from bus.clock import SystemClock
from bus.message import ServiceState
from bus.reading import TapeReader
from bus.transport.zeromq import ZeroMQLink, address

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("analyzer", "cache", "fetcher", "gateway", "indicators")
READY_SECONDS = 60.0


def until(probe: Callable[[], T | None], seconds: float, what: str) -> T:
    """The first true value of the probe; fails when it stays false for so long."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        value = probe()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come about within {seconds} s"
        pause.wait(0.05)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningDeck:
    """``with RunningDeck(...) as deck``: started, ready, and stopped without a trace at the end."""

    def __init__(self, settings: Mapping[str, str] | None = None, *, ready: bool = True) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="deck-")
        self.home = Path(self._folder.name)
        self.port = free_port()
        self._wants_ready = ready
        self.environment = {
            **os.environ,
            "TAPEDECK_HOME": str(self.home),
            "TAPEDECK_GATEWAY__PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            **(settings or {}),
        }
        self.output = self.home / "terminal.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        if self._wants_ready:
            self.wait_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        self._folder.cleanup()

    def start(self) -> None:
        """What ``make run`` does after it has built the environment."""
        with self.output.open("ab") as terminal:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bus.run", "deck"],
                cwd=ROOT,
                env=self.environment,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, seconds: float = 10.0) -> int:
        """TERM, as Ctrl-C does through honcho; gives the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def wait_ready(self, seconds: float = READY_SECONDS) -> dict[str, Any]:
        """Until ``/health/ready`` says so."""
        return until(self.ready, seconds, f"readiness ({self.terminal()[-2_000:]})")

    def ready(self) -> dict[str, Any] | None:
        """The health when every service is ready, None otherwise."""
        assert self.process is not None
        assert self.process.poll() is None, f"the deck ended: {self.terminal()[-3_000:]}"
        try:
            answer = self.get("/health/ready")
        except requests.RequestException:
            return None
        return dict(answer.json()) if answer.status_code == 200 else None

    def answers(self) -> bool:
        """Whether the gateway answers at all."""
        try:
            return self.get("/health/live").status_code == 200
        except requests.RequestException:
            return False

    def get(self, path: str, **parameters: str | int) -> requests.Response:
        """GET from the gateway."""
        return _session().get(self.url(path), params=parameters, timeout=60)

    def post(self, path: str, **body: str) -> requests.Response:
        """POST JSON to the gateway."""
        return _session().post(self.url(path), json=body, timeout=30)

    def url(self, path: str) -> str:
        """The gateway's address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``./tapedeck`` with these words."""
        return subprocess.run(
            [sys.executable, "-m", "services.gateway.cli", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def terminal(self) -> str:
        """What a person sees."""
        return self.output.read_text(errors="replace")

    def log(self, service: str) -> list[dict[str, Any]]:
        """The structured log of a service."""
        path = self.home / "logs" / f"{service}.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [msgspec.json.decode(line) for line in lines]

    def tape(self) -> TapeReader:
        """The tape, opened for reading."""
        return TapeReader(self.home / "tape.db")

    def client(self, service: str) -> Client:
        """A client of the deck's bus."""
        where = address("", self.home / "run")
        return Client(service, ZeroMQLink(where), self.tape, SystemClock())

    def service(self, name: str) -> ServiceState | None:
        """How the bus sees a service."""
        health = self.get("/health/ready").json()
        found = [state for state in health.get("services", []) if state["name"] == name]
        return msgspec.convert(found[0], ServiceState) if found else None

    def supervisor_pid(self, name: str) -> int:
        """The process that the Procfile starts for a service."""
        module = "bus" if name == "bus" else f"services.{name}"
        wanted = f"bus.run\0{module}\0".encode()
        return min(pid for pid in self.pids() if wanted in _read(pid, "cmdline"))

    def child_pid(self, name: str) -> int:
        """The process that does the work of a service; 0 while there is none."""
        parent = self.supervisor_pid(name)
        return next((pid for pid in self.pids() if _parent(pid) == parent), 0)

    def signal_child(self, name: str, number: signal.Signals) -> int:
        """Send it to the process that does the work, as soon as there is one; gives its id."""
        pid = until(lambda: self.child_pid(name), READY_SECONDS, f"a process of {name}")
        os.kill(pid, number)
        return pid

    def pids(self) -> list[int]:
        """Every process of this deck: those that carry its home in their environment."""
        mine = f"TAPEDECK_HOME={self.home}\0".encode()
        found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in found if mine in _read(pid, "environ") and _alive(pid)]


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _stat(pid: int) -> list[str]:
    return _read(pid, "stat").decode(errors="replace").rpartition(")")[2].split()


def _alive(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] != "Z"


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0
