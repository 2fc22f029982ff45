"""Both transports keep the same promises."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.bus.rig import MemoryWire, Wire, ZeroMQWire
from tests.conformance.transport import TransportConformance


class TestMemoryTransport(TransportConformance):
    """In one process."""

    @pytest.fixture
    def wire(self) -> Iterator[Wire]:
        with closing(MemoryWire()) as wire:
            yield wire


class TestZeroMQTransport(TransportConformance):
    """Between processes, over ipc."""

    @pytest.fixture
    def wire(self, short_folder: Path) -> Iterator[Wire]:
        with closing(ZeroMQWire(short_folder)) as wire:
            yield wire
