"""The raw answers on their shelf: each kept once a day by the hash of its bytes, for some days.

One SQLite file a day under raw/: 1,500 answers of a cycle over 500 symbols (3 MB) take 0.15 s and
3.2 MB there; as files of their own they took 0.25 s, 6.1 MB and 1,500 inodes (measured 2026-11).
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from config.settings import Secret
from market.messages.fetcher import SourceCalled
from services.fetcher.raw import RawAnswer

CREATE = """
    CREATE TABLE IF NOT EXISTS answers (
        hash TEXT PRIMARY KEY, source TEXT NOT NULL, ticker TEXT NOT NULL, url TEXT NOT NULL,
        status INTEGER NOT NULL, content_type TEXT NOT NULL, received_us INTEGER NOT NULL,
        packed BLOB NOT NULL
    ) STRICT
"""
INSERT = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
BUSY_SECONDS = 2.0

log = structlog.get_logger()


class ShelfFull(OSError):
    """The raw answers of today alone take all the room that was set."""


class Shelf(Protocol):
    """A port: where raw answers are kept."""

    def keep(self, raw: RawAnswer, call: SourceCalled) -> None:
        """Keep the answer, before anything is said of it; raises `OSError` or `sqlite3.Error`."""


class DayShelf:
    """The files of raw/, one a day; the oldest go when their days or the room are over."""

    def __init__(self, folder: Path, days: int, bytes_max: int, now_us: Callable[[], int]) -> None:
        self._folder = folder
        self._days = days
        self._bytes_max = bytes_max
        self._now_us = now_us
        self._lock = threading.Lock()
        self._today = ""
        self._file: sqlite3.Connection | None = None

    def keep(self, raw: RawAnswer, call: SourceCalled) -> None:
        """Keep the answer under today's date, unless it is there; with 0 days nothing is kept."""
        if self._days == 0:
            return
        now_us = self._now_us()
        words = (call.source, call.ticker, raw.url, raw.status, raw.content_type, now_us)
        packed = zlib.compress(raw.body)
        with self._lock:
            self._on(datetime.fromtimestamp(now_us / 1e6, UTC).date().isoformat())
            self._make_room(len(packed))
            if self._file is not None:
                self._file.execute(INSERT, (raw.digest, *words, packed))

    def close(self) -> None:
        """Let go of today's file."""
        with self._lock:
            self._close()

    def _on(self, day: str) -> None:
        path = self._folder / f"{day}.db"
        if self._file is not None and day == self._today and path.exists():
            return
        self._close()
        self._folder.mkdir(parents=True, exist_ok=True)
        file = sqlite3.connect(path, BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = NORMAL")
            file.execute(CREATE)
        except sqlite3.Error:
            file.close()
            raise
        self._file, self._today = file, day
        for old in self._files()[: -self._days]:
            _remove(old)

    def _make_room(self, size: int) -> None:
        """Days that are too many for the room go, today's stay."""
        files = self._files()
        while sum(map(_size, files)) + size > self._bytes_max:
            if len(files) < 2:
                raise ShelfFull(f"{self._folder} is full: raise fetcher.raw_megabytes")
            _remove(files.pop(0))

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("????-??-??.db"))

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


class Keeper:
    """Puts answers on the shelf; what cannot be kept is counted and told, and stops nothing."""

    def __init__(self, shelf: Shelf, key: Secret) -> None:
        self._shelf = shelf
        self._key = key.reveal().encode()
        self._lock = threading.Lock()
        self.lost = 0

    def keep(self, raw: RawAnswer, call: SourceCalled) -> str:
        """Keep the answer, unless it holds the key; gives the reason where it is not kept."""
        if self._key and (self._key in raw.body or self._key in raw.url.encode()):
            return self._told(call, "it holds the key")
        try:
            self._shelf.keep(raw, call)
        except (OSError, sqlite3.Error) as error:
            return self._told(call, f"{type(error).__name__}: {error}")
        return ""

    def _told(self, call: SourceCalled, reason: str) -> str:
        """Say it at the first time, the second, the fourth, ...: a full disk fails every time."""
        with self._lock:
            self.lost += 1
            lost = self.lost
        if lost & (lost - 1) == 0:
            words = {"source": call.source, "ticker": call.ticker, "reason": reason}
            log.error("raw.not_kept", times=lost, **words)
        return reason


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in _parts(path) if one.exists())


def _remove(path: Path) -> None:
    for part in _parts(path):
        part.unlink(missing_ok=True)


def _parts(path: Path) -> tuple[Path, Path, Path]:
    return path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")
