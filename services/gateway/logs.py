"""``./tapedeck log``: the structured log of all services, by time, and what comes after."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Any

import click
import msgspec

from bus.actor import Refused
from config.settings import Settings
from services.gateway.arguments import LogWanted

FILE_BYTES_MAX = 4 << 20
"""Read from the end of each file; older lines are for other tools."""
POLL_SECONDS = 0.25

_LEVELS = ("debug", "info", "warning", "error", "critical")
_HEAD = ("timestamp", "level", "service", "event")

Line = dict[str, Any]


def run(settings: Settings, wanted: LogWanted, *, as_json: bool) -> int:
    """Print the last lines, and with ``follow`` those to come, until Ctrl-C."""
    files = log_files(settings.logs_dir, wanted.service)
    if not files:
        where = f"{wanted.service or 'any service'} has no log in {settings.logs_dir}"
        raise Refused("not_found", where, "start the deck with: make run")
    cursors = {path: path.stat().st_size for path in files}
    shown = [line for line in last_lines(files) if wants(wanted, line)]
    _print(islice(shown, max(len(shown) - wanted.lines, 0), None), as_json)
    while wanted.follow:
        time.sleep(POLL_SECONDS)
        files = log_files(settings.logs_dir, wanted.service)
        _print((line for line in new_lines(files, cursors) if wants(wanted, line)), as_json)
    return 0


def log_files(folder: Path, service: str) -> list[Path]:
    """The log files of a service, or of all; today's and those put away."""
    names = {path.name.split(".")[0] for path in folder.glob("*.jsonl")}
    chosen = {service} & names if service else names
    return sorted(path for name in chosen for path in folder.glob(f"{name}.*jsonl"))


def last_lines(files: Iterable[Path]) -> Iterator[Line]:
    """The last lines of the files, by time."""
    yield from merge(*map(_tail, files), key=lambda line: str(line.get("timestamp", "")))


def new_lines(files: Iterable[Path], cursors: dict[Path, int]) -> list[Line]:
    """The whole lines written since; ``cursors`` (bytes read of each file) move on."""
    lines: list[Line] = []
    for path in files:
        cursor = cursors.get(path, 0)
        if path.stat().st_size < cursor:  # a new day's file has taken the name
            cursor = 0
        with path.open("rb") as file:
            file.seek(cursor)
            data = file.read(FILE_BYTES_MAX)
        end = data.rfind(b"\n") + 1
        cursors[path] = cursor + end
        lines.extend(map(_line, data[:end].splitlines()))
    return sorted(lines, key=lambda line: str(line.get("timestamp", "")))


def wants(wanted: LogWanted, line: Line) -> bool:
    """Whether the line is of the wanted level or above; one that cannot be read always is."""
    level = line.get("level")
    return level not in _LEVELS or _LEVELS.index(level) >= _LEVELS.index(wanted.level.lower())


def text(line: Line) -> str:
    """A line for people: its time, level, service and event, then its values."""
    head = f"{line.get('timestamp', '')}  {line.get('level', ''):<8} {line.get('service', '')}"
    rest = " ".join(f"{k}={v}" for k, v in line.items() if k not in {*_HEAD, "pid"})
    return f"{head}  {line.get('event', '')}  {rest}".rstrip()


def _print(lines: Iterable[Line], as_json: bool) -> None:
    for line in lines:
        click.echo(msgspec.json.encode(line).decode() if as_json else text(line))


def _tail(path: Path) -> deque[Line]:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - FILE_BYTES_MAX, 0))
        lines = file.read(FILE_BYTES_MAX).splitlines()
    return deque(map(_line, lines[1:] if size > FILE_BYTES_MAX else lines))


def _line(data: bytes) -> Line:
    try:
        return msgspec.json.decode(data, type=Line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"event": data.decode("utf-8", "replace")}
