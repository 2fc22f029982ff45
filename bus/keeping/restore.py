"""Puts a backup in the place of the present tape, which is moved to quarantine with its states.

What the present tape said after the backup will not be on the tape, and what is said from then on
takes the same seqs. So the restored tape has a new name: whoever remembers later events of the old
one is told (`LogRegressed`) and does not take the new ones for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from bus.actor import Refused
from bus.errors import BusError
from bus.keeping.backup import damage
from bus.keeping.copying import stamp
from bus.keeping.forking import Epochs, fork
from bus.keeping.replacing import replace_tape, successor_of
from bus.keeping.verify import examine
from bus.keeping.watching import Probe, Progress, unwatched
from bus.reading import TapeReader
from bus.tape import Mark
from bus.tapefile import UNREADABLE, connect_to_read


class Present(msgspec.Struct, frozen=True):
    """The tape that would be replaced.

    ``newer`` of its events, recorded since ``newer_since_us``, are not in the backup; where it has
    another history (not ``same``) these are all. ``problem`` says why it cannot be read.
    """

    tape_id: str = ""
    head: int = 0
    at_us: int = 0
    same: bool = False
    newer: int = 0
    newer_since_us: int = 0
    problem: str = ""


class Offer(msgspec.Struct, frozen=True):
    """A backup that was verified, what it would replace, and what would be built again from it."""

    source: str
    tape_id: str
    first: int
    head: int
    events: int
    at_us: int
    present: Present | None
    states: tuple[str, ...]


class Restored(msgspec.Struct, frozen=True):
    """The tape that is in place now, and the folder in which what it replaced lies."""

    tape_id: str
    head: int
    events: int
    folder: str
    replaced: Present | None


def offer(
    source: Path, tape: Path, states: Sequence[Path], progress: Progress = unwatched
) -> Offer:
    """Verify the backup and say what it would replace; nothing is changed.

    Raises `Refused`, `TapeDamaged` for a backup that is not sound, `CannotRun`.
    """
    if source.exists() and tape.exists() and source.samefile(tape):
        raise Refused("bad_argument", f"{source} is the tape itself", "name a backup")
    tables, inspection = examine(source, progress)
    if inspection.found:
        raise damage(source, inspection.findings)
    return Offer(
        source=str(source),
        tape_id=str(tables.meta["tape_id"]),
        first=tables.begins.after + 1,
        head=tables.head,
        events=inspection.records,
        at_us=inspection.at_us,
        present=_present(tape, source, tables.head) if tape.exists() else None,
        states=tuple(
            str(path.relative_to(tape.parent))
            for folder in states
            for path in sorted(folder.glob("*"))
        ),
    )


def restore(
    wanted: Offer,
    tape: Path,
    states: Sequence[Path],
    now_seconds: float,
    progress: Progress = unwatched,
    reached: Probe = unwatched,
) -> Restored:
    """Do what was offered; the deck must be stopped.

    Raises `StorageFailed`, `TapeDamaged`; then, and after a kill, it can be run again.
    """
    source = Path(wanted.source)
    epochs = Epochs(now_seconds)
    for path in (source, tape):
        _heed(path, epochs)
    with closing(TapeReader(source)) as reader:
        begins = reader.begins()
    tape_id = fork(source, successor_of(tape), begins, wanted.head, epochs, progress)
    reached("made")
    by = f"./tapedeck restore {wanted.source}"
    folder = replace_tape(tape, states, stamp(now_seconds), by, wanted, reached)
    return Restored(tape_id, wanted.head, wanted.events, str(folder), wanted.present)


def _present(tape: Path, source: Path, head: int) -> Present:
    try:
        with closing(TapeReader(tape)) as reader, closing(TapeReader(source)) as backup:
            return _compared(reader, backup, head)
    except BusError as error:
        return Present(problem=error.message)


def _compared(tape: TapeReader, backup: TapeReader, backup_head: int) -> Present:
    head = tape.head()
    shared = min(head, backup_head)
    same = tape.seal(shared) is not None and tape.seal(shared) == backup.seal(shared)
    first_newer = (backup_head if same else tape.begins().after) + 1
    newer = tape.get([first_newer]) if first_newer <= head else []
    last = tape.get([head]) if head else []
    return Present(
        tape_id=tape.tape_id(),
        head=head,
        at_us=last[0].at_us if last else 0,
        same=same,
        newer=max(head - first_newer + 1, 0),
        newer_since_us=newer[0].at_us if newer else 0,
    )


def _heed(tape: Path, epochs: Epochs) -> None:
    """The producers of a tape, as far as they can be read."""
    if not tape.exists():
        return
    try:
        with closing(connect_to_read(tape)) as db:
            rows = db.execute("SELECT producer, epoch FROM mark").fetchall()
        epochs.heed({name: Mark(epoch) for name, epoch in rows})
    except UNREADABLE:
        epochs.sure = False
