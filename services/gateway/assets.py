"""Fetches the page's chart library, pinned by hash: ``python -m services.gateway.assets``.

The project holds none of its code. npm and pip both carry the same bytes; whichever is there is
asked, with the user's own settings for where packages come from, and the file goes into a cache.
The page works without it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

LOCK = Path(__file__).parent / "assets.lock.json"
FETCH_SECONDS = 60.0


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A package that carries the library, and the file inside it."""

    by: Literal["npm", "pip"]
    package: str
    member: str


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one file wanted, by its hash, and who carries it."""

    name: str
    version: str
    sha256: str
    licence: str
    sources: tuple[Source, ...]


class NotFetched(Exception):
    """A source did not bring the file; the text says why."""


def chart_library(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The library in the cache, None while it is not there or not what the lock says."""
    lock = read_lock()
    path = cached(lock, environ)
    return path if path.exists() and _digest(path.read_bytes()) == lock.sha256 else None


def read_lock(path: Path = LOCK) -> Lock:
    """The lock file."""
    return msgspec.json.decode(path.read_bytes(), type=Lock)


def cached(lock: Lock, environ: Mapping[str, str]) -> Path:
    """Where the library is kept: the user's cache if there is one, else beside the packages."""
    cache = environ.get("XDG_CACHE_HOME")
    folder = Path(cache) if cache else Path(sys.prefix) / "share"
    return folder / "tapedeck" / f"{lock.name}-{lock.version}.js"


def fetch(lock: Lock, path: Path) -> list[str]:
    """Bring the library to the path from the first source that has it; why each other had not."""
    reasons = []
    for source in lock.sources:
        try:
            data = _brought(source)
        except NotFetched as reason:
            reasons.append(f"{source.package}: {reason}")
            continue
        if _digest(data) == lock.sha256:
            _write(path, data)
            return []
        reasons.append(f"{source.package}: its file is not the one that {LOCK.name} names")
    return reasons


def main(arguments: list[str] | None = None) -> int:
    """Fetch the library unless it is there; without ``--strict`` a failure is said and is none."""
    parser = argparse.ArgumentParser(prog="python -m services.gateway.assets", description=__doc__)
    parser.add_argument("--strict", action="store_true", help="fail when it cannot be fetched")
    strict = parser.parse_args(arguments).strict
    if chart_library() is not None:
        return 0
    lock = read_lock()
    reasons = fetch(lock, cached(lock, os.environ))
    if not reasons:
        return 0
    sys.stderr.write(
        f"The page draws simple charts, as {lock.name} could not be fetched ({'; '.join(reasons)}):"
        " try again with: make web\n"
    )
    return 1 if strict else 0


def _brought(source: Source) -> bytes:
    """The member of the package that the tool downloads; raises `NotFetched`."""
    with tempfile.TemporaryDirectory() as folder:
        _run(_command(source), Path(folder))
        archives = sorted(Path(folder).iterdir())
        try:
            return _member(archives[0], source.member)
        except (IndexError, KeyError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise NotFetched(f"the package holds no {source.member}") from error


def _command(source: Source) -> list[str]:
    if source.by == "npm":
        return ["npm", "pack", source.package, "--silent"]
    # The environment that make builds holds no pip; the Python it was made from does.
    python = getattr(sys, "_base_executable", sys.executable)
    return [python, "-m", "pip", "download", "--quiet", "--no-deps", source.package]


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=FETCH_SECONDS)
    except FileNotFoundError as error:
        raise NotFetched(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise NotFetched(f"nothing came within {FETCH_SECONDS:g} s") from error
    except subprocess.CalledProcessError as error:
        raise NotFetched(f"{command[0]} failed with {error.returncode}") from error


def _member(archive: Path, member: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    with tarfile.open(archive) as package:
        file = package.extractfile(member)
        if file is None:
            raise KeyError(member)
        return file.read()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: two runs may fetch at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(name).replace(path)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
