"""A prefix of the tape in a file of its own: compressed, hashed, and sealed at both ends.

The file is an xz stream of frames, each four bytes of length (big-endian) and MessagePack: a
`Header`, then pages of rows as the tape's table ``event`` has them, after those that the tape kept
of the prefix before this one. A manifest beside it holds its SHA-256. xz at its quickest makes a
tape 8.6 times smaller at 30 MB/s (zlib: 6.5 times at 67 MB/s).
"""

from __future__ import annotations

import hashlib
import lzma
import struct
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from bus.beginning import Beginning
from bus.errors import StorageFailed, TapeDamaged
from bus.keeping.copying import sync
from bus.keeping.inspection import Inspection
from bus.keeping.verify import page_after
from bus.keeping.watching import Progress, unwatched
from bus.reading import COLUMNS, PAGE_BYTES_MAX
from bus.saving import replace_file
from bus.tapefile import UNREADABLE, connect_to_read

FORMAT = 1
FRAME_BYTES_MAX = 16 << 20
"""A page of some 4 MiB, and one event of 1 MiB beyond it."""
PRESET = 0

_LENGTH = struct.Struct(">I")
_KEPT = f"SELECT {COLUMNS}, crc, NULL FROM kept ORDER BY seq"  # noqa: S608

T = TypeVar("T")
Row = tuple[int, str, int, int, str, int, int, bytes, int, bytes | None]


class Header(msgspec.Struct, frozen=True):
    """What an archive holds: the events that follow ``after`` up to ``last``, and its two seals.

    ``begins_at_us`` and ``ends_at_us`` tell when the last event before it and its own last one were
    recorded.
    """

    format: int
    tape_id: str
    after: int
    last: int
    begins_at_us: int
    ends_at_us: int
    seal_before: bytes
    seal: bytes

    @property
    def begins(self) -> Beginning:
        """Where it begins."""
        return Beginning(self.after, self.seal_before, self.begins_at_us)

    @property
    def ends(self) -> Beginning:
        """Where a tape begins from which it was cut."""
        return Beginning(self.last, self.seal, self.ends_at_us)

    @property
    def name(self) -> str:
        """The name of its file, without a suffix."""
        return f"tape-{self.after + 1}-{self.last}"


class Manifest(msgspec.Struct, frozen=True):
    """What lies beside an archive: what it holds, and the hash of the file."""

    file: str
    sha256: str
    bytes: int
    tape_id: str
    first: int
    last: int
    events: int
    ends_at_us: int
    seal_before: str
    seal: str


def archives_of(tape: Path) -> Path:
    """The folder of a tape's archives."""
    return tape.with_name("archive")


def manifest_of(archive: Path) -> Path:
    """Where the manifest of an archive lies."""
    return archive.with_suffix(".json")


