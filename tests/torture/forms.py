"""The two forms of a torture: a short one for every run of the tests, a long one for minutes."""

from __future__ import annotations

import pytest


def forms(name: str, *, short: object, long: object) -> pytest.MarkDecorator:
    """The same test with a small number and, marked ``torture``, with a large one."""
    return pytest.mark.parametrize(
        name,
        [
            pytest.param(short, id="short"),
            pytest.param(long, id="long", marks=pytest.mark.torture),
        ],
    )
