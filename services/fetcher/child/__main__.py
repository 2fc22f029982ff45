"""The child's program: answers one frame after the other, until its parent is gone or silent."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from services.fetcher.child.frames import (
    LENGTH_BYTES,
    Answered,
    AskPage,
    AskSessions,
    AskTable,
    Failed,
    Load,
    Request,
    decode_request,
    framed,
    length_of,
)

IDLE_SECONDS = 600.0


def main(cache_folder: Path, idle_seconds: float = IDLE_SECONDS) -> None:
    """Serve until nobody has asked for a while; yfinance keeps its cookies in the folder."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not end up between the frames
    requests: queue.Queue[Request] = queue.Queue()
    reading = (sys.stdin.buffer, requests)
    threading.Thread(target=_read_all, args=reading, name="frames", daemon=True).start()
    while True:
        try:
            request = requests.get(timeout=idle_seconds)
        except queue.Empty:
            os._exit(0)  # a thread that waits for a frame must not hold up the end
        answers.write(framed(answer(request, cache_folder)))
        answers.flush()


def answer(request: Request, cache_folder: Path) -> Answered:
    """The answer to a request; whatever goes wrong is an answer too."""
    try:
        match request:
            case AskPage() | Load(library="browser"):
                from services.fetcher.child import browser

                return browser.answer(request, cache_folder)
            case AskTable() | Load(library="tables"):
                from services.fetcher.child import tables

                return tables.answer(request)
            case AskSessions() | Load():
                from services.fetcher.child import sessions

                return sessions.answer(request)
    except Exception as error:  # noqa: BLE001 - the edge: the parent must hear of everything
        return failed(error)


def failed(error: Exception) -> Failed:
    """An error as the parent can judge it."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    return Failed(kinds=kinds, message=str(error)[:300])


def _read_all(stream: BinaryIO, requests: queue.Queue[Request]) -> None:
    """Pass the frames on; when the parent is gone, end at once, even in the middle of a call."""
    while head := stream.read(LENGTH_BYTES):
        requests.put(decode_request(stream.read(length_of(head))))
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
