"""Saves the cache: rows and position after each turn, a JSON file for each changed ticker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog

from bus.message import Fact
from bus.ports import Clock
from bus.subject import parse
from market.instants import jsonable
from services.cache.core.snapshots import PARTS
from services.cache.shelf import Shelf

log = structlog.get_logger()


class ShelfSaver:
    """The cache's `bus.ports.Saver`; ``exports`` is the folder of ``<TICKER>.json``."""

    def __init__(self, shelf: Shelf, exports: Path, clock: Clock) -> None:
        self._shelf = shelf
        self._exports = exports
        self._clock = clock
        self._unexported: set[str] = set()

    def restore(self, tape_id: str) -> tuple[Shelf, int]:
        """See `bus.ports.Saver`."""
        return self._shelf, self._shelf.tables.begin(tape_id)

    def save(self, state: Shelf, position: int) -> Shelf:
        """See `bus.ports.Saver`; a turn that brought nothing writes nothing."""
        if not state.fresh:
            return state
        self._unexported |= changed_keys(state.fresh)
        saved = state.written(position)
        if position >= saved.tape.head():
            self._export(saved)
        return saved

    def finish(self, state: Shelf, position: int) -> None:
        """See `bus.ports.Saver`; what was heard to no effect counts too."""
        if position > state.seq:
            state.written(position)
        state.tables.close()

    def _export(self, shelf: Shelf) -> None:
        """Only at the head: while catching up the files would be written for nothing."""
        now_us = self._clock.now_us()
        while self._unexported:
            key = self._unexported.pop()
            snapshot = jsonable(shelf.snapshot(key, now_us))
            self._write(key, msgspec.json.format(msgspec.json.encode(snapshot)))

    def _write(self, key: str, text: bytes) -> None:
        path = self._exports / f"{key}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            neighbour = path.with_suffix(".new")
            neighbour.write_bytes(text)
            neighbour.replace(path)
        except OSError as error:
            log.warning("cache.not_exported", path=str(path), error=str(error))


def changed_keys(facts: Sequence[Fact[Any]]) -> set[str]:
    """The keys whose snapshot the facts change."""
    kinds = tuple(PARTS.values())
    return {parse(fact.event.subject).key for fact in facts if isinstance(fact.event, kinds)}
