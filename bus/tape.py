"""The tape: an append-only, durable event log; one SQLite file, one writer, any number of readers.

Each turn is all or nothing, and comes with its producer's mark, so that a turn sent twice is kept
once. The file has no index but seq; the table of heads (last seq of each subject) is what a restart
needs. Exactly one connection ever writes and checkpoints: SQLite 3.7.0 to 3.51.2 can corrupt a WAL
that two connections reset at once (sqlite.org/wal.html#walresetbug). SQLite itself notices no
flipped bit, so each row carries a CRC-32, each commit a seal over all before it, and the witness
beside the file says where it must end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from bus.beginning import beginning
from bus.codec import (
    Append,
    Appended,
    AppendRefused,
    Draft,
    Record,
    check_turn,
    checksum,
    encode_live,
)
from bus.errors import (
    BusError,
    Conflict,
    Fenced,
    LogRegressed,
    Overloaded,
    StorageFailed,
    TapeDamaged,
)
from bus.reading import FALSE_HEAD, SEQ_MAX, check_order, select
from bus.seal import Chain, next_seal
from bus.subject import parse
from bus.tapefile import (
    REMEDY,
    UNREADABLE,
    Connect,
    connect,
    connect_to_read,
    is_of_this_format,
    open_to_write,
)
from bus.witness import Statement, Witness, boot_id, read_witness, witness_of

TAIL_CHECKED = 1_000
PRODUCERS_MAX = 10_000
"""A name is kept for ever, in memory too: whoever comes under ever new ones is stopped here."""

_INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_MARKS = "SELECT producer, epoch, mark, first, last, at_us FROM mark"
_END = "SELECT seq, at_us, seal FROM event ORDER BY seq DESC LIMIT 1"
_SEALS = "SELECT seq, crc, seal FROM event WHERE seq > ? ORDER BY seq"
_FALSE_MARK = """
SELECT mark.producer FROM mark
LEFT JOIN {rows} AS f ON f.seq = mark.first LEFT JOIN {rows} AS l ON l.seq = mark.last
LEFT JOIN {rows} AS before ON before.seq = mark.first - 1
LEFT JOIN {rows} AS after ON after.seq = mark.last + 1
WHERE mark.last BETWEEN ? AND ? AND
CASE mark.mark WHEN -1 THEN (mark.first, mark.last, mark.at_us) <> (0, 0, 0) ELSE
    (f.producer, f.heard, f.at_us) IS NOT (mark.producer, mark.mark, mark.at_us) OR
    (l.producer, l.heard, l.at_us) IS NOT (mark.producer, mark.mark, mark.at_us) OR
    (before.producer, before.heard) IS (mark.producer, mark.mark) OR
    (after.producer, after.heard) IS (mark.producer, mark.mark) END
