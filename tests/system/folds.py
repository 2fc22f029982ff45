"""A projection's saved state, and the same state folded afresh from the tape."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bus.actor import Actor
from bus.message import Fact
from services.cache.core.rows import bar_rows, entries
from services.cache.store.sqlite import Tables


def folded(actor: Actor[Any], facts: Iterable[Fact[Any]]) -> Any:
    """The state after the facts."""
    return actor.fold(actor.initial(), list(facts))


def snapshot(path: Path, actor: Actor[Any]) -> tuple[Any, int]:
    """The state in an actor's snapshot, and the seq it stands at."""
    _, _, position, _, state = msgspec.msgpack.decode(path.read_bytes())
    return msgspec.msgpack.decode(state, type=actor.state), position


def cache_folded(facts: Sequence[Fact[Any]], path: Path) -> dict[str, list[Any]]:
    """The rows of the cache after the facts, written to a file of their own."""
    fresh = Tables(path, "a fresh fold")
    fresh.begin("fresh")
    for fact in facts:
        fresh.write(entries([fact]), bar_rows([fact]), fact.seq)
    fresh.close()
    return cache_rows(path)


def cache_rows(path: Path) -> dict[str, list[Any]]:
    """The rows of a cache's file."""
    with sqlite3.connect(path) as db:
        return {
            table: sorted(db.execute(f"SELECT * FROM {table}"))  # noqa: S608 - our own words
            for table in ("entry", "moment", "bar", "bar_before")
        }
