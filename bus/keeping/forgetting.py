"""Saved states that know more than their tape: forgotten after a loss of power, else told loudly.

What was only `logged` may be lost with the power, and a state that had folded it may have reached
the disk. It is thrown away before anybody speaks: once the tape has grown again nobody could tell
that the state had folded other events under these seqs. It is folded again from the tape.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bus.errors import LogRegressed, StorageFailed
from bus.keeping.standing import Standing, standing_of
from bus.reading import TapeReader
from bus.tapefile import is_of_this_format
from bus.witness import Statement, boot_id, read_witness, witness_of


def forget_lost(tape: Path, states: Path) -> list[str]:
    """Forget the states in the folder that stand behind the tape's end; names their services.

    To be called before the tape is opened to be written: the witness still tells then whether the
    machine was started since. Raises `LogRegressed` where it was not, as the power cannot have
    taken the end; and what opening the tape raises.
    """
    if not is_of_this_format(tape):
        return []
    told = read_witness(witness_of(tape)) or Statement()
    with closing(TapeReader(tape)) as reader:
        ahead = dict(_ahead(states, reader.tape_id(), reader.head()))
        if ahead and boot_id() and told.boot == boot_id():
            service, standing = next(iter(ahead.items()))
            raise LogRegressed(
                f"{tape} ends at seq {reader.head()}, {service} already knows {standing.position}",
                "an older copy lies in its place: put the newer one back",
            )
    for service in ahead:
        _forget(states, service)
    return list(ahead)


def _ahead(states: Path, tape_id: str, head: int) -> Iterator[tuple[str, Standing]]:
    saved = sorted({path.stem for path in states.glob("*") if path.suffix in (".snapshot", ".db")})
    for service in saved:
        standing = standing_of(states, service)
        if standing and standing.tape_id == tape_id and standing.position > head:
            yield service, standing


def _forget(states: Path, service: str) -> None:
    """A snapshot is removed; of tables, which their service may have open, only the tape's name."""
    try:
        (states / f"{service}.snapshot").unlink(missing_ok=True)
        if (tables := states / f"{service}.db").exists():
            with closing(sqlite3.connect(tables, isolation_level=None)) as db:
                db.execute("UPDATE meta SET value = '' WHERE name = 'tape'")
    except (OSError, sqlite3.Error) as error:
        raise StorageFailed(
            f"what {service} knows of a lost end cannot be forgotten ({error})",
            f"remove {states / service}.* by hand: it is folded again from the tape",
        ) from error
