"""The two forms of a torture: a short one for every run of the tests, a long one for minutes."""

from __future__ import annotations

import pytest

SHORT_SECONDS_MAX = 180
"""Some seconds on a free machine."""
LONG_SECONDS_MAX = 1_800


def forms(name: str, *, short: object, long: object) -> pytest.MarkDecorator:
    """The same test with a small number and, marked ``torture``, with a large one."""
    return pytest.mark.parametrize(
        name,
        [
            pytest.param(short, id="short", marks=pytest.mark.timeout(SHORT_SECONDS_MAX)),
            pytest.param(
                long, id="long", marks=[pytest.mark.torture, pytest.mark.timeout(LONG_SECONDS_MAX)]
            ),
        ],
    )
