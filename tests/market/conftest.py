"""Where real series and reference values lie, on the machines that have them."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real series and reference values."""
    folder = os.environ.get("TAPEDECK_SHARED_DATA")
    if not folder:
        pytest.skip("TAPEDECK_SHARED_DATA is not set: no real series to compute on")
    return Path(folder)