def write_archive(tape: Path, target: Path, header: Header, progress: Progress = unwatched) -> None:
    """Write what the header names, as it lies on the tape, and have it on the disk.

    Raises `StorageFailed` and `TapeDamaged`.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with lzma.open(target, "wb", preset=PRESET) as file:
            _put(file, header)
            for page in _pages_of(tape, header):
                _put(file, page)
                progress(max(page[-1][0] - header.after, 0), header.last - header.after)
        sync(target)
    except OSError as error:
        raise StorageFailed(
            f"{target} cannot be written ({error})", "make room, then try again"
        ) from error
    except UNREADABLE as error:
        text = f"{tape} cannot be read ({error})"
        raise TapeDamaged(text, "see what is sound: ./tapedeck verify") from error


def write_manifest(archive: Path, header: Header) -> Manifest:
    """Lay the manifest beside an archive; raises `OSError`."""
    manifest = Manifest(
        file=archive.name,
        sha256=_sha256(archive),
        bytes=archive.stat().st_size,
        tape_id=header.tape_id,
        first=header.after + 1,
        last=header.last,
        events=header.last - header.after,
        ends_at_us=header.ends_at_us,
        seal_before=header.seal_before.hex(),
        seal=header.seal.hex(),
    )
    replace_file(manifest_of(archive), msgspec.json.format(msgspec.json.encode(manifest)))
    sync(archive.parent)
    return manifest


def read_manifest(archive: Path) -> Manifest | None:
    """The manifest beside an archive; None where there is none that can be read."""
    try:
        return msgspec.json.decode(manifest_of(archive).read_bytes(), type=Manifest)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def read_header(archive: Path) -> Header:
    """What an archive says that it holds; raises `TapeDamaged` and `StorageFailed`."""
    with closing(_frames(archive)) as frames:
        return _header(archive, frames)


def read_rows(archive: Path) -> Iterator[list[Row]]:
    """All rows in pages, the kept ones first; raises `TapeDamaged` and `StorageFailed`."""
    with closing(_frames(archive)) as frames:
        _header(archive, frames)
        for frame in frames:
            yield _decoded(archive, frame, _rows)


def check_archive(archive: Path, progress: Progress = unwatched) -> tuple[Header, Inspection]:
    """Read an archive whole; what is wrong is in the inspection's findings.

    Raises `TapeDamaged` where not even its header can be read, `StorageFailed`.
    """
    header = read_header(archive)
    inspection = Inspection(header.begins)
    manifest = read_manifest(archive)
    if manifest and manifest.sha256 != _sha256(archive):
        inspection.find(0, f"{archive.name} is not the file whose hash is in its manifest")
    try:
        for row in _told(read_rows(archive), header, progress):
            _show(inspection, row, header)
    except TapeDamaged as error:
        inspection.find(0, error.message)
    if inspection.sound_to != header.last and not inspection.found:
        inspection.find(inspection.sound_to + 1, f"is missing, and all up to seq {header.last}")
    elif not inspection.found and inspection.seal != header.seal:
        inspection.find(header.last, "does not end with the seal that its header names")
    return header, inspection


def _show(inspection: Inspection, row: Row, header: Header) -> None:
    *columns, crc, seal = row
    if row[0] <= header.after:
        inspection.keep(columns, crc)
    else:
        inspection.look(columns, crc, seal)


def _told(pages: Iterable[list[Row]], header: Header, progress: Progress) -> Iterator[Row]:
    for page in pages:
        yield from page
        done = page[-1][0] - header.after if page else 0
        progress(max(done, 0), header.last - header.after)


def _pages_of(tape: Path, header: Header) -> Iterator[list[Any]]:
    """The rows that the header names, the kept ones first, in short transactions."""
    with closing(connect_to_read(tape)) as db:
        if header.after:
            yield from _split(db.execute(_KEPT).fetchall())
        after = header.after
        while page := [(*row, crc, seal) for row, crc, seal in page_after(db, after, header.last)]:
            yield page
            after = page[-1][0]


def _split(rows: list[Any]) -> Iterator[list[Any]]:
    page: list[Any] = []
    size = 0
    for row in rows:
        page.append(row)
        size += len(row[7])
        if size > PAGE_BYTES_MAX:
            yield page
            page, size = [], 0
    if page:
        yield page


def _put(file: IO[bytes], value: object) -> None:
    data = msgspec.msgpack.encode(value)
    file.write(_LENGTH.pack(len(data)) + data)


def _frames(archive: Path) -> Generator[bytes]:
    try:
        with lzma.open(archive, "rb") as file:
            while head := file.read(_LENGTH.size):
                length = _LENGTH.unpack(head)[0]
                data = file.read(length) if length <= FRAME_BYTES_MAX else b""
                if len(data) != length:
                    raise EOFError("a frame is cut off")
                yield data
    except (lzma.LZMAError, EOFError, struct.error) as error:
        raise _unreadable(archive, error) from error
    except OSError as error:
        remedy = "./tapedeck archive --list names those that are here"
        raise StorageFailed(f"{archive} cannot be read ({error})", remedy) from error


def _header(archive: Path, frames: Iterator[bytes]) -> Header:
    header = _decoded(archive, next(frames, b""), _headers)
    if header.format != FORMAT:
        text = f"{archive} has format {header.format}, this Tapedeck knows {FORMAT}"
        raise TapeDamaged(text, "take the newer Tapedeck that wrote it")
    return header


_headers: msgspec.msgpack.Decoder[Header] = msgspec.msgpack.Decoder(Header)
_rows: msgspec.msgpack.Decoder[list[Row]] = msgspec.msgpack.Decoder(list[Row])


def _decoded(archive: Path, frame: bytes, decoder: msgspec.msgpack.Decoder[T]) -> T:
    try:
        return decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(archive, error) from error


def _unreadable(archive: Path, error: Exception) -> TapeDamaged:
    return TapeDamaged(
        f"{archive} cannot be read as an archive ({error})", "take another copy of the file"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest: str = hashlib.file_digest(file, "sha256").hexdigest()
    return digest
