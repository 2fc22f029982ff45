"""The sources, one file each: what it declares, its one call, pure functions that parse.

A source's name is that of its module. A new one is its file, and its name in the settings'
``Source``, the one place where it is entered.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from msgspec.structs import replace

from config.settings import Settings
from services.fetcher.core.answers import Answer, Failure
from services.fetcher.core.declaration import Declaration, Unusable
from services.fetcher.effects import Fetch
from services.fetcher.ports import Ports
from services.fetcher.raw import RawAnswer


class Declared(Protocol):
    """What the module of every source has."""

    @property
    def DECLARED(self) -> Declaration:  # noqa: N802 - a module's constant
        """What the source says of itself."""

    def configured(self, settings: Settings, /) -> Declaration | Unusable:
        """The same under these settings, or why it cannot be asked."""


class Source(Declared, Protocol):
    """What the module of a source of real data has besides."""

    def ask(self, effect: Fetch, ports: Ports, /) -> RawAnswer | Failure:
        """Ask once; never raises for anything that the source does."""

    def parse(self, raw: RawAnswer, effect: Fetch, /) -> Answer | Failure:
        """What the answer says to the question: a pure function that never raises."""


def declared(name: str) -> Declared:
    """The module of a source that the settings may name; it is loaded where it is in use."""
    return cast("Declared", import_module(f"{__name__}.{name}"))


def real(name: str) -> Source:
    """The module of a source of real data."""
    return cast("Source", declared(name))


def read(source: Source, raw: RawAnswer, effect: Fetch) -> Answer | Failure:
    """What an answer says, under the hash of its bytes.

    One that is too large is neither read nor kept, and has no hash.
    """
    bytes_max = source.DECLARED.answer_bytes_max
    if len(raw.body) > bytes_max:
        return Failure("invalid", f"the answer is larger than {bytes_max} bytes")
    return replace(source.parse(raw, effect), answer_hash=raw.digest)
