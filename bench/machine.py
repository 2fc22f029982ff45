"""The machine a bench was run on, as far as figures depend on it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """What it is, how busy it was, and the versions of what was measured."""

    processor: str
    cores: int
    memory_gb: float
    kernel: str
    filesystem: str
    versions: dict[str, str]
    load_before: float
    load_after: float


def load() -> float:
    """Processes that ran or wanted to, averaged over the last minute."""
    return round(os.getloadavg()[0], 1)


def look(folder: Path, versions: dict[str, str], load_before: float) -> Machine:
    """The machine as it is now, with the file system that the folder lies on."""
    return Machine(
        processor=_first(Path("/proc/cpuinfo"), "model name"),
        cores=os.cpu_count() or 1,
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        kernel=f"{platform.system()} {platform.release()}",
        filesystem=filesystem(folder),
        versions={"Python": platform.python_version(), **versions},
        load_before=load_before,
        load_after=load(),
    )


def installed(packages: Sequence[str]) -> dict[str, str]:
    """The versions of the packages that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def filesystem(folder: Path) -> str:
    """The kind of file system that holds the folder (on tmpfs a sync costs nothing)."""
    path = str(folder.resolve())
    kind, longest = "unknown", 0
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, mount, name, *_ = line.split()
        inside = path == mount or path.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= longest:
            kind, longest = name, len(mount)
    return kind


def _first(path: Path, field: str) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return platform.machine()
