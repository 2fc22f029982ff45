"""Locks on the home, let go by the kernel: one deck a home, one supervisor a service."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import IO

from bus.errors import AlreadyRunning


def hold(folder: Path, name: str, where: str, patience_seconds: float = 0.0) -> IO[bytes]:
    """Take the lock ``<folder>/<name>.lock`` and write who holds it.

    Raises `AlreadyRunning` with who does.

    ``patience_seconds`` leaves a predecessor that is ending the time to end. The lock lives as long
    as the file that is returned is open, here or in the program this process becomes.
    """
    file = (folder / f"{name}.lock").open("a+b")
    deadline = time.monotonic() + patience_seconds
    while not _try(file):
        if time.monotonic() >= deadline:
            with file:
                holder = _holder_of(file, name)
            raise AlreadyRunning(holder, "end it first, or set another TAPEDECK_HOME")
        time.sleep(0.05)
    file.truncate(0)
    file.write(json.dumps({"pid": os.getpid(), "where": where}).encode())
    file.flush()
    return file


def _try(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder_of(file: IO[bytes], name: str) -> str:
    file.seek(0)
    try:
        holder = json.loads(file.read())
        return f"{name} is already running (process {holder['pid']}) at {holder['where']}"
    except (ValueError, KeyError, TypeError):
        return f"{name} is already running"
