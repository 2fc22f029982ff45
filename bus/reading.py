"""Reads the tape: pages by position, single records by their seqs, and instants as seqs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

from bus.codec import BODY_BYTES_MAX, Record, checksum
from bus.errors import TapeDamaged
from bus.tapefile import REMEDY, UNREADABLE, open_to_read
from bus.witness import Statement, boot_id, read_witness, witness_of

PAGE_BYTES_MAX = 4 << 20
COLUMNS = "seq, subject, at_us, prev, producer, heard, version, body"


class TapeReader:
    """A reading connection (``mode=ro``); each call is one short transaction, fetched whole.

    An open read cursor would keep the WAL from being checkpointed. Not to be shared between
    threads.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = open_to_read(path)
        self._boot = boot_id()

    def read(self, after: int, limit: int) -> list[Record]:
        """The records after a seq, oldest first, at most ``limit`` and about 4 MiB.

        Raises `TapeDamaged`.
        """
        records = select(self._db, "seq > ?", (after,), limit)
        if records:
            check_order(records, after, self.path)
        return records

    def get(self, seqs: Sequence[int]) -> list[Record]:
        """The records of these seqs (at most 5,000), in order; raises `TapeDamaged`."""
        places = ",".join("?" * len(seqs))
        bytes_max = len(seqs) * BODY_BYTES_MAX
        return select(self._db, f"seq IN ({places})", tuple(seqs), len(seqs), bytes_max)

    def seq_at(self, at_us: int) -> int:
        """The last seq recorded at or before the instant, by bisection.

        ``at_us`` never goes back.
        """
        low, high = self.first() - 1, self.head()
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
        sql = "SELECT COALESCE(MAX(seq), 0) FROM head WHERE subject = ?"
        try:
            seq = int(self._db.execute(sql, (subject,)).fetchone()[0])
        except (*UNREADABLE, ValueError) as error:
            raise TapeDamaged(f"the tape {self.path} cannot be read ({error})", REMEDY) from error
        if seq and [record.subject for record in self.get([seq])] != [subject]:
            text = f"the head of {subject} in {self.path} is not what its row says"
            raise TapeDamaged(text, REMEDY)
        return seq

    def first(self) -> int:
        """The first seq on this tape, 1 for an empty one."""
        first = select(self._db, "seq = (SELECT MIN(seq) FROM event)", (), 1)
        return first[0].seq if first else 1

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _at(self, seq: int) -> int:
        """Of the whole row: its checksum covers the instant too."""
        if not (found := self.get([seq])):
            raise TapeDamaged(f"seq {seq} is not on the tape {self.path}", REMEDY)
        return found[0].at_us


def select(
    db: sqlite3.Connection,
    where: str,
    values: tuple[int, ...],
    limit: int,
    bytes_max: int = PAGE_BYTES_MAX,
) -> list[Record]:
    """The rows that match, oldest first, each held against its checksum.

    Raises `TapeDamaged`.
    """
    sql = f"SELECT {COLUMNS}, crc FROM event WHERE {where} ORDER BY seq LIMIT ?"  # noqa: S608
    try:
        return list(_checked(db.execute(sql, (*values, limit)), bytes_max))
    except UNREADABLE as error:
        raise TapeDamaged(f"the tape cannot be read ({error})", REMEDY) from error


def check_order(records: Sequence[Record], after: int, path: Path) -> None:
    """The rows must be those that follow ``after``, without a hole."""
    if not records or records[-1].seq != after + len(records):
        found = {record.seq for record in records}
        missing = next(seq for seq in count(after + 1) if seq not in found)
        raise TapeDamaged(f"seq {missing} is not on the tape {path}", REMEDY)


def _checked(rows: Iterable[tuple[object, ...]], bytes_max: int) -> Iterable[Record]:
    size = 0
    for row in rows:
        record = Record(*row[:-1])  # type: ignore[arg-type]
        # A flipped bit can change a column's type too, which SQLite does not hold to the schema's.
        if not isinstance(row[-2], bytes) or checksum(record) != row[-1]:
            raise TapeDamaged(f"seq {record.seq} does not match its checksum", REMEDY)
        yield record
        size += len(record.body)
        if size > bytes_max:
            return
