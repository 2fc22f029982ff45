"""Interleaved rounds: every case once in each, so that a busy minute troubles all of them alike."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench.cases import Case, Room, Sample
from bench.figures import Missing, Outcome
from bench.server import Absent


def chosen(cases: Sequence[Case], only: Sequence[str], *, long: bool) -> list[Case]:
    """The cases that are named, by their own name or their group's; all without a name.

    A long case is run when ``long`` is set or it is named. Raises `KeyError` for an unknown name.
    """
    names = {case.name for case in cases} | {case.group for case in cases}
    for name in only:
        if name not in names:
            raise KeyError(name)
    return [
        case
        for case in cases
        if case.name in only or ((not only or case.group in only) and (long or not case.long))
    ]


def run(cases: Sequence[Case], rounds: int, room: Room) -> dict[str, list[Outcome]]:
    """Run all cases once a round, every other round backwards; progress goes to stderr."""
    outcomes: dict[str, list[Outcome]] = {case.name: [] for case in cases}
    for number in range(rounds):
        for case in cases if number % 2 == 0 else reversed(cases):
            sys.stderr.write(f"round {number + 1}/{rounds}  {case.name}\n")
            outcome = _run(case, room)
            outcomes[case.name].append(outcome)
            sys.stderr.write(f"  {_told(case, outcome)}\n")
    return outcomes


def _run(case: Case, room: Room) -> Outcome:
    try:
        return case.run(room)
    except Absent as absent:
        return Missing(f"absent: {absent}")
    except Exception as error:  # noqa: BLE001 - the edge of a case: it is told, and others are run
        return Missing(f"failed: {case.name} ({error!r})")


def _told(case: Case, outcome: Outcome) -> str:
    if isinstance(outcome, Sample):
        return f"{outcome.value:,.1f} {case.unit}"
    return outcome.reason
