"""What every test starts from: no settings of the machine's owner, and no stopwatch."""

import os
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)


def pytest_configure() -> None:
    """Forget the owner's settings, so that a test sees only what it sets itself."""
    hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")
    for name in list(os.environ):
        if name.startswith(("TAPEDECK_", "FINNHUB_")) and name != "TAPEDECK_SHARED_DATA":
            del os.environ[name]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real series and recorded answers, where somebody has it."""
    folder = os.environ.get("TAPEDECK_SHARED_DATA")
    if not folder:
        pytest.skip("TAPEDECK_SHARED_DATA names no folder of recorded data")
    return Path(folder)
