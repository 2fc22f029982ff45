"""The archives in a home: which the tape goes on from, what is attached, whether all are sound."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import msgspec

from bus.beginning import Beginning
from bus.errors import BusError
from bus.keeping.archive import Header, archives_of, check_archive, read_header
from bus.keeping.attaching import unpacked
from bus.keeping.inspection import Finding
from bus.keeping.verify import Checked, Report, inspect
from bus.keeping.watching import Progress, unwatched
from bus.reading import TapeReader, attached_of


class Known(msgspec.Struct, frozen=True):
    """An archive, the events that it holds, and until when they were recorded.

    ``joined``: the tape, or the archive after it, goes on from its last seal. ``problem`` says why
    it cannot be read.
    """

    path: str
    first: int = 0
    last: int = 0
    ends_at_us: int = 0
    bytes: int = 0
    attached: bool = False
    joined: bool = False
    problem: str = ""


class Archives(msgspec.Struct, frozen=True):
    """All archives in the home, oldest first, and where the tape itself begins.

    Events up to ``missing_to`` lie in archives that are not here (0: none do); ``readable_from`` is
    the first seq that can be read now.
    """

    tape_first: int
    readable_from: int
    missing_to: int
    archives: tuple[Known, ...]


def known_archives(tape: Path) -> Archives:
    """The archives by their headers; raises `StorageFailed` and `TapeDamaged` for the tape."""
    with closing(TapeReader(tape)) as reader:
        begins, readable_from = reader.begins(), reader.first()
    headers: dict[Path, Header] = {}
    problems: dict[Path, str] = {}
    for path in _files(tape):
        try:
            headers[path] = read_header(path)
        except BusError as error:
            problems[path] = error.message
    joined, missing_to = _chain(headers, begins)
    known = [_known(tape, path, header, joined) for path, header in headers.items()]
    unread = [Known(str(path), problem=problem) for path, problem in problems.items()]
    ordered = sorted(known, key=lambda each: (each.first, each.last))
    return Archives(begins.after + 1, readable_from, missing_to, (*ordered, *unread))


def inspect_all(tape: Path, progress: Progress = unwatched) -> Report:
    """Read the tape and all that was archived of it; raises `CannotRun`."""
    report = inspect(tape, progress)
    try:
        missing_to = known_archives(tape).missing_to
    except BusError:  # the tape is damaged, which its report tells
        missing_to = 0
    archives = check_archives(tape, progress)
    return msgspec.structs.replace(report, archives=archives, missing_to=missing_to)


def check_archives(tape: Path, progress: Progress = unwatched) -> tuple[Checked, ...]:
    """Read every archive in the home, and what is unpacked of it, whole."""
    attached = sorted(attached_of(tape).glob("tape-*.db"))
    return (
        *(checked(path, progress) for path in _files(tape)),
        *(_checked_unpacked(path, progress) for path in attached),
    )


def checked(path: Path, progress: Progress = unwatched) -> Checked:
    """Read one archive whole."""
    try:
        header, inspection = check_archive(path, progress)
    except BusError as error:
        return Checked(str(path), 0, 0, 1, (Finding(0, error.message),))
    findings = tuple(inspection.findings)
    return Checked(str(path), header.after + 1, header.last, inspection.found, findings)


def _files(tape: Path) -> list[Path]:
    return sorted(archives_of(tape).glob("tape-*.xz"))


def _chain(headers: dict[Path, Header], begins: Beginning) -> tuple[set[Path], int]:
    """The archives from which the tape goes on, seal by seal; and up to where they are missing."""
    joined: set[Path] = set()
    while begins.after:
        before = _ending(headers.items(), begins)
        if before is None:
            break
        joined.add(before)
        begins = headers[before].begins
    return joined, begins.after


def _ending(headers: Iterable[tuple[Path, Header]], at: Beginning) -> Path | None:
    wanted = (at.after, at.seal)
    return next((path for path, header in headers if (header.last, header.seal) == wanted), None)


def _known(tape: Path, path: Path, header: Header, joined: set[Path]) -> Known:
    return Known(
        path=str(path),
        first=header.after + 1,
        last=header.last,
        ends_at_us=header.ends_at_us,
        bytes=path.stat().st_size,
        attached=unpacked(tape, header.name).exists(),
        joined=path in joined,
    )


def _checked_unpacked(path: Path, progress: Progress) -> Checked:
    try:
        report = inspect(path, progress)
    except BusError as error:
        return Checked(str(path), 0, 0, 1, (Finding(0, error.message),))
    return Checked(str(path), report.first, report.head, report.found, report.findings)
