"""The providers' raw answers as the collector keeps them: found by the hash that evidence names."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import structlog
from msgspec.structs import replace

from bus.client import Client
from bus.codec import Codec, Record
from bus.courier import Courier
from bus.ports import TapeReading
from bus.tapefile import connect_to_read

FIND = """
    SELECT hash, source, ticker, url, status, content_type, received_us, packed
    FROM answers WHERE hash >= ? AND hash < ? LIMIT 2
"""
AFTER = "g"  # the letter after the last hexadecimal digit

log = structlog.get_logger()


class Kept(msgspec.Struct, frozen=True):
    """An answer as it came; the url holds no key."""

    hash: str
    source: str
    ticker: str
    url: str
    status: int
    content_type: str
    received_us: int
    body: bytes


class KeptAnswers:
    """The files of raw/, one a day; read only, also while the collector writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, beginning: str) -> tuple[Kept, ...]:
        """The answers whose hash begins so, each as it was kept last; two at most of each day."""
        found: dict[str, Kept] = {}
        for path in sorted(self._folder.glob("????-??-??.db"), reverse=True):
            for kept in _rows(path, beginning):
                found.setdefault(kept.hash, kept)
        return tuple(found.values())


class GatewayDeck(Courier):
    """The bus and the raw answers, as the doors see them."""

    def __init__(
        self,
        client: Client,
        codec: Codec,
        open_tape: Callable[[], TapeReading],
        on_records: Callable[[list[Record]], None],
        answers: KeptAnswers,
    ) -> None:
        super().__init__(client, codec, open_tape, on_records)
        self._answers = answers

    def kept(self, beginning: str) -> tuple[Kept, ...]:
        """The raw answers whose hash begins so; reading blocks for milliseconds."""
        return self._answers.find(beginning)


def _rows(path: Path, beginning: str) -> Iterator[Kept]:
    """The answers of one day; a file that goes meanwhile, or is none, is told and passed over."""
    try:
        with closing(connect_to_read(path)) as file:
            for row in file.execute(FIND, (beginning, beginning + AFTER)):
                kept = Kept(*row)
                yield replace(kept, body=zlib.decompress(kept.body))
    except (sqlite3.Error, zlib.error) as error:
        log.warning("raw.unreadable", path=str(path), error=str(error))
