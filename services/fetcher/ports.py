"""The ports of the collector's effects: the web, the child, the home's small files."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bus.clock import SystemClock
from bus.saving import replace_file
from config.settings import Secret, Settings
from services.fetcher.child.client import Child, ChildProcess
from services.fetcher.folder import Folder, OwnFolder
from services.fetcher.http import Http, get
from services.fetcher.shelf import DayShelf, Keeper
from services.fetcher.stream.port import Trades


class Files(Protocol):
    """A port: small files that are replaced as a whole."""

    def save(self, name: str, body: bytes, at_us: int) -> None:
        """Replace the file, unless a later state of it is there; raises `OSError`."""


@dataclass(frozen=True)
class Ports:
    """All that the effects of the collector touch."""

    http: Http
    finnhub_key: Secret
    child: Child
    files: Files
    folder: Folder
    keeper: Keeper
    trades: Trades


class HomeFiles:
    """Files in the home, replaced atomically: a reader sees the old one or the new one."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._written_us: dict[str, int] = {}

    def save(self, name: str, body: bytes, at_us: int) -> None:
        """Replace the file, unless a later state of it was written by this process."""
        with self._lock:
            if at_us < self._written_us.get(name, 0):
                return
            replace_file(self._home / name, body)
            self._written_us[name] = at_us


def real_ports(settings: Settings) -> Ports:
    """The ports of a running collector; nothing is started before it is needed."""
    from services.fetcher.stream.finnhub import FinnhubTrades  # it reads what the sources read

    fetcher = settings.fetcher
    memory = settings.state_dir / "files_read.json"
    bytes_max = fetcher.raw_megabytes * 1_000_000
    shelf = DayShelf(settings.raw_dir, fetcher.raw_days, bytes_max, lambda: time.time_ns() // 1_000)
    return Ports(
        http=get,
        finnhub_key=settings.finnhub_api_key,
        child=ChildProcess(settings.home / "yfinance"),
        files=HomeFiles(settings.home),
        folder=OwnFolder(settings.files_folder, fetcher.files_zone, memory),
        keeper=Keeper(shelf, settings.finnhub_api_key),
        trades=FinnhubTrades(settings.finnhub_api_key, SystemClock()),
    )
