"""The whole way of a message keeps the same promises over both transports."""

from pathlib import Path

import pytest

from tests.bus.rig import MemoryWire, Wire, ZeroMQWire
from tests.conformance.path import PathConformance


class TestPathInMemory(PathConformance):
    """In one process."""

    @pytest.fixture
    def wire(self) -> Wire:
        return MemoryWire()


class TestPathOverZeroMQ(PathConformance):
    """Over ipc."""

    @pytest.fixture
    def wire(self, short_folder: Path) -> Wire:
        return ZeroMQWire(short_folder)
