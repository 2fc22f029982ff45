"""Every source that the settings may name is a module that keeps the suite of the sources."""

from __future__ import annotations

from typing import get_args

import pytest

from config.settings import Source
from services.fetcher.core.declaration import Declaration
from services.fetcher.sources import declared, real
from tests.conformance.source import SourceConformance
from tests.services.fetcher.sources.test_files import TestFiles as _Files
from tests.services.fetcher.sources.test_finnhub import TestFinnhub as _Finnhub
from tests.services.fetcher.sources.test_yahoo import TestYahoo as _Yahoo

SUITES: tuple[SourceConformance, ...] = (_Finnhub(), _Yahoo(), _Files())
NAMES = get_args(Source)
REAL = [name for name in NAMES if name != "simulated"]


@pytest.mark.parametrize("name", NAMES)
def test_a_source_declares_itself_under_its_own_name(name: str) -> None:
    assert isinstance(declared(name).DECLARED, Declaration)
    assert declared(name).DECLARED.name == name


@pytest.mark.parametrize("name", REAL)
def test_a_source_of_real_data_keeps_the_suite(name: str) -> None:
    assert real(name) in [suite.source for suite in SUITES]
    assert callable(real(name).ask)
