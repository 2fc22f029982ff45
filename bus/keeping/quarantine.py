"""Moves a damaged tape aside, whole, and goes on with what of it is sound."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from bus.keeping.copying import remove, stamp
from bus.keeping.forking import Epochs, fork
from bus.keeping.inspection import Inspection, Tables
from bus.keeping.replacing import replace_tape, successor_of
from bus.keeping.verify import Report, examine, report_of
from bus.keeping.watching import Probe, Progress, unwatched

BY = "./tapedeck verify --quarantine"


class Quarantined(msgspec.Struct, frozen=True):
    """What was moved where, and the tape that goes on (an empty id: the next start makes one).

    ``kept`` events are on it, ``lost`` were acknowledged and are not.
    """

    folder: str
    tape_id: str
    kept: int
    lost: int
    report: Report


def quarantine(
    tape: Path,
    states: Iterable[Path],
    now_seconds: float,
    progress: Progress = unwatched,
    reached: Probe = unwatched,
) -> Quarantined | None:
    """Put a tape with all that is sound in the place of a damaged one; None for a sound one.

    The deck must be stopped. ``states`` are folded from the damaged tape, and go with it. Raises
    `CannotRun`, `StorageFailed`; then, and after a kill, it can be run again.
    """
    tables, inspection = examine(tape, progress)
    if not inspection.found:
        return None
    tape_id = _succeed(tape, tables, inspection, now_seconds)
    reached("made")
    report = report_of(tape, tables, inspection)
    folder = replace_tape(tape, states, stamp(now_seconds), BY, report, reached)
    kept = inspection.sound_to - tables.begins.after if tape_id else 0
    lost = report.kept_to - tables.begins.after - kept
    return Quarantined(str(folder), tape_id, kept, lost, report)


def _succeed(tape: Path, tables: Tables, inspection: Inspection, now_seconds: float) -> str:
    """Make the tape that goes on; gives its id, or nothing if nothing is sound."""
    successor = successor_of(tape)
    remove(successor)
    if inspection.sound_to == tables.begins.after:
        return ""
    epochs = Epochs(now_seconds)
    epochs.heed(tables.marks)
    return fork(tape, successor, tables.begins, inspection.sound_to, epochs)
