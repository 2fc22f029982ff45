"""What every test starts from: no settings of the machine's owner, and no stopwatch."""

import os
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.torture import report

# A broken law shows both values, like a broken assertion in a test's own file.
pytest.register_assert_rewrite("bus.laws", "bus.testing")

hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--torture-report=FILE`` keeps the torture report."""
    parser.addoption("--torture-report", type=Path, help="write the torture report as JSON")


def pytest_configure() -> None:
    """Forget the owner's settings, so that a test sees only what it sets itself."""
    hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")
    for name in list(os.environ):
        if name.startswith(("TAPEDECK_", "FINNHUB_")) and name != "TAPEDECK_SHARED_DATA":
            del os.environ[name]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """The rows of the torture report travel with the test that recorded them."""
    if call.when == "call":
        item.user_properties += report.recorded()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One table of what the torture did, and of what it found."""
    results = [result for kind in terminalreporter.stats.values() for result in kind]
    properties = [
        each
        for result in results
        if isinstance(result, pytest.TestReport) and result.when == "call"
        for each in result.user_properties
    ]
    if rows := report.rows_of(properties):
        terminalreporter.section("torture report")
        terminalreporter.write_line("\n".join(report.table(rows)))
    if (path := config.getoption("--torture-report")) is not None:
        path.write_bytes(report.as_json(rows))
