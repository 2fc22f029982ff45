"""Unpacks archives beside the tape, from where they are read as if they were on it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec

from bus.actor import Refused
from bus.beginning import META_NAME
from bus.errors import StorageFailed
from bus.keeping.archive import Header, check_archive, read_rows
from bus.keeping.backup import damage
from bus.keeping.copying import TapeCopy, sync
from bus.keeping.inspection import Inspection, Tables
from bus.keeping.verify import inspect
from bus.keeping.watching import Probe, Progress, first_half, second_half, unwatched
from bus.reading import TapeReader, attached_of
from bus.tapefile import FORMAT

ANOTHER_COPY = "take another copy of the archive"


class Attached(msgspec.Struct, frozen=True):
    """An archive that was attached or detached, and the first seq that can be read now."""

    archive: str
    first: int
    last: int
    readable_from: int


def attach(
    tape: Path, archive: Path, progress: Progress = unwatched, reached: Probe = unwatched
) -> Attached:
    """Verify the archive and unpack it; safe while the deck runs, and to be run again.

    Raises `TapeDamaged` for an archive that is not sound, and `StorageFailed`.
    """
    header, inspection = _sound(archive, first_half(progress))
    target = unpacked(tape, header.name)
    if not target.exists() or inspect(target).found:
        _unpack(archive, target, header, inspection, second_half(progress), reached)
    return _told(tape, archive, header)


def detach(tape: Path, archive: Path, progress: Progress = unwatched) -> Attached:
    """Remove what `attach` unpacked; the archive itself must be there and sound, and stays.

    Raises `Refused` for one that is not attached, `TapeDamaged`, `StorageFailed`.
    """
    header, _ = _sound(archive, progress)
    target = unpacked(tape, header.name)
    if not target.exists():
        raise Refused("not_attached", f"{archive} is not attached", "see ./tapedeck archive --list")
    target.unlink()
    return _told(tape, archive, header)


def unpacked(tape: Path, name: str) -> Path:
    """Where an archive of this name lies when it is attached."""
    return attached_of(tape) / f"{name}.db"


def _sound(archive: Path, progress: Progress) -> tuple[Header, Inspection]:
    header, inspection = check_archive(archive, progress)
    if inspection.found:
        raise damage(archive, inspection.findings, ANOTHER_COPY)
    return header, inspection


def _unpack(
    archive: Path,
    target: Path,
    header: Header,
    seen: Inspection,
    progress: Progress,
    reached: Probe,
) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        neighbour = target.with_name(f"{target.name}.new")
        with TapeCopy(neighbour) as copy:
            _fill(copy, archive, header, progress)
            meta = {"tape_id": header.tape_id, "format": str(FORMAT)}
            meta[META_NAME] = header.begins.told()
            copy.finish(Tables(meta, header.last, dict(seen.heads), dict(seen.marks)))
            reached("unpacked")
            if (report := inspect(neighbour)).found:
                raise damage(neighbour, report.findings, ANOTHER_COPY)
        reached("checked")
        neighbour.rename(target)
        sync(target.parent)
    except OSError as error:
        raise StorageFailed(
            f"{archive} could not be unpacked ({error})", "make room, then attach it again"
        ) from error


def _fill(copy: TapeCopy, archive: Path, header: Header, progress: Progress) -> None:
    if header.after:
        copy.put_kept([])
    for page in read_rows(archive):
        copy.put_events(row for row in page if row[0] > header.after)
        if page[0][0] <= header.after:
            copy.put_kept(row[:-1] for row in page if row[0] <= header.after)
        progress(max(page[-1][0] - header.after, 0), header.last - header.after)


def _told(tape: Path, archive: Path, header: Header) -> Attached:
    with closing(TapeReader(tape)) as reader:
        return Attached(str(archive), header.after + 1, header.last, reader.first())
