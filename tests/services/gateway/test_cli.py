"""The command line, over a real control socket."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from bus.actor import Refused
from bus.message import BusStatus, Done
from config.settings import PROJECT_ROOT
from market.messages.analyzer import Analyze
from market.messages.cache import (
    CacheEntry,
    CacheStatus,
    FindEvents,
    ReadBars,
    ReadNews,
    SeqsFound,
    Snapshot,
)
from market.messages.fetcher import AddTicker, CollectorStatus, RemoveTicker
from services.gateway.cli import tapedeck
from services.gateway.control import Control
from services.gateway.kept import Kept
from services.gateway.metrics import Meters
from services.gateway.render import SIMULATED
from services.gateway.verbs import VERBS
from tests.services.gateway import samples
from tests.services.gateway.fakes import FakeDeck, Replies

Type = Callable[..., Result]

STATE: Replies = {
    CollectorStatus: samples.collector(),
    CacheStatus: samples.cache(),
    BusStatus: samples.bus(),
    Snapshot: samples.snapshot(),
    ReadBars: samples.bars(),
    ReadNews: samples.news(),
    Analyze: samples.analysis(),
    FindEvents: SeqsFound((1, 2), 2, 0),
    AddTicker: Done(9, 1),
    RemoveTicker: Refused("protected", "SPY is protected", "it is always tracked"),
}
RECORDS = samples.records(samples.decision(), samples.decision())

KEPT = Kept("c0ffee00" * 8, "yahoo", "NVDA", "https://x.example/NVDA", 200, "", 1, b'{"chart":1}')


@pytest.fixture
def deck() -> FakeDeck:
    found = FakeDeck(STATE, RECORDS)
    found.answers = [KEPT]
    return found


@pytest.fixture
def type_(deck: FakeDeck, tmp_path: Path) -> Iterator[Type]:
    """Types a command line to the deck."""
    (tmp_path / "run").mkdir()
    environment = {"TAPEDECK_HOME": str(tmp_path)}
    with ExitStack() as stack:
        control = Control(deck, Meters(), f"ipc://{tmp_path / 'run' / 'control'}")
        stack.callback(control.close)

        def typed(*words: str) -> Result:
            return CliRunner().invoke(tapedeck, words, env=environment)

        yield typed


@pytest.mark.parametrize(
    ("words", "code", "shown"),
    [
        (["status"], 0, ["running", "SPY QQQ NVDA", "finnhub", "7"]),
        (["watchlist"], 0, ["NVDA", "190.00", "-5.00 %", "down", "BUY"]),
        (["analyze", "nvda"], 0, ["NVDA: BUY", "185.00", "70.0", "at least 60"]),
        (["bars", "nvda", "--limit", "2"], 0, ["2026-11-20T12:00:00Z", "12.00"]),
        (["indicators", "nvda"], 0, ["1d", "28.00"]),
        (["levels", "nvda"], 0, ["support", "180.00", "trend down"]),
        (["snapshot", "nvda"], 0, ["price: 190.0"]),
        (["raw", "c0ffee00"], 0, ["yahoo", "https://x.example/NVDA", '{"chart":1}']),
        (["cache"], 0, ["NVDA", "1250"]),
        (["cache-entry", "nvda"], 0, ["bars:", "1d: 1250"]),
        (["decisions"], 0, ["BUY", "66.0"]),
        (["events", "decision"], 0, ["decision.made.NVDA", "signal=BUY"]),
        (["health"], 0, ["ready", "analyzer", "half within 0.4 ms"]),
        (["letters"], 0, ["No dead letters."]),
        (["add", "nvda"], 0, ["NVDA is tracked"]),
    ],
)
def test_every_verb_prints_its_answer_for_people(
    type_: Type, words: list[str], code: int, shown: list[str]
) -> None:
    result = type_(*words)
    assert result.exit_code == code, result.output
    for text in shown:
        assert text in result.stdout


def test_a_switch_that_is_on_can_be_turned_off(type_: Type, deck: FakeDeck) -> None:
    type_("bars", "nvda", "--no-adjusted")
    assert deck.asked == [ReadBars("NVDA", adjusted=False)]


@pytest.mark.parametrize("verb", [v for v in VERBS if v.talk and not v.changes])
def test_every_question_prints_json_for_programs(type_: Type, verb: object) -> None:
    assert isinstance(verb, type(VERBS[0]))
    needs = verb.arguments.__struct_fields__
    given = {"ticker": "nvda", "hash": KEPT.hash, "decision": "1"}
    required = [value for name, value in given.items() if name in needs]
    result = type_(verb.name, *required, "--json")
    assert result.exit_code == 0, result.output
    assert isinstance(msgspec.json.decode(result.stdout), dict)


def test_a_refusal_exits_with_1_and_says_what_to_do(type_: Type) -> None:
    result = type_("remove", "SPY")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "SPY is protected\nit is always tracked\n"
    as_json = type_("remove", "SPY", "--json")
    assert as_json.exit_code == 1
    assert msgspec.json.decode(as_json.stdout) == {
        "error": {
            "code": "protected",
            "message": "SPY is protected",
            "remedy": "it is always tracked",
        }
    }


def test_no_deck_exits_with_1_and_says_how_to_start_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(tapedeck, ["status"], env={"TAPEDECK_HOME": str(tmp_path)})
    assert result.exit_code == 1
    assert "make run" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["explode"],
        ["add"],
        ["bars", "NVDA", "--limit", "few"],
        ["bars", "NVDA", "--limit", "0"],
        ["bars", "NVDA", "--timeframe", "5m"],
        ["bars", "NVDA", "--as-of", "yesterday"],
        ["events", "--from-seq", "18446744073709551616"],
        ["status", "--more"],
    ],
)
def test_a_wrong_command_line_exits_with_2_whether_a_deck_runs_or_not(
    type_: Type, tmp_path: Path, words: list[str]
) -> None:
    nowhere = {"TAPEDECK_HOME": str(tmp_path / "nowhere")}
    without = CliRunner().invoke(tapedeck, words, env=nowhere)
    assert (without.exit_code, type_(*words).exit_code) == (2, 2)
    assert without.stderr


def test_simulated_and_stale_answers_exit_with_3_and_say_so(type_: Type, deck: FakeDeck) -> None:
    deck.replies[Snapshot] = samples.snapshot("NVDA~sim", simulated=True)
    simulated = type_("levels", "NVDA")
    assert (simulated.exit_code, "SIMULATED DATA" in simulated.stdout) == (3, True)
    deck.replies[Analyze] = samples.analysis(stale=True)
    stale = type_("analyze", "NVDA")
    assert (stale.exit_code, "STALE" in stale.stdout) == (3, True)
    deck.replies[BusStatus] = samples.bus("fetcher")
    unready = type_("health")
    assert (unready.exit_code, "indicators, cache, analyzer" in unready.stdout) == (3, True)


@pytest.mark.parametrize("words", [["cache"], ["decisions"], ["decisions", "nvda"], ["events"]])
def test_a_list_with_anything_simulated_in_it_exits_with_3_and_marks_the_row(
    type_: Type, deck: FakeDeck, words: list[str]
) -> None:
    held = CacheEntry("NVDA~sim", True, False, 12.0, 190.0, "simulated", {})
    deck.replies[CacheStatus] = samples.cache(held)
    deck.paper.records = samples.records(samples.decision(), samples.decision("NVDA~sim"))
    result = type_(*words)
    first, *rows = result.stdout.splitlines()
    assert (result.exit_code, first) == (3, SIMULATED)
    assert ["SIMULATED" in row for row in rows if "NVDA" in row] == (
        [True] if words == ["cache"] else [False, True]
    )


def test_a_command_that_succeeds_exits_with_0_on_simulated_data_too(
    type_: Type, deck: FakeDeck
) -> None:
    deck.replies[CollectorStatus] = samples.collector(simulated=True)
    result = type_("add", "NVDA")
    assert (result.exit_code, "SIMULATED DATA" in result.stdout) == (0, True)


def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    environment = {"TAPEDECK_HOME": str(tmp_path), "TAPEDECK_GATEWAY__PROT": "1"}
    result = CliRunner().invoke(tapedeck, ["status"], env=environment)
    assert result.exit_code == 1
    assert "TAPEDECK_GATEWAY__PORT" in result.stderr


def test_help_loads_nothing_heavy() -> None:
    heavy = ("polars", "numpy", "starlette", "uvicorn", "zmq", "prometheus_client", "requests")
    code = (
        "import sys; from click.testing import CliRunner;"
        "from services.gateway.cli import tapedeck;"
        "print(CliRunner().invoke(tapedeck, ['--help']).output);"
        f"print('loaded:', [m for m in {heavy!r} if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert "loaded: []" in done.stdout
    for verb in VERBS:
        assert f"  {verb.name} " in done.stdout
