"""What every test starts from: no settings of the machine's owner, and no stopwatch."""

import os

import hypothesis
import pytest

# A broken law shows both values, like a broken assertion in a test's own file.
pytest.register_assert_rewrite("bus.laws", "bus.testing")

hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)


def pytest_configure() -> None:
    """Forget the owner's settings, so that a test sees only what it sets itself."""
    hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")
    for name in list(os.environ):
        if name.startswith(("TAPEDECK_", "FINNHUB_")) and name != "TAPEDECK_SHARED_DATA":
            del os.environ[name]
