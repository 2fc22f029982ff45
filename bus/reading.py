"""Reads the tape: pages by position, single records by their seqs, and instants as seqs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bus.beginning import Beginning, beginning
from bus.codec import BODY_BYTES_MAX, Record, checksum, record_of
from bus.errors import TapeDamaged, Truncated
from bus.tapefile import REMEDY, UNREADABLE, open_to_read
from bus.witness import Statement, boot_id, read_witness, witness_of

PAGE_BYTES_MAX = 4 << 20
ROWS_AT_ONCE = 32
"""So many of the largest bodies are in memory beside a page."""
SEQ_MAX = (1 << 63) - 1
"""SQLite's largest integer."""
FALSE_HEAD = """
SELECT head.subject FROM head LEFT JOIN {rows} AS row USING (seq)
WHERE head.seq BETWEEN ? AND ? AND row.subject IS NOT head.subject
"""
"""Heads that do not name a row of their subject, of those between two seqs."""
COLUMNS = "seq, subject, at_us, prev, producer, heard, version, body"


class TapeReader:
    """A reading connection (``mode=ro``); each call is one short transaction, fetched whole.

    An open read cursor would keep the WAL from being checkpointed. Not to be shared between
    threads. What was archived is read from ``attached``, the folder of unpacked archives; where it
    is not there, `Truncated` is raised.
    """

    def __init__(self, path: Path, attached: Path | None = None) -> None:
        self.path = path
        self._db = open_to_read(path)
        self._boot = boot_id()
        self._attached = attached or attached_of(path)
        self._older: TapeReader | None = None

    def read(self, after: int, limit: int) -> list[Record]:
        """The records after a seq, oldest first, at most ``limit`` and about 4 MiB.

        Raises `TapeDamaged` and `Truncated`.
        """
        records = select(self._db, "seq > ?", (after,), limit)
        if records and records[0].seq != after + 1 and after < (begins := self.begins()).after:
            return self._archive(begins).read(after, limit)
        if records:
            check_order(records, after, self.path)
        return records

    def get(self, seqs: Sequence[int]) -> list[Record]:
        """The records of these seqs (at most 5,000), in order.

        Raises `TapeDamaged` and `Truncated`.
        """
        records = _single(self._db, seqs, "event")
        if len(records) == len(seqs):
            return records
        self._check_missing({record.seq for record in records}, seqs)
        return self._with_older(records, seqs)

    def seq_at(self, at_us: int) -> int:
        """The last seq recorded at or before the instant, by bisection.

        ``at_us`` never goes back. Raises `TapeDamaged` and `Truncated`.
        """
        begins = self.begins()
        if begins.after and at_us < begins.at_us:
            return self._archive(begins).seq_at(at_us)
        low, high = begins.after, self.head()
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._at(middle) <= at_us else (low, middle - 1)
        return low

    def head(self) -> int:
        """The last seq, 0 for an empty tape.

        Raises `TapeDamaged` where the witness beside the tape knows of a later one.
        """
        told = read_witness(witness_of(self.path)) or Statement()  # first: the tape may grow
        last = select(self._db, "seq = (SELECT MAX(seq) FROM event)", (), 1)
        head = last[0].seq if last else 0
        if head < (kept := told.demands(self._boot)):
            text = f"the tape {self.path} ends at seq {head}, though all up to seq {kept} was kept"
            raise TapeDamaged(text, REMEDY)
        return head

    def last(self, subject: str) -> int:
        """The last seq of the subject, 0 where there is none."""
        self.head()  # whose table of heads lacks its end is refused there
        sql = "SELECT COALESCE(MAX(seq), 0) FROM head WHERE subject = ?"
        places = (self.begins().after + 1, SEQ_MAX)
        with _told_as_damage(self.path):
            [fault] = self._db.execute("PRAGMA integrity_check(head)").fetchone()
            false = self._db.execute(FALSE_HEAD.format(rows="event"), places).fetchone()
            seq = int(self._db.execute(sql, (subject,)).fetchone()[0])
        if false or fault != "ok":
            text = f"the head of {false[0]}" if false else fault[:200]
            raise TapeDamaged(f"the heads of {self.path} are damaged ({text})", REMEDY)
        return seq

    def first(self) -> int:
        """The first seq that can be read, be it in an attached archive; 1 for an empty tape."""
        begins = self.begins()
        older = self._older_than(begins)
        if older is not None:
            return older.first()
        if records := select(self._db, "seq > ?", (begins.after,), 1):
            check_order(records, begins.after, self.path)
        return begins.after + 1

    def tape_id(self) -> str:
        """The name that the tape was given when it was made; raises `TapeDamaged`."""
        with _told_as_damage(self.path):
            row = self._db.execute("SELECT value FROM meta WHERE name = 'tape_id'").fetchone()
            return str(row[0])

    def begins(self) -> Beginning:
        """Where the file itself begins; raises `TapeDamaged`."""
        with _told_as_damage(self.path):
            return beginning(self._db, self.tape_id())

    def seal(self, seq: int) -> bytes | None:
        """The seal of the commit that ends at the seq, None where none does.

        Two tapes with the same seal at a seq have the same events up to there.
        """
        begins = self.begins()
        if seq == begins.after:
            return begins.seal
        with _told_as_damage(self.path):
            row = self._db.execute("SELECT seal FROM event WHERE seq = ?", (seq,)).fetchone()
            return bytes(row[0]) if row and row[0] else None

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
        if self._older is not None:
            self._older.close()

    def _check_missing(self, found: set[int], seqs: Sequence[int]) -> None:
        begins, head = self.begins().after, self.head()
        lost = [seq for seq in seqs if begins < seq <= head and seq not in found]
        if lost:
            raise TapeDamaged(f"seq {lost[0]} is not on the tape {self.path}", REMEDY)

    def _with_older(self, records: list[Record], seqs: Sequence[int]) -> list[Record]:
        """Those before the beginning too: what the tape keeps of them, or the archive has."""
        begins = self.begins()
        older = {seq for seq in seqs if 0 < seq <= begins.after}
        if not older:
            return records
        kept = _single(self._db, sorted(older), "kept")
        missing = sorted(older - {record.seq for record in kept})
        archived = self._archive(begins).get(missing) if missing else []
        return sorted([*records, *kept, *archived])

    def _archive(self, begins: Beginning) -> TapeReader:
        older = self._older_than(begins)
        if older is None:
            raise Truncated(begins.after + 1)
        return older

    def _older_than(self, begins: Beginning) -> TapeReader | None:
        """The attached archive that ends where this file begins, by its last seq and seal."""
        if self._older is not None and not self._older.path.exists():  # detached meanwhile
            self._older.close()
            self._older = None
        if self._older is None and begins.after:
            for path in sorted(self._attached.glob(f"tape-*-{begins.after}.db")):
                self._older = TapeReader(path, self._attached)
                if self._older.seal(begins.after) == begins.seal:
                    break
                self._older.close()
                self._older = None
        return self._older

    def _at(self, seq: int) -> int:
        """Of the whole row: its checksum covers the instant too."""
        if not (found := self.get([seq])):
            raise TapeDamaged(f"seq {seq} is not on the tape {self.path}", REMEDY)
        return found[0].at_us


