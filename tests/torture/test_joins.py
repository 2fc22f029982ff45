"""Join while others speak, again and again: nothing is missed, nothing comes twice."""

from __future__ import annotations

import time

import pytest

from tests.torture import journal
from tests.torture.cast import begin, settle, tell
from tests.torture.forms import forms
from tests.torture.parties import joiner
from tests.torture.stage import Stage

pytestmark = pytest.mark.xdist_group("torture")

JOINERS = ("first", "second")
STAY = 8
"""Records that each join waits for."""


@pytest.mark.guarantee("join")
@pytest.mark.guarantee("gaps")
@forms("joins", short=50, long=1_000)
def test_whoever_joins_while_others_speak_misses_nothing_and_hears_nothing_twice(
    joins: int,
) -> None:
    began, each = time.monotonic(), joins // len(JOINERS)
    with Stage() as stage:
        begin(stage)
        for name in JOINERS:
            stage.start(name, joiner, joins=each, stay=STAY)
        rows = each * (2 + STAY)
        stage.until(lambda: all(stage.told(name) == rows for name in JOINERS), "every join")
        stage.end(*JOINERS)
        oracle = settle(stage)
        for name in JOINERS:
            oracle.joined(name, journal.rows(stage.place.journal(name)))
        tell("joins while others speak", stage, oracle, began, faults=joins)

    assert oracle.findings == []
