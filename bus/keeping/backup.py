"""Copies a whole tape to a file of its own, also while the deck runs, and verifies the copy."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from bus.actor import Refused
from bus.errors import StorageFailed, TapeDamaged
from bus.keeping.copying import TapeCopy, remove, stamp, sync
from bus.keeping.inspection import Finding, Inspection, Tables
from bus.keeping.verify import CannotRun, examine, read_tables
from bus.keeping.watching import Probe, Progress, first_half, second_half, unwatched
from bus.tapefile import REMEDY, connect_to_read
from bus.witness import attest


class Backup(msgspec.Struct, frozen=True):
    """A copy that was verified: the events from ``first`` to ``head``, the last one's seal."""

    path: str
    tape_id: str
    first: int
    head: int
    events: int
    at_us: int
    bytes: int
    seal: str


def back_up(
    tape: Path,
    to: Path,
    now_seconds: float,
    progress: Progress = unwatched,
    reached: Probe = unwatched,
) -> Backup:
    """Copy the tape as far as it reaches now, to a file, or into a folder named after its instant.

    The copy lies beside its place until it is verified and on the disk. Raises `Refused` where a
    file is there already, `TapeDamaged` for a tape that is not sound, `StorageFailed`, `CannotRun`.
    """
    tables = _tables(tape)
    target = to / f"tape-{stamp(now_seconds)}-{tables.head}.db" if to.is_dir() else to
    _check_absence(target)
    neighbour = target.with_name(f"{target.name}.new")
    try:
        _copy(tape, neighbour, tables, first_half(progress))
        reached("copied")
        inspection = verified(neighbour, tape, second_half(progress))
        reached("verified")
        size = neighbour.stat().st_size
        _put_in_place(neighbour, target, tables.head, inspection.seal)
    finally:
        remove(neighbour)
    reached("in place")
    return Backup(
        path=str(target),
        tape_id=str(tables.meta["tape_id"]),
        first=tables.begins.after + 1,
        head=tables.head,
        events=inspection.records,
        at_us=inspection.at_us,
        bytes=size,
        seal=inspection.seal.hex(),
    )


def verified(copy: Path, of: Path, progress: Progress = unwatched) -> Inspection:
    """What a copy holds; raises `TapeDamaged` if it is not sound, since then the original is not.

    A fault of the copying disk is found here too, and told as what it is: a row that is not whole.
    """
    _, inspection = examine(copy, progress)
    if inspection.found:
        raise damage(of, inspection.findings)
    return inspection


def damage(path: Path, findings: Sequence[Finding], remedy: str = REMEDY) -> TapeDamaged:
    """The error for a file that is not sound: it names the first finding."""
    seq, what = findings[0].seq, findings[0].what
    return TapeDamaged(f"{path} is damaged: {f'seq {seq} ' if seq else ''}{what}", remedy)


def _tables(tape: Path) -> Tables:
    if not tape.is_file() or not tape.stat().st_size:
        raise CannotRun(f"there is no tape {tape}", "set TAPEDECK_HOME, or start the deck once")
    faults: list[Finding] = []
    with closing(connect_to_read(tape)) as db:
        tables = read_tables(db, tape, faults)
    if tables.witnessed > tables.head:
        text = f"ends at seq {tables.head}, though all up to seq {tables.witnessed} was kept"
        faults.append(Finding(0, text))
    if faults:
        raise damage(tape, faults)
    return tables


def _check_absence(target: Path) -> None:
    if target.exists():
        raise Refused("file_exists", f"{target} is there already", "name another file")


def _copy(tape: Path, neighbour: Path, tables: Tables, progress: Progress) -> None:
    with TapeCopy(neighbour) as copy:
        copy.take_events(tape, tables.begins.after, tables.head, progress)
        if tables.begins.after:
            copy.take_kept(tape)
        copy.finish(tables)


def _put_in_place(neighbour: Path, target: Path, head: int, seal: bytes) -> None:
    """The witness first: a backup that is there is complete."""
    try:
        attest(target, head, seal)
        _check_absence(target)  # somebody may have been faster
        neighbour.rename(target)
        sync(target.parent)
    except OSError as error:
        raise StorageFailed(
            f"{target} cannot be written ({error})", "name a place that can be written"
        ) from error