@contextmanager
def _told_as_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (*UNREADABLE, TypeError, ValueError) as error:
        raise TapeDamaged(f"the tape {path} cannot be read ({error})", REMEDY) from error


def attached_of(tape: Path) -> Path:
    """The folder of the unpacked archives of a tape."""
    return tape.with_name("archive") / "attached"


def select(
    db: sqlite3.Connection,
    where: str,
    values: tuple[int, ...],
    limit: int,
    bytes_max: int = PAGE_BYTES_MAX,
    table: str = "event",
) -> list[Record]:
    """The rows that match, oldest first, each held against its checksum.

    Raises `TapeDamaged`.
    """
    sql = f"SELECT {COLUMNS}, crc FROM {table} WHERE {where} ORDER BY seq LIMIT ?"  # noqa: S608
    try:
        return _page(db.execute(sql, (*values, limit)), bytes_max)
    except UNREADABLE as error:
        raise TapeDamaged(f"the tape cannot be read ({error})", REMEDY) from error


def _single(db: sqlite3.Connection, seqs: Sequence[int], table: str) -> list[Record]:
    where = f"seq IN ({','.join('?' * len(seqs))})"
    return select(db, where, tuple(seqs), len(seqs), len(seqs) * BODY_BYTES_MAX, table)


def check_order(records: Sequence[Record], after: int, path: Path) -> None:
    """The rows must be those that follow ``after``, one by one, without a hole."""
    seqs = [record.seq for record in records]
    if not records or seqs != list(range(after + 1, after + 1 + len(seqs))):
        wrong = (want for want, seq in enumerate(seqs, after + 1) if seq != want)
        raise TapeDamaged(f"seq {next(wrong, after + 1)} is not on the tape {path}", REMEDY)


def _page(rows: sqlite3.Cursor, bytes_max: int) -> list[Record]:
    """The rows up to the one with which they are more than so many bytes.

    They come some at a time, and one thing is done after the other with all of them: row by row
    took a fifth longer (1.76 to 1.45 us a row), and all at once would be unbounded.
    """
    page: list[Record] = []
    size = 0
    while size <= bytes_max and (rows_now := rows.fetchmany(ROWS_AT_ONCE)):
        records = [record_of(Record, row[:8]) for row in rows_now]
        for record, row in zip(records, rows_now, strict=True):
            # A flipped bit can change a column's type too: SQLite does not hold it to the schema's.
            if not isinstance(row[7], bytes) or checksum(record) != row[8]:
                raise TapeDamaged(f"seq {record.seq} does not match its checksum", REMEDY)
        size += sum([len(record.body) for record in records])
        while size - len(records[-1].body) > bytes_max:
            size -= len(records.pop().body)
        page += records
    return page
