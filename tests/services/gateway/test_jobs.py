"""Jobs are listed and cancelled by name, at every door alike."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bus.actor import Refused
from bus.message import Done
from market.instants import jsonable
from market.messages.fetcher import Backfill, CollectorStatus
from market.messages.history import CancelBackfill
from services.gateway.arguments import Arguments, OneJob
from services.gateway.render_evidence import jobs as shown
from services.gateway.talks import jobs
from tests.services.gateway import samples
from tests.services.gateway.fakes import FakeDeck, held

RUNNING = Backfill("NVDA", 1, 2, ("1h",))
STATE = replace(samples.collector(), backfills=(RUNNING, Backfill("AMD", 0, 2, ("1d", "1h"), True)))


def deck(done: Done | Refused | None = None) -> FakeDeck:
    return FakeDeck({CollectorStatus: STATE, CancelBackfill: done or Done(9, 1)})


def listed(found: FakeDeck) -> dict[str, Any]:
    return dict(jsonable(held(jobs.jobs(Arguments()), found)))


def test_every_back_fill_is_a_job_with_its_progress() -> None:
    told = listed(deck())
    assert told["message"] == "1 job under way."
    assert told["jobs"] == [
        {
            "id": "backfill.NVDA",
            "kind": "backfill",
            "ticker": "NVDA",
            "state": "running",
            "done": 1,
            "of": 2,
            "waits_for": ["1h"],
        },
        {
            "id": "backfill.AMD",
            "kind": "backfill",
            "ticker": "AMD",
            "state": "cancelled",
            "done": 0,
            "of": 2,
            "waits_for": ["1d", "1h"],
        },
    ]
    lines = [line.split() for line in shown(told).splitlines()]
    assert lines[1:] == [
        ["backfill.NVDA", "running", "1", "2", "1h"],
        ["backfill.AMD", "cancelled", "0", "2", "1d", "1h"],
    ]
    assert shown({"jobs": []}) == "No jobs."


@pytest.mark.parametrize("name", ["backfill.NVDA", "backfill.nvda"])
def test_a_job_is_cancelled_by_its_name(name: str) -> None:
    found = deck()
    told = held(jobs.cancel(OneJob(name)), found)
    assert found.asked[0] == CancelBackfill("NVDA")
    words = "The back-fill of NVDA is cancelled; ./tapedeck fetch NVDA goes on with it."
    assert (told.success, told.message, told.seq) == (True, words, 9)


def test_cancelling_twice_says_so() -> None:
    told = held(jobs.cancel(OneJob("backfill.NVDA")), deck(Done(9, 0)))
    assert told.message.startswith("The back-fill of NVDA was cancelled already")


@pytest.mark.parametrize("name", ["", "NVDA", "backfill.", "backtest.NVDA"])
def test_what_is_no_job_is_refused_with_the_way_to_name_one(name: str) -> None:
    with pytest.raises(Refused, match="is no job"):
        held(jobs.cancel(OneJob(name)), deck())


def test_the_collector_s_own_refusal_is_told() -> None:
    no = Refused("no_backfill", "no history of SPY is being fetched", "see ./tapedeck jobs")
    with pytest.raises(Refused, match="no history"):
        held(jobs.cancel(OneJob("backfill.SPY")), deck(no))
