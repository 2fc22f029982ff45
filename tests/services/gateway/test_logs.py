"""The log on the command line."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from services.gateway.arguments import LogWanted
from services.gateway.cli import tapedeck
from services.gateway.logs import Line, log_files, new_lines, text, wants


def line(second: int, level: str = "info", service: str = "cache", **more: object) -> Line:
    time = f"2026-11-21T12:00:{second:02}.000Z"
    return {"timestamp": time, "level": level, "service": service, "event": "a.b", **more}


def write(folder: Path, name: str, *lines: Line) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        for entry in lines:
            file.write(msgspec.json.encode(entry) + b"\n")
    return path


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    write(folder, "cache.2026-11-20.jsonl", line(0, day="before"))
    write(folder, "cache.jsonl", line(1), line(3, "error", took_ms=5))
    write(folder, "bus.jsonl", line(2, service="bus"), line(4, "debug", service="bus"))
    return folder


def typed(logs: Path, *words: str) -> Result:
    return CliRunner().invoke(tapedeck, ["log", *words], env={"TAPEDECK_HOME": str(logs.parent)})


def test_the_last_lines_of_all_services_come_by_time(logs: Path) -> None:
    shown = typed(logs, "--lines", "3").stdout.splitlines()
    assert shown == [
        "2026-11-21T12:00:01.000Z  info     cache  a.b",
        "2026-11-21T12:00:02.000Z  info     bus  a.b",
        "2026-11-21T12:00:03.000Z  error    cache  a.b  took_ms=5",
    ]


def test_lines_are_picked_by_service_and_by_level(logs: Path) -> None:
    assert len(typed(logs, "cache").stdout.splitlines()) == 3
    assert typed(logs, "--level", "ERROR").stdout.splitlines()[0].split()[1] == "error"
    assert len(typed(logs, "--level", "DEBUG").stdout.splitlines()) == 5


def test_json_lines_come_as_they_are(logs: Path) -> None:
    shown = typed(logs, "bus", "--json").stdout.splitlines()
    assert list(map(msgspec.json.decode, shown)) == [line(2, service="bus")]


def test_a_service_without_a_log_is_told(logs: Path) -> None:
    result = typed(logs, "nobody")
    assert result.exit_code == 1
    assert "make run" in result.stderr


def test_only_whole_new_lines_are_read_and_a_new_days_file_from_its_beginning(logs: Path) -> None:
    path = logs / "cache.jsonl"
    cursors = {path: path.stat().st_size}
    write(logs, "cache.jsonl", line(5))
    with path.open("ab") as file:
        file.write(b'{"event": "half')
    assert new_lines([path], cursors) == [line(5)]
    assert new_lines([path], cursors) == []
    with path.open("ab") as file:
        file.write(b' and whole"}\n')
    assert new_lines([path], cursors) == [{"event": "half and whole"}]
    path.unlink()
    write(logs, "cache.jsonl", line(6))
    assert new_lines([path], cursors) == [line(6)]


def test_a_line_that_is_no_json_is_shown_all_the_same(logs: Path) -> None:
    (logs / "bus.jsonl").write_text("Segmentation fault\n")
    assert "Segmentation fault" in typed(logs, "bus").stdout
    assert wants(LogWanted(level="ERROR"), {"event": "Segmentation fault"})


def test_the_files_put_away_belong_to_their_service(logs: Path) -> None:
    names = [path.name for path in log_files(logs, "cache")]
    assert names == ["cache.2026-11-20.jsonl", "cache.jsonl"]


def test_the_process_id_is_for_programs() -> None:
    assert "pid" not in text(line(1, pid=42))
