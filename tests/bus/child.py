"""A tiny process for `bus.run` to supervise: it tells the test what befalls it, over a socket.

The test listens on the unix socket that CHILD_REPORTS_TO names. Each process connects, says
``began <pid> <parent's pid>``, and keeps the connection open, so that its end is the end of the
process however that comes. CHILD_PLAN says what it does: ``serve`` until told to end, ``deaf`` to
being told, ``die`` at once, ``die twice`` and then serve, end with ``fatal``, ``fail`` with an
exception, or ``linger`` until the test has said a word after TERM.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

from bus.supervisor import FATAL

CODE = 3


def main() -> None:
    """Begin, tell, and follow the plan."""
    plan = os.environ["CHILD_PLAN"]
    with socket.socket(socket.AF_UNIX) as reports:
        reports.connect(os.environ["CHILD_REPORTS_TO"])
        reports.sendall(f"began {os.getpid()} {os.getppid()}\n".encode())
        follow(plan, reports)


def follow(plan: str, reports: socket.socket) -> None:
    """Do what the plan says."""
    match plan:
        case "die":
            os._exit(CODE)
        case "die twice" if attempt() <= 2:
            os._exit(CODE)
        case "fatal":
            sys.exit(FATAL)
        case "fail":
            raise ValueError("planned")
        case _:
            serve(plan, reports)


def attempt() -> int:
    """How many processes this home has seen, this one included."""
    tally = Path(os.environ["TAPEDECK_HOME"]) / "attempts"
    with tally.open("a") as file:
        file.write("x")
    return len(tally.read_text())


def serve(plan: str, reports: socket.socket) -> None:
    """Wait to be told to end, and tell each time one is."""
    reading, writing = os.pipe()
    signal.signal(signal.SIGTERM, lambda number, frame: os.write(writing, b"T") and None)
    reports.sendall(b"serving\n")
    while os.read(reading, 1):
        reports.sendall(b"told to end\n")
        if plan == "linger":
            reports.recv(1)
        if plan != "deaf":
            return


if __name__ == "__main__":
    main()
