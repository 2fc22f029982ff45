"""Where a tape begins: at its first event, or behind a prefix that was archived.

Of an archived prefix the tape keeps the last event on each subject and the last turn of each
producer (table ``kept``), so that everything from the cut on is known without the archive.
"""

from __future__ import annotations

import sqlite3
import zlib
from typing import NamedTuple

from bus.errors import TapeDamaged
from bus.seal import first_seal

KEPT_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
    seq INTEGER PRIMARY KEY, subject TEXT NOT NULL, at_us INTEGER NOT NULL, prev INTEGER NOT NULL,
    producer TEXT NOT NULL, heard INTEGER NOT NULL, version INTEGER NOT NULL,
    body BLOB NOT NULL, crc INTEGER NOT NULL
)
"""
META_NAME = "begins"


class Beginning(NamedTuple):
    """What lies before a tape: up to which seq, its last seal, when its last event was recorded.

    The seal is empty where it is not known: then the first one that is met is trusted.
    """

    after: int
    seal: bytes
    at_us: int

    def told(self) -> str:
        """The value of the row in ``meta``, with a checksum: SQLite notices no flipped bit."""
        text = f"{self.after} {self.at_us} {self.seal.hex()}"
        return f"{text} {zlib.crc32(text.encode()):08x}"


def beginning(db: sqlite3.Connection, tape_id: str) -> Beginning:
    """Where the tape begins; raises `TapeDamaged` where that is not what was written."""
    row = db.execute("SELECT value FROM meta WHERE name = ?", (META_NAME,)).fetchone()
    if row is None:
        return Beginning(0, first_seal(tape_id), 0)
    told = str(row[0])
    try:
        after, at_us, seal, _ = told.split(" ")
        begins = Beginning(int(after), bytes.fromhex(seal), int(at_us))
    except ValueError:
        begins = None
    if begins is None or begins.told() != told:
        raise TapeDamaged(
            f"where the tape begins is not what was written ({told[:100]!r})",
            "stop the deck and run ./tapedeck verify --quarantine",
        )
    return begins
