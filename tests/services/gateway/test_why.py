"""Why a decision was made: every event under it, and the bytes under those."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bus.actor import Refused
from bus.message import Event
from market.instants import jsonable
from market.messages.analyzer import Evidence
from market.messages.cache import Known, Snapshot
from market.messages.fetcher import Bars
from market.messages.indicators import Indicators
from services.gateway.arguments import DecisionWanted
from services.gateway.kept import Kept
from services.gateway.render_evidence import why as shown
from services.gateway.talks.why import why
from tests.services.gateway import samples
from tests.services.gateway.fakes import FakeDeck, held

HASH, MARKET_HASH = "c0ffee00" * 8, "beef0000" * 8
COMMAND = "./tapedeck raw c0ffee00c0ffee00"


def bars(ticker: str, answer_hash: str) -> Bars:
    one = (1.0,)
    return Bars(
        ticker, "1d", "yahoo", False, (0,), one, one, one, one, one, answer_hash=answer_hash
    )


def indicators(ticker: str, bars_seq: int) -> Indicators:
    return Indicators(ticker, {"1d": replace(samples.reading(), bars_seq=bars_seq)}, 0)


TAPE: tuple[Event, ...] = (
    bars("SPY", MARKET_HASH),  # 1
    indicators("SPY", 1),  # 2
    bars("NVDA", HASH),  # 3
    indicators("NVDA", 3),  # 4
    replace(samples.decision(), evidence=Evidence(4, {"SPY": 2}, 0)),  # 5
)


def deck(first: int = 1) -> FakeDeck:
    snapshot = replace(samples.snapshot(), known={"decision": Known(5, samples.NOON_US)})
    found = FakeDeck({Snapshot: snapshot}, samples.records(*TAPE)[first - 1 :])
    found.answers = [Kept(HASH, "yahoo", "NVDA", "", 200, "", 1, b"{}")]
    return found


def asked(decision: str, found: FakeDeck | None = None) -> dict[str, Any]:
    return dict(jsonable(held(why(DecisionWanted(decision)), found or deck())))


@pytest.mark.parametrize("decision", ["NVDA", "nvda", "5"])
def test_the_evidence_reaches_from_the_decision_down_to_the_providers_answers(
    decision: str,
) -> None:
    told = asked(decision)
    assert (told["ticker"], told["signal"], told["seq"], told["missing"]) == ("NVDA", "BUY", 5, [])
    steps = [(one["seq"], one["what"], one["rests_on"]) for one in told["steps"]]
    assert steps == [
        (5, "decision on NVDA", [4, 2]),
        (4, "indicators of NVDA", [3]),
        (3, "1d bars of NVDA", []),
        (2, "indicators of SPY", [1]),
        (1, "1d bars of SPY", []),
    ]
    bytes_of_nvda, bytes_of_spy = told["steps"][2], told["steps"][4]
    assert (bytes_of_nvda["source"], bytes_of_nvda["answer_hash"]) == ("yahoo", HASH)
    assert (bytes_of_nvda["kept"], bytes_of_spy["kept"]) == (True, False)
    assert bytes_of_nvda["raw"] == f"/api/raw/{HASH}"
    assert bytes_of_nvda["command"] == COMMAND


def test_a_terminal_is_told_the_command_that_prints_the_bytes() -> None:
    lines = shown(asked("NVDA")).splitlines()
    assert f"#3 1d bars of NVDA, as yahoo answered: {COMMAND}" in lines
    told = f"#1 1d bars of SPY, as yahoo answered: ./tapedeck raw {MARKET_HASH[:16]}"
    assert f"{told} (no longer kept)" in lines


def test_what_the_tape_no_longer_holds_is_named_and_not_invented() -> None:
    told = asked("5", deck(first=4))
    assert [one["seq"] for one in told["steps"]] == [5, 4]
    assert told["missing"] == [2, 3]
    assert "Not on the tape any more: #2 #3." in shown(told)


@pytest.mark.parametrize("decision", ["4", "99"])
def test_what_is_no_decision_is_refused(decision: str) -> None:
    with pytest.raises(Refused, match="there is no decision"):
        asked(decision)


def test_a_ticker_on_which_nothing_was_decided_is_refused() -> None:
    found = deck()
    found.replies[Snapshot] = replace(samples.snapshot(), known={})
    with pytest.raises(Refused, match="nothing was decided about NVDA"):
        asked("NVDA", found)


def test_as_of_an_instant_the_decision_of_then_is_explained() -> None:
    found = deck()
    held(why(DecisionWanted("NVDA", as_of="2026-11-21T12:00:00Z")), found)
    assert found.asked == [Snapshot("NVDA", samples.NOON_US)]
