"""A bench as people read it: tables of figures and of cases, aligned or in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

import msgspec

from bench.cases import Case, Sample
from bench.figures import Figure, Missing, Outcome, Outcomes, Row, row_of
from bench.machine import Machine

Table = list[list[str]]
"""Rows of cells; the first is the head."""

FIGURE_HEAD = ["figure", "unit", "ours", "peer", "ratio", "min–max", "target", "reached"]
CASE_HEAD = ["case", "unit", "median", "min–max", "server", "producer", "subscriber", "process"]
NOTE_HEAD = ["case", "besides"]
ROLES = ("server", "producer", "subscriber", "process")
_UNITS = {"_us": " µs", "_mb": " MB", "_per_second": "/s", "_seconds": " s"}


class Report(msgspec.Struct, frozen=True):
    """Everything a bench measured."""

    machine: Machine
    rounds: int
    events: int
    figures: list[Row]
    outcomes: Outcomes

    @property
    def missing(self) -> list[str]:
        """Why some cases gave no sample in some round, each reason once."""
        reasons = {
            outcome.reason
            for outcomes in self.outcomes.values()
            for outcome in outcomes
            if isinstance(outcome, Missing)
        }
        return sorted(reasons)


def rows_of(figures: Iterable[Figure], outcomes: Outcomes) -> list[Row]:
    """The rows of all figures whose cases were run."""
    return [row for figure in figures if (row := row_of(figure, outcomes)) is not None]


def figure_table(rows: Sequence[Row]) -> Table:
    """The figures, one a row."""
    return [FIGURE_HEAD, *map(_figure_cells, rows)]


def case_table(cases: Sequence[Case], outcomes: Outcomes) -> Table:
    """All cases that were run: medians, with the CPU microseconds an event of each process."""
    return [
        CASE_HEAD,
        *(_case_cells(case, outcomes[case.name]) for case in cases if case.name in outcomes),
    ]


def note_table(cases: Sequence[Case], outcomes: Outcomes) -> Table:
    """What the cases tell besides, as medians."""
    noted = [(case, _samples(outcomes[case.name])) for case in cases if case.name in outcomes]
    rows = [[case.label, _notes(samples)] for case, samples in noted if samples]
    return [NOTE_HEAD, *(row for row in rows if row[1])]


def aligned(table: Table) -> str:
    """The table in columns for a terminal."""
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]])


def markdown(table: Table) -> str:
    """The table in Markdown."""
    head, *rows = (f"| {' | '.join(row)} |" for row in table)
    return "\n".join([head, "|---" * len(table[0]) + "|", *rows])


def number(value: float | None) -> str:
    """Three figures that count, thousands apart; nothing for None."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _figure_cells(row: Row) -> list[str]:
    if row.missing:
        return [row.text, row.unit, _kind(row.missing), "", "", "", row.target, ""]
    return [
        row.text,
        row.unit,
        number(row.ours),
        number(row.peer),
        number(row.ratio),
        f"{number(row.low)}–{number(row.high)}",
        row.target,
        {True: "yes", False: "no", None: ""}[row.reached],
    ]


def _case_cells(case: Case, outcomes: Sequence[Outcome]) -> list[str]:
    samples = _samples(outcomes)
    if not samples:
        kinds = [_kind(outcome.reason) for outcome in outcomes if isinstance(outcome, Missing)]
        return [case.label, case.unit, *kinds[:1], *[""] * (len(CASE_HEAD) - 3)]
    values = [sample.value for sample in samples]
    return [
        case.label,
        case.unit,
        number(statistics.median(values)),
        f"{number(min(values))}–{number(max(values))}",
        *(number(_median(sample.cpu_us.get(role) for sample in samples)) for role in ROLES),
    ]


def _kind(reason: str) -> str:
    """Absent or failed; the whole reason is told once, below the tables."""
    return reason.partition(":")[0]


def _notes(samples: Sequence[Sample]) -> str:
    names = samples[0].notes
    return ", ".join(told(name, _median(s.notes.get(name) for s in samples)) for name in names)


def told(name: str, value: float | None) -> str:
    """A note as words: its name, its number, its unit."""
    for suffix, unit in _UNITS.items():
        if name.endswith(suffix):
            return f"{name.removesuffix(suffix).replace('_', ' ')} {number(value)}{unit}"
    return f"{name.replace('_', ' ')} {number(value)}"


def _samples(outcomes: Sequence[Outcome]) -> list[Sample]:
    return [outcome for outcome in outcomes if isinstance(outcome, Sample)]


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
