"""Cuts a prefix off the tape once it lies, verified, in an archive; the deck must be stopped."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from bus.actor import Refused
from bus.beginning import KEPT_SCHEMA, META_NAME
from bus.errors import StorageFailed, TapeDamaged
from bus.keeping.archive import (
    FORMAT,
    Header,
    Manifest,
    archives_of,
    check_archive,
    read_header,
    write_archive,
    write_manifest,
)
from bus.keeping.backup import damage
from bus.keeping.copying import sync
from bus.keeping.inspection import Inspection
from bus.keeping.watching import Probe, Progress, first_half, second_half, unwatched
from bus.reading import COLUMNS, TapeReader
from bus.tape import TapeWriter
from bus.tapefile import REMEDY, connect, connect_to_read

_CUT = """
SELECT seq, at_us, seal FROM event
WHERE seq <= ? AND seq < (SELECT MAX(seq) FROM event) AND seal IS NOT NULL
ORDER BY seq DESC LIMIT 1
"""
_KEEP = f"""
INSERT OR IGNORE INTO kept SELECT {COLUMNS}, crc FROM event JOIN temp.wanted USING (seq)
"""  # noqa: S608


class Cut(msgspec.Struct, frozen=True):
    """What was archived, and how many bytes of the tape's file wait to be used again."""

    archive: str
    manifest: Manifest
    free_bytes: int


def planned_cut(tape: Path, before_us: int) -> Header | None:
    """What would be archived: all whole commits recorded before the instant but the last.

    None where that is nothing. Raises `TapeDamaged` and `StorageFailed`.
    """
    with closing(TapeReader(tape)) as reader:
        begins, tape_id = reader.begins(), reader.tape_id()
        if before_us <= begins.at_us:
            return None
        last_before = reader.seq_at(before_us - 1)
    with closing(connect_to_read(tape)) as db:
        row = db.execute(_CUT, (last_before,)).fetchone()
    if row is None:
        return None
    return Header(FORMAT, tape_id, begins.after, row[0], begins.at_us, row[1], begins.seal, row[2])


def cut(
    tape: Path,
    header: Header,
    *,
    vacuum: bool = False,
    progress: Progress = unwatched,
    reached: Probe = unwatched,
) -> Cut:
    """Archive the prefix, verify the archive, and only then remove the prefix from the tape.

    Removing it is one transaction, for which the disk needs as much room as the prefix takes.
    Raises `TapeDamaged`, `StorageFailed`, `Refused`; then, and after a kill, it can be run again.
    """
    TapeWriter(tape).close()  # what no deck would start on is not cut either
    archive = archives_of(tape) / f"{header.name}.xz"
    with _told("the archive is not complete, and the tape is as it was"):
        inspection = _archived(tape, archive, header, progress, reached)
        manifest = write_manifest(archive, read_header(archive))
    reached("manifest written")
    with _told("the archive is complete, and the tape still holds what is in it"):
        _remove(tape, header, _worth_keeping(inspection), reached)
    with _told("the events are archived and off the tape, and its file is as large as it was"):
        free_bytes = _reclaim(tape, vacuum=vacuum)
    reached("reclaimed")
    return Cut(str(archive), manifest, free_bytes)


def _archived(
    tape: Path, archive: Path, header: Header, progress: Progress, reached: Probe
) -> Inspection:
    """The archive in its place and verified; one that a killed run left is taken if it is right."""
    if archive.exists():
        found, inspection = check_archive(archive, progress)
        # A restored tape has another name, and the same events where it has the same seals.
        if inspection.found or msgspec.structs.replace(found, tape_id=header.tape_id) != header:
            text = f"{archive} is there already, and is not what the tape holds"
            raise Refused("file_exists", text, "move it away, then try again")
        return inspection
    neighbour = archive.with_name(f"{archive.name}.new")
    try:
        write_archive(tape, neighbour, header, first_half(progress))
        reached("written")
        _, inspection = check_archive(neighbour, second_half(progress))
        if inspection.found:
            raise damage(tape, inspection.findings)
        reached("checked")
        neighbour.rename(archive)
    finally:
        neighbour.unlink(missing_ok=True)
    sync(archive.parent)
    reached("in place")
    return inspection


def _worth_keeping(inspection: Inspection) -> set[int]:
    """The last event on each subject, and the ends of each producer's last turn."""
    ends = {seq for mark in inspection.marks.values() for seq in (mark.first, mark.last)}
    return ends | set(inspection.heads.values())


def _remove(tape: Path, header: Header, keep: Iterable[int], reached: Probe) -> None:
    """Take the prefix off the tape, all but what is worth keeping, in one transaction."""
    with closing(connect(tape)) as db:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TEMP TABLE wanted (seq INTEGER PRIMARY KEY)")
        db.executemany("INSERT INTO temp.wanted VALUES (?)", [(seq,) for seq in keep])
        db.execute("BEGIN IMMEDIATE")
        db.execute(KEPT_SCHEMA)
        db.execute("DELETE FROM kept WHERE seq NOT IN (SELECT seq FROM temp.wanted)")
        db.execute(_KEEP)
        removed = db.execute("DELETE FROM event WHERE seq <= ?", (header.last,)).rowcount
        begins = (META_NAME, header.ends.told())
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", begins)
        _check(db, tape, header, removed)
        reached("about to commit")
        db.execute("COMMIT")
        reached("committed")


def _reclaim(tape: Path, *, vacuum: bool) -> int:
    """Give the free pages back to the disk if that is wanted; else, how many bytes they are."""
    with closing(connect(tape)) as db:
        if vacuum:
            db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [(pages,)], [(size,)] = db.execute("PRAGMA freelist_count"), db.execute("PRAGMA page_size")
    return int(pages) * int(size)


def _check(db: sqlite3.Connection, tape: Path, header: Header, removed: int) -> None:
    """The transaction is only committed if it did exactly what is archived."""
    wanted = "SELECT COUNT(*) FROM temp.wanted LEFT JOIN kept USING (seq) WHERE kept.seq IS NULL"
    [(lost,)] = db.execute(wanted)
    if lost or removed != header.last - header.after:
        raise TapeDamaged(f"{tape} is not what was archived a moment ago", REMEDY)


@contextmanager
def _told(state: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        remedy = "make as much room as the archived events take, then type the same again"
        raise StorageFailed(f"the disk refused ({error}): {state}", remedy) from error
