"""A server under measurement: a child process, waited for until it answers, ended by its pid."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 30.0
END_SECONDS = 10.0
LOOK_SECONDS = 0.002


class Absent(Exception):
    """A peer is not on this machine: its rows say so, and nothing fails. The text is the remedy."""


class Server:
    """``with Server(command, folder, answers) as server``: started, answering, and ended.

    Raises `RuntimeError` with its last words when it ends or does not answer in time.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        answers: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = command
        self._folder = folder
        self._answers = answers
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=Path(__file__).resolve().parents[1],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            self._await_answer(self._process)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """The process that serves."""
        assert self._process is not None, "a server is used in a `with` block"
        return self._process.pid

    @property
    def _output(self) -> Path:
        return self._folder / "server.txt"

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                said = self._output.read_text(errors="replace")[-1_000:]
                raise RuntimeError(f"{self._command[0]} does not answer: {said}")
            time.sleep(LOOK_SECONDS)

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def program(name: str, remedy: str) -> str:
    """The path of a program beside this interpreter or on PATH; raises `Absent`."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise Absent(f"no {name} here: {remedy}")
    return found


def library(module: str, remedy: str) -> None:
    """Raise `Absent` where a library is not installed."""
    if find_spec(module) is None:
        raise Absent(f"no {module} here: {remedy}")