"""
_OLDER = "put the newer one back, or go on with this one: ./tapedeck verify --quarantine"


class Mark(NamedTuple):
    """How far a producer has heard (-1: nothing), its epoch, and where its last turn lies."""

    epoch: int = 0
    mark: int = -1
    first: int = 0
    last: int = 0
    at_us: int = 0


class Committed(NamedTuple):
    """What one transaction did: an answer for each append, in order, and what goes live.

    ``frames`` are the live frames of the new events, ``turns`` how many turns they are.
    """

    answers: list[Appended | AppendRefused]
    frames: list[bytes]
    turns: int


class TapeWriter:
    """The one writer. Opens or creates the file.

    Raises `TapeDamaged` or `StorageFailed` with the remedy; then nothing was written.
    """

    def __init__(self, path: Path, connected: Connect = connect) -> None:
        self.path = path
        self._synchronous = ""
        self._log_grew = True
        self._untold: list[bytes] = []
        """Frames of what is committed, and unknown to the witness yet: of unacknowledged turns."""
        found = is_of_this_format(path)
        if found:  # looked at before anything is written: a closing writer checkpoints its log
            with closing(connect_to_read(path)) as db:
                self._load(db)
        else:
            _check_absence(path)
        self._db = open_to_write(path, connected)
        if not found:
            self._load(self._db)
        self._witness = self._appointed()

    def _load(self, db: sqlite3.Connection) -> None:
        try:
            self._know(db)
        except (*UNREADABLE, TypeError, ValueError) as error:  # a column of another type
            db.close()
            raise TapeDamaged(f"{self.path} cannot be read ({error})", REMEDY) from error
        except BusError:
            db.close()
            raise

    def _know(self, db: sqlite3.Connection) -> None:
        self.tape_id = self._meta(db, "tape_id")
        self._begins = beginning(db, self.tape_id)
        end = db.execute(_END).fetchone()
        self.head, self.at_us = (int(end[0]), int(end[1])) if end else (0, 0)
        self._seal = bytes(end[2] or b"") if end else self._begins.seal
        self.heads: dict[str, int] = dict(db.execute("SELECT subject, seq FROM head"))
        self.marks = {row[0]: Mark(*map(int, row[1:])) for row in db.execute(_MARKS)}
        self._check_tail(db)
        self._check_tables(db)
        self._hear_witness(db)

    def enlist(self, producer: str, epoch: int) -> Mark:
        """The producer's mark under its epoch; epoch 0 starts a new one.

        Raises `Fenced` for an older epoch, `LogRegressed` for one that the tape does not know yet,
        `Overloaded` for one name too many.
        """
        known = self.marks.get(producer, Mark())
        if epoch != 0:
            _check_epoch(producer, epoch, known.epoch)
            return known
        if producer not in self.marks and len(self.marks) >= PRODUCERS_MAX:
            raise Overloaded(
                f"{PRODUCERS_MAX} names have come to this tape", "come again under one of them"
            )
        mark = known._replace(epoch=known.epoch + 1)
        self._write((), {producer: mark}, {}, synced=False)
        self.marks[producer] = mark
        return mark

    def append(self, turns: Sequence[Append], now_us: int) -> Committed:
        """Commit all turns that may be taken as ONE transaction; say why the others were not.

        The transaction is synced when any turn in it asks for it. Raises `StorageFailed` when the
        disk refuses; then nothing was taken, or (when it is the witness that cannot be told) what
        was taken is acknowledged and goes live when it is said again.
        """
        staged = _Staged(self, max(now_us, self.at_us))
        answers = [staged.take(turn) for turn in turns]
        synced = bool(staged.rows) and any(turn.durability == "synced" for turn in turns)
        if staged.rows:
            self._keep(staged, synced=synced)
        if self._untold:
            self._testify(synced=synced)
        frames, self._untold = self._untold, []
        return Committed(answers, frames, staged.turns)

    def rest(self) -> None:
        """Write the log back into the file, where it grew: for a moment in which nobody waits.

        Raises `StorageFailed` when the disk refuses; then all is as it was, and safe in the log.
        """
        if not self._log_grew:
            return
        try:
            [(_, pages, written)] = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            text = f"the log of {self.path} is whole and cannot be written back ({error})"
            raise StorageFailed(text, "free disk space or mend the disk") from error
        self._log_grew = written < pages  # as far as no reader needs the file as it was

    def close(self) -> None:
        """Checkpoint and let go of the file."""
        self._db.close()
        self._witness.close()

    def _keep(self, staged: _Staged, *, synced: bool) -> None:
        seal = next_seal(self._seal, staged.crcs)
        staged.rows[-1] = (*staged.rows[-1][:-1], seal)
        self._write(staged.rows, staged.marks, staged.heads, synced=synced)
        self.head, self.at_us, self._seal = staged.next - 1, staged.at_us, seal
        self.heads.update(staged.heads)
        self.marks.update(staged.marks)
        self._untold += staged.frames

    def _write(
        self,
        rows: Sequence[tuple[object, ...]],
        marks: dict[str, Mark],
        heads: dict[str, int],
        *,
        synced: bool,
    ) -> None:
        db = self._db
        try:
            self._sync(synced)
            db.execute("BEGIN IMMEDIATE")
            db.executemany(_INSERT, rows)
            db.executemany("INSERT OR REPLACE INTO head VALUES (?, ?)", heads.items())
            db.executemany(
                "INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?, ?, ?)",
                [(producer, *mark) for producer, mark in marks.items()],
            )
            db.execute("COMMIT")
            self._log_grew = True
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise self._refused(error) from error

    def _testify(self, *, synced: bool) -> None:
        """A witness that cannot write is a disk that fails: what it has not heard nobody hears.

        The commit stands, and the producers' next attempt tells the witness again.
        """
        try:
            self._witness.tell(self.head, self._seal, synced=synced)
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> StorageFailed:
        return StorageFailed(
            f"the tape {self.path} refused an append ({error})",
            "free disk space or mend the disk; reading goes on, appending resumes by itself",
        )

    def _sync(self, synced: bool) -> None:
        """FULL survives a loss of power and costs an fsync.

        NORMAL survives the death of any process.
        """
        wanted = "FULL" if synced else "NORMAL"
        if wanted != self._synchronous:
            self._db.execute(f"PRAGMA synchronous = {wanted}")
            self._synchronous = wanted

    def _appointed(self) -> Witness:
        """The witness, which tells at once what it may: both its places exist from then on."""
        try:
            witness = Witness(witness_of(self.path), self._synced, boot_id())
            for _ in range(2):
                witness.tell(self.head, self._seal, synced=False)
        except OSError as error:
            self._db.close()
            raise self._refused(error) from error
        return witness

    # -- what is checked at each start -------------------------------------------------------

    def _meta(self, db: sqlite3.Connection, name: str) -> str:
        row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise TapeDamaged(f"{self.path} has no {name}", REMEDY)
        return str(row[0])

    def _check_tail(self, db: sqlite3.Connection) -> None:
        """The last rows are read at each start: a crash can only have hurt the end."""
        start = after = max(self._begins.after, self.head - TAIL_CHECKED)
        heads: dict[str, int] = {}
        marks: dict[str, int] = {}
        while after < self.head:
            rows = select(db, "seq > ?", (after,), TAIL_CHECKED)
            check_order(rows, after, self.path)
            after = rows[-1].seq
            heads.update((row.subject, row.seq) for row in rows)
            marks.update((row.producer, row.heard) for row in rows)
        last_seen = max(self.heads.values(), default=0)
        if last_seen != self.head:
            raise TapeDamaged(
                f"{self.path} ends at seq {self.head}, its table of heads at {last_seen}", REMEDY
            )
        self._check_known("head", heads, self.heads)
        self._check_known("mark", marks, {name: mark.mark for name, mark in self.marks.items()})
        self._check_seals(db, start)

    def _check_known(self, table: str, seen: dict[str, int], known: dict[str, int]) -> None:
        """What the last rows tell of a subject or a producer, its table must know."""
        for name, number in seen.items():
            if known.get(name) != number:
                raise TapeDamaged(f"the {table} of {name} in {self.path} is not the last", REMEDY)

    def _check_seals(self, db: sqlite3.Connection, after: int) -> None:
        begins = self._begins
        chain = Chain(begins.seal or None if after == begins.after else None)
        seal: bytes | None = self._seal
        for seq, crc, seal in db.execute(_SEALS, (after,)):
            if not chain.holds(crc, seal):
                raise TapeDamaged(f"the seal at seq {seq} of {self.path} is false", REMEDY)
        if seal is None:
            raise TapeDamaged(f"{self.path} ends at seq {self.head} without a seal", REMEDY)

    def _check_tables(self, db: sqlite3.Connection) -> None:
        """Heads and marks carry no checksum; each must name the row it came from.

        None may be hidden either: a flipped bit in the number of a page's cells hides a row.
        """
        for table in ("meta", "head", "mark"):
            [said] = db.execute(f"PRAGMA integrity_check({table})").fetchone()
            if said != "ok":
                text = f"the table {table} of {self.path} is damaged ({said[:200]})"
                raise TapeDamaged(text, REMEDY)
        for rows, first, last in self._places():
            for table, sql in (("head", FALSE_HEAD), ("mark", _FALSE_MARK)):
                if false := db.execute(sql.format(rows=rows), (first, last)).fetchone():
                    raise TapeDamaged(
                        f"the {table} of {false[0]} in {self.path} is not what its row says", REMEDY
                    )

    def _places(self) -> list[tuple[str, int, int]]:
        """Which table holds the rows that heads and marks name, from which seq to which."""
        after = self._begins.after
        if not after:
            return [("event", -SEQ_MAX, SEQ_MAX)]
        return [("kept", -SEQ_MAX, after), ("event", after + 1, SEQ_MAX)]

    def _hear_witness(self, db: sqlite3.Connection) -> None:
        told = read_witness(witness_of(self.path)) or Statement()
        self._synced = told.synced
        if (kept := told.demands(boot_id())) > self.head:
            raise TapeDamaged(
                f"{self.path} ends at seq {self.head}, though all up to seq {kept} was kept: "
                "its end was lost, or it is an older copy",
                _OLDER,
            )
        if told.head > kept:  # lost with the power, maybe: something else may stand there now
            return
        row = db.execute("SELECT seal FROM event WHERE seq = ?", (told.head,)).fetchone()
        if row and row[0] != told.seal:
            raise TapeDamaged(
                f"seq {told.head} of {self.path} is not the one that was acknowledged", _OLDER
            )


class _Staged:
    """The appends of one transaction.

    Checked one after the other against the tape and against each other.
    """

    def __init__(self, tape: TapeWriter, at_us: int) -> None:
        self._tape = tape
        self.at_us = at_us
        self.next = tape.head + 1
        self.turns = 0
        self.rows: list[tuple[object, ...]] = []
        self.crcs: list[int] = []
        self.frames: list[bytes] = []
        self.heads: dict[str, int] = {}
        self.marks: dict[str, Mark] = {}

    def take(self, turn: Append) -> Appended | AppendRefused:
        try:
            return self._taken(turn)
        except BusError as error:
            return AppendRefused(turn.mark, error.code, error.message, error.remedy, 0)

    def _taken(self, turn: Append) -> Appended | AppendRefused:
        known = self.marks.get(turn.producer) or self._tape.marks.get(turn.producer, Mark())
        _check_epoch(turn.producer, turn.epoch, known.epoch)
        if turn.mark <= known.mark:
            same = turn.mark == known.mark
            first, last = (known.first, known.last) if same else (0, 0)
            return Appended(turn.mark, first, last, known.at_us, turn.durability)
        if turn.after != known.mark:
            text = f"{turn.producer} goes on from {turn.after}, the tape knows {known.mark}"
            return AppendRefused(turn.mark, "gap", text, "send the missing turns again", known.mark)
        return self._kept(turn, known)

    def _kept(self, turn: Append, known: Mark) -> Appended:
        check_turn(turn.producer, turn.drafts)
        for draft in turn.drafts:
            parse(draft.subject)
            if draft.expected is not None:
                self._expect(draft)
        first = self.next
        self._stage(turn)
        last = self.next - 1
        self.turns += 1
        self.marks[turn.producer] = Mark(known.epoch, turn.mark, first, last, self.at_us)
        return Appended(turn.mark, first, last, self.at_us, turn.durability)

    def _stage(self, turn: Append) -> None:
        """Each event's row and live frame; in one loop, which the broker spends most time in."""
        at_us, producer, heard, heads = self.at_us, turn.producer, turn.mark, self.heads
        seq, before = self.next, self._tape.heads
        for draft in turn.drafts:
            subject, body = draft.subject, bytes(draft.body)
            prev = heads.get(subject) or before.get(subject, 0)
            row = (seq, subject, at_us, prev, producer, heard, draft.version, body)
            record = Record._make(row)
            crc = checksum(record)
            self.rows.append((*row, crc, None))
            self.crcs.append(crc)
            self.frames.append(encode_live(record))
            heads[subject] = seq
            seq += 1
        self.next = seq

    def _last(self, subject: str) -> int:
        return self.heads.get(subject) or self._tape.heads.get(subject, 0)

    def _expect(self, draft: Draft) -> None:
        actual = self._last(draft.subject)
        if draft.expected != actual:
            raise Conflict(
                f"{draft.subject} ends at seq {actual}, not at {draft.expected}",
                "read what is new and decide again",
            )


def _check_absence(path: Path) -> None:
    """No tape is begun where one is missed."""
    told = read_witness(witness_of(path)) or Statement()
    if kept := told.demands(boot_id()):
        raise TapeDamaged(
            f"{path} is empty or half made, though all up to seq {kept} was kept",
            f"put the tape back, or remove {witness_of(path)} to begin a new one",
        )


def _check_epoch(producer: str, epoch: int, known: int) -> None:
    if epoch > known:
        raise LogRegressed(
            f"{producer} speaks under epoch {epoch}, the tape knows only {known}",
            "an older copy of the tape lies in its place: put the newer one back",
        )
    if epoch != known or epoch == 0:
        raise Fenced(
            f"{producer} speaks under epoch {epoch}, the tape knows {known}",
            "another process runs under this name: end one of them",
        )
