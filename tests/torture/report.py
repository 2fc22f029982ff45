"""The torture report: a row for each scenario with what was done to it and what it did wrong.

A test calls `record`; its rows travel with its result (from a worker of pytest-xdist too), and
`tests/conftest.py` prints one table at the end, and writes it as JSON where
``--torture-report=FILE`` says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

PROPERTY = "torture"
"""The name under which a row travels with its test's result."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one scenario did and found; rows of the same scenario are added together.

    ``kills`` are processes ended by SIGKILL, ``faults`` whatever else was done: lost frames, cut
    connections, stopped processes, flipped bits. ``silently_wrong`` counts states, answers or
    records that differ from the tape, or from what was written, and that nobody complained of.
    """

    scenario: str
    kills: int = 0
    faults: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    silently_wrong: int = 0
    resends: int = 0
    seconds: float = 0.0


_rows: list[Row] = []


def record(scenario: str, **counts: float) -> Row:
    """Put a row into the report; the counts are the fields of `Row`. Call it before asserting."""
    row = msgspec.convert({"scenario": scenario, **counts}, Row)
    _rows.append(row)
    return row


def recorded() -> list[tuple[str, dict[str, Any]]]:
    """The rows since the last call, as properties of a test's result."""
    rows, _rows[:] = _rows[:], []
    return [(PROPERTY, msgspec.to_builtins(row)) for row in rows]


def rows_of(properties: Iterable[tuple[str, object]]) -> list[Row]:
    """The rows among the properties of all results, one for each scenario, by name."""
    rows: dict[str, Row] = {}
    for name, value in properties:
        if name == PROPERTY:
            row = msgspec.convert(value, Row)
            known = rows.get(row.scenario)
            rows[row.scenario] = _sum(known, row) if known else row
    return [rows[scenario] for scenario in sorted(rows)]


def table(rows: list[Row]) -> list[str]:
    """The report as lines of text: a head, the rows, and their sum."""
    names = [name.replace("_", " ") for name in Row.__struct_fields__]
    total = msgspec.structs.replace(rows[0], scenario="together")
    for row in rows[1:]:
        total = _sum(total, row)
    cells = [names, *(_cells(row) for row in (*rows, total))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(_aligned(line, widths)) for line in cells]


def as_json(rows: list[Row]) -> bytes:
    """The report for other programs."""
    return msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n"


def _sum(one: Row, other: Row) -> Row:
    counts = Row.__struct_fields__[1:]
    sums = {name: getattr(one, name) + getattr(other, name) for name in counts}
    return msgspec.structs.replace(one, **sums)


def _cells(row: Row) -> list[str]:
    scenario, *counts, seconds = msgspec.structs.astuple(row)
    return [scenario, *(f"{count:,}" for count in counts), f"{seconds:.1f}"]


def _aligned(line: list[str], widths: list[int]) -> Iterable[str]:
    yield line[0].ljust(widths[0])
    yield from (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
