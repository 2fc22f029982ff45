"""Kill any process at any moment: nothing is lost, doubled, moved or silently wrong."""

from __future__ import annotations

import random
import time

import pytest

from tests.torture.cast import EVERYBODY, PRODUCERS, begin, goes_on, settle, tell
from tests.torture.forms import forms
from tests.torture.stage import Stage

pytestmark = pytest.mark.xdist_group("torture")

SEED = 20


@pytest.mark.guarantee("total-order")
@pytest.mark.guarantee("acks")
@pytest.mark.guarantee("bus-restart")
@pytest.mark.guarantee("snapshots")
@pytest.mark.guarantee("projections")
@pytest.mark.guarantee("requests")
@forms("kills", short=20, long=500)
def test_after_kills_at_random_nothing_is_lost_doubled_or_changed_and_every_state_is_the_fold(
    kills: int,
) -> None:
    chance, began = random.Random(SEED), time.monotonic()
    with Stage() as stage:
        begin(stage)
        while stage.kills < kills:
            victims = chance.sample(EVERYBODY, chance.choice((1, 1, 1, 2, 3)))
            for name in victims:
                stage.kill(name)
            for name in victims:
                stage.restart(name)
            if chance.random() < 0.8:  # and at times the next ones die while these come back
                goes_on(stage, chance.choice(PRODUCERS), rows=chance.randrange(1, 40))
        oracle = settle(stage)
        tell("kills at random", stage, oracle, began)

    assert oracle.findings == []
