"""A measured process: one function in a fresh interpreter, ready first, begun at a word."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from bench.measures import Span

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 60.0
RESULT_SECONDS = 300.0

Argument = str | int | float | bool
Work = Callable[..., Span]
"""``work(gate, ...)``: get ready, ``gate.wait()``, do it, and tell what was done."""


class Gate:
    """The worker's end: where it waits, ready, until all others are ready too."""

    def wait(self) -> None:
        """Say that all is prepared; returns when the measurement begins."""
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()


class Worker:
    """The parent's end: ``with Worker(function, ...) as worker``; killed at the end by its pid."""

    def __init__(self, work: Work, **arguments: Argument) -> None:
        self._name = f"{work.__module__}:{work.__name__}"
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        words = [self._name, msgspec.json.encode(self._arguments).decode()]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = self._running()
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()

    @property
    def pid(self) -> int:
        """The process that does the work."""
        return self._running().pid

    def ready(self) -> None:
        """Wait until it is prepared; raises `RuntimeError` if it ends or is silent."""
        self._line(READY_SECONDS)

    def begin(self) -> None:
        """Let it do its work."""
        stdin = self._running().stdin
        assert stdin is not None
        stdin.write(b"\n")
        stdin.flush()

    def result(self) -> Span:
        """Wait for what it did; raises `RuntimeError` if it ends or is silent."""
        return msgspec.json.decode(self._line(RESULT_SECONDS), type=Span)

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "a worker is used in a `with` block"
        return self._process

    def _line(self, seconds: float) -> bytes:
        stdout = self._running().stdout
        assert stdout is not None
        readable, _, _ = select.select([stdout], [], [], seconds)
        line = stdout.readline() if readable else b""
        if not line:
            state = "ended" if readable else f"said nothing for {seconds:.0f} s"
            raise RuntimeError(f"{self._name} {state}")
        return line


def main(name: str, arguments: str) -> None:
    """Run the named function in this process."""
    module, _, function = name.partition(":")
    work: Work = getattr(import_module(module), function)
    span = work(Gate(), **msgspec.json.decode(arguments))
    sys.stdout.buffer.write(msgspec.json.encode(span) + b"\n")
    sys.stdout.flush()
    os._exit(0)  # sockets that linger are no part of the measurement


if __name__ == "__main__":
    main(*sys.argv[1:])
