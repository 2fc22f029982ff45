"""``python -m tests.torture.page REPORT.json PAGE.md``: a torture report as a page to be read."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import msgspec

from bench import machine
from tests.torture.report import Row, table

_HEAD = """\
# What the torture found

*Written from a run of everything in one piece, which takes about an hour on two busy cores:*

    make torture ARGS="--torture-report torture.json"
    python -m tests.torture.page torture.json docs/torture.md

Kills are processes ended by SIGKILL. Faults are whatever else was done: frames lost, doubled,
delayed and reordered, connections cut, processes stopped, bits flipped, bytes cut off, disks that
refuse or lose their power, garbage sent. *Silently wrong* counts states, answers or records that
differ from the tape, or from what was written, and that nobody complained of. What each promise
means, and which test shows it, is in [guarantees.md](guarantees.md).
"""


def page(rows: list[Row], where: str) -> str:
    """The page: what was run on which machine, and the table."""
    lines = "\n".join(f"    {line}".rstrip() for line in table(rows))
    return f"{_HEAD}\n{where}\n\n{lines}\n"


def main(report: str, out: str) -> None:
    """Write the page of a report that was made on this machine."""
    rows = msgspec.json.decode(Path(report).read_bytes(), type=list[Row])
    here = machine.look(Path(tempfile.gettempdir()), machine.installed(("pyzmq",)), machine.load())
    where = (
        f"{here.processor}, {here.cores} cores, {here.kernel}, files on {here.filesystem};"
        f" Python {here.versions['Python']}, pyzmq {here.versions['pyzmq']}."
    )
    Path(out).write_text(page(rows, where), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
