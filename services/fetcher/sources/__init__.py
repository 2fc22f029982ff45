"""The sources, one file each: what it declares, its one call, pure functions that parse."""

from __future__ import annotations

from typing import Protocol

from services.fetcher.core.answers import Answer, Failure
from services.fetcher.core.declaration import Declaration
from services.fetcher.effects import Fetch
from services.fetcher.ports import Ports
from services.fetcher.sources import finnhub, yahoo


class Source(Protocol):
    """What the module of a real source has."""

    @property
    def DECLARED(self) -> Declaration:  # noqa: N802 - a module's constant
        """What the source says of itself."""

    def fetch(self, effect: Fetch, ports: Ports, /) -> Answer | Failure:
        """Ask once, parse, validate; never raises for anything that the source does."""


_MODULES: tuple[Source, ...] = (finnhub, yahoo)

REAL: dict[str, Source] = {module.DECLARED.name: module for module in _MODULES}
"""The sources of real data by name."""
