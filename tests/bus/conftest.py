"""A deck on the memory transport, in one thread, and its log kept from the terminal."""

import resource
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.bus.rig import MemoryWire, Rig


@pytest.fixture
def idle_rig(tmp_path: Path) -> Iterator[Rig]:
    """A rig whose bus has not started."""
    with closing(Rig(MemoryWire(), tmp_path)) as rig:
        yield rig


@pytest.fixture
def rig(idle_rig: Rig) -> Rig:
    """A rig whose bus runs."""
    idle_rig.start()
    return idle_rig


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[EventDict]]:
    """What the test's deck logs, kept from the terminal."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Lets no file of this process grow beyond so many bytes; -1 is no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda limit: resource.setrlimit(
        resource.RLIMIT_FSIZE, (limit if limit >= 0 else soft, hard)
    )
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
