"""Begins a new tape with the events of another one: the same seqs and seals under a new name.

The name is new because the old one went on: whoever remembers what the old tape said after the last
common event must not take the new one's for it. For the same reason every producer's epoch is
raised above all that were ever given.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from bus.beginning import META_NAME, Beginning
from bus.errors import TapeDamaged
from bus.keeping.copying import TapeCopy
from bus.keeping.inspection import Finding, Inspection, Tables, whole
from bus.keeping.verify import look_at_all, read_tables
from bus.keeping.watching import Progress, unwatched
from bus.reading import COLUMNS
from bus.tape import Mark
from bus.tapefile import FORMAT, REMEDY, UNREADABLE, connect_to_read
from bus.witness import attest

EPOCH_MAX = 1 << 60

_KEPT = f"SELECT {COLUMNS}, crc FROM kept WHERE seq <= ? ORDER BY seq"  # noqa: S608


def fork(
    source: Path,
    target: Path,
    begins: Beginning,
    to: int,
    epochs: Epochs,
    progress: Progress = unwatched,
) -> str:
    """Make the new tape, verified and with its witness; gives its id.

    ``epochs`` have heeded every tape whose producers may still live. Heads and marks are those of
    the rows, whatever the source's tables say. Raises `StorageFailed`, `TapeDamaged`.
    """
    tape_id = secrets.token_hex(8)
    meta = {"tape_id": tape_id, "format": str(FORMAT), META_NAME: begins.told()}
    with TapeCopy(target) as copy:
        if begins.after:
            copy.put_kept(_sound_kept(source, begins))
        copy.take_events(source, begins.after, to, progress)
        seen = Inspection(begins)
        with closing(connect_to_read(target)) as db:
            look_at_all(db, Tables(meta, to, {}, {}, begins), seen)
        copy.finish(Tables(meta, to, dict(seen.heads), epochs.raised(seen.marks), begins))
        attest(target, to, seen.seal)
        _check(target, seen)
    return tape_id


class Epochs:
    """Epochs higher than any that were given by the tapes that are shown.

    Where one cannot be read, the seconds since 1970 stand in: nobody was started so often.
    """

    def __init__(self, now_seconds: float) -> None:
        self._unknown = int(now_seconds)
        self._known: dict[str, int] = {}
        self.sure = True
        """Whether all marks of all tapes could be read."""

    def heed(self, marks: Mapping[Any, Any]) -> None:
        """The producers of one more tape."""
        for name, mark in marks.items():
            if (
                isinstance(name, str)
                and isinstance(mark.epoch, int)
                and 0 <= mark.epoch < EPOCH_MAX
            ):
                self._known[name] = max(mark.epoch, self._known.get(name, 0))
            else:
                self.sure = False

    def raised(self, marks: Mapping[str, Mark]) -> dict[str, Mark]:
        """The marks under the new epochs, and those of producers who have said nothing."""
        floor = 0 if self.sure else self._unknown
        return {
            name: marks.get(name, Mark())._replace(
                epoch=max(self._known.get(name, self._unknown), floor) + 1
            )
            for name in sorted({*marks, *self._known})
        }


def _sound_kept(source: Path, begins: Beginning) -> Iterator[tuple[Any, ...]]:
    """What is whole of what the source keeps of an archived prefix."""
    try:
        with closing(connect_to_read(source)) as db:
            rows = db.execute(_KEPT, (begins.after,)).fetchall()
    except UNREADABLE:
        return
    yield from ((*columns, crc) for *columns, crc in rows if whole(columns, crc))


def _check(target: Path, seen: Inspection) -> None:
    """Its rows were read back; the disk that it was written to may be the damaged one."""
    faults: list[Finding] = []
    with closing(connect_to_read(target)) as db:
        seen.compare(read_tables(db, target, faults))
    if findings := [*faults, *seen.findings]:
        what = f"seq {findings[0].seq}: {findings[0].what}"
        raise TapeDamaged(f"what was written to {target} is not sound ({what})", REMEDY)
