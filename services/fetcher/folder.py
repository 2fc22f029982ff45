"""The operator's own folder of bars: finds a file by its names, and knows which ones changed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import msgspec

from bus.saving import replace_file
from services.fetcher.raw import RawAnswer

NAME, ZONE, CHANGED = "name", "zone", "changed"
"""What comes with a file's bytes; it is ``changed`` where it was never read as it is now."""

FILES_MAX = 20_000

PARQUET = "application/vnd.apache.parquet"
TYPES = {".csv": "text/csv", ".parquet": PARQUET}


class NoFolder(OSError):
    """The folder that was set is not there."""


class Folder(Protocol):
    """A port: files of bars by their names."""

    def read(self, names: Sequence[str], bytes_max: int) -> RawAnswer | None:
        """The first of these files that is there, in any case; raises `OSError`."""


class OwnFolder:
    """The files of one folder; what was read is remembered in a small file beside the snapshots."""

    def __init__(self, folder: Path | None, zone: str, memory: Path) -> None:
        self._folder = folder
        self._zone = zone
        self._memory = memory
        self._lock = threading.Lock()
        self._digests: dict[str, str] | None = None

    def read(self, names: Sequence[str], bytes_max: int) -> RawAnswer | None:
        """The first of these files that is there; one byte more than the bound, if it is larger."""
        if self._folder is None or not self._folder.is_dir():
            raise NoFolder(f"there is no folder {self._folder}: mend fetcher.files_folder")
        path = self._find(names)
        if path is None:
            return None
        with path.open("rb") as file:
            body = file.read(bytes_max + 1)
        headers = {"content-type": TYPES[path.suffix.lower()], NAME: path.name, ZONE: self._zone}
        raw = RawAnswer(200, headers, body, path.name)
        if self._is_new(path.name, raw.digest):
            return msgspec.structs.replace(raw, headers=headers | {CHANGED: "yes"})
        return raw

    def _find(self, names: Sequence[str]) -> Path | None:
        listed = islice(self._folder.iterdir() if self._folder else (), FILES_MAX)
        there = {path.name.lower(): path for path in listed}
        found = (there.get(name.lower()) for name in names)
        return next((path for path in found if path is not None and path.is_file()), None)

    def _is_new(self, name: str, digest: str) -> bool:
        with self._lock:
            known = self._known()
            if known.get(name) == digest:
                return False
            known[name] = digest
            replace_file(self._memory, msgspec.json.encode(known))
            return True

    def _known(self) -> dict[str, str]:
        if self._digests is None:
            try:
                self._digests = msgspec.json.decode(self._memory.read_bytes(), type=dict[str, str])
            except (OSError, msgspec.MsgspecError):
                self._digests = {}  # never read anything, or nothing that is known of it
        return self._digests
