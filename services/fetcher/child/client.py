"""The parent's end of the child: starts it when needed, asks one thing at a time, kills it late."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol

import structlog

from services.fetcher.child.frames import (
    LENGTH_BYTES,
    Answered,
    AskSessions,
    AskTable,
    Failed,
    Library,
    Load,
    Loaded,
    Request,
    decode_answer,
    framed,
    length_of,
)

ROOT = Path(__file__).resolve().parents[3]

LIBRARIES: dict[type, Library] = {AskSessions: "calendar", AskTable: "tables"}
"""What a question needs to be loaded first, where that is not the browser."""

LOAD_SECONDS = 30.0
"""Loading takes two seconds on a quiet machine; a slow one may take its time once."""

GRACE_SECONDS = 1.0
"""The child gives up by itself; only if it does not, it is killed."""

LINE_MAX = 300


log = structlog.get_logger()


class Child(Protocol):
    """A port: questions to the child."""

    def ask(self, request: Request, seconds: float) -> Answered:
        """The answer, or `Failed`; it takes that long, and the time to load a library once."""


class Ended(Exception):
    """The child is gone, or said something that is no frame."""


class ChildProcess:
    """The real child; safe to ask from several threads, which then wait for one another."""

    def __init__(self, cache_folder: Path) -> None:
        self._cache_folder = cache_folder
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._loaded: set[Library] = set()

    def ask(self, request: Request, seconds: float) -> Answered:
        """Start the child and load what the request needs first; kill it when it is late."""
        with self._lock:
            used = self._process is not None
            answer = self._try(request, seconds)
            if used and _ended(answer):  # it was idle for long, and went while it was asked
                answer = self._try(request, seconds)
            return answer

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._kill()

    @property
    def pid(self) -> int | None:
        """The child's process, None while there is none."""
        return self._process.pid if self._process else None

    def _try(self, request: Request, seconds: float) -> Answered:
        try:
            return self._ask(request, seconds)
        except TimeoutError:
            self._kill()
            return Failed(kinds=["Late"], message=f"no answer within {seconds:g} s")
        except (Ended, OSError, ValueError) as error:
            self._kill()
            return Failed(kinds=[Ended.__name__], message=str(error))

    def _ask(self, request: Request, seconds: float) -> Answered:
        library = LIBRARIES.get(type(request), "browser")
        if self._process is None or self._process.poll() is not None:
            self._start()
        if library not in self._loaded:
            loaded = self._exchange(Load(library), LOAD_SECONDS)
            if not isinstance(loaded, Loaded):
                return loaded
            self._loaded.add(library)
        return self._exchange(request, seconds + GRACE_SECONDS)

    def _start(self) -> None:
        self._kill()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.fetcher.child", str(self._cache_folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            bufsize=0,
            env=_without_secrets(os.environ),
        )
        threading.Thread(
            target=_log_lines, args=(self._process.stderr,), name="child-log", daemon=True
        ).start()

    def _exchange(self, request: Request, seconds: float) -> Answered:
        end = time.monotonic() + seconds
        process = self._process
        if process is None or process.stdin is None:
            raise Ended("the child was never started")
        process.stdin.write(framed(request))
        body = self._read(length_of(self._read(LENGTH_BYTES, end)), end)
        answer: Answered = decode_answer(body)
        return answer

    def _read(self, size: int, end: float) -> bytes:
        stream = self._process.stdout if self._process else None
        if stream is None:
            raise Ended("the child was never started")
        body = bytearray()
        while len(body) < size:
            ready, _, _ = select.select([stream], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError
            piece = os.read(stream.fileno(), size - len(body))
            if not piece:
                raise Ended("the child ended in the middle of a question")
            body += piece
        return bytes(body)

    def _kill(self) -> None:
        process, self._process = self._process, None
        self._loaded.clear()
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def _log_lines(stream: IO[bytes] | None) -> None:
    """What a library says goes into our log, in lines of a bounded length, until the child ends."""
    if stream is None:
        return
    with stream:
        for line in iter(lambda: stream.readline(LINE_MAX), b""):
            log.info("child.said", line=line.decode(errors="replace").rstrip())


def _without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Proxies and CA files, but nothing of ours: the child is handed all it needs.

    Nor what turns yfinance into something else: without curl_cffi it fails at its first cookie.
    """
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(("FINNHUB_", "TAPEDECK_", "YF_"))
    }


def _ended(answer: Answered) -> bool:
    return isinstance(answer, Failed) and answer.kinds == [Ended.__name__]
