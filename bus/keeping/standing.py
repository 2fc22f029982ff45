"""Where the saved states of the services stand: all must be behind a prefix before it may go.

A state is saved as a snapshot, ``<service>.snapshot`` (see `bus.saving`), or in SQLite tables of
the service's own, ``<service>.db``, whose table ``meta`` tells the ``tape``, the version of the
``code`` and the ``position``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from bus.saving import read_snapshot
from bus.tapefile import connect_to_read


class Standing(NamedTuple):
    """The tape and the code that a state belongs to, and the last seq that it has folded."""

    tape_id: str
    code: str
    position: int


def standing_of(folder: Path, service: str) -> Standing | None:
    """Where the state of a service stands; None where there is none that can be read."""
    snapshot = read_snapshot(folder / f"{service}.snapshot")
    if snapshot is not None:
        return Standing(snapshot.tape_id, snapshot.code, snapshot.position)
    return _standing_of_tables(folder / f"{service}.db")


def laggards(
    folder: Path, services: Iterable[str], tape_id: str, code: str, seq: int
) -> Iterator[str]:
    """A sentence for each service that would have to fold again what lies before the seq."""
    for service in services:
        standing = standing_of(folder, service)
        if standing is None:
            yield f"{service} has saved nothing yet"
        elif standing.tape_id != tape_id:
            yield f"{service} has saved a state of another tape"
        elif standing.code != code:
            yield f"{service} has saved a state of another version of Tapedeck"
        elif standing.position < seq:
            yield f"{service} stands at seq {standing.position}"


def _standing_of_tables(path: Path) -> Standing | None:
    try:
        with closing(connect_to_read(path)) as db:
            told = dict(db.execute("SELECT name, value FROM meta"))
            return Standing(str(told["tape"]), str(told["code"]), int(told["position"]))
    except (sqlite3.Error, KeyError, ValueError):
        return None
