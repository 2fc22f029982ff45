"""The bench of the bus: what it carries, what it compares, and one short run of it."""

import json
from itertools import islice

import msgspec
import pytest
from click.testing import CliRunner

from bench.bus.__main__ import bench
from bench.bus.cases import CASES
from bench.bus.figures import FIGURES
from bench.bus.pacing import PERIOD_SECONDS, ticks
from bench.bus.payload import BODY_BYTES, bodies, body, drafts, said_us
from bench.measures import percentile


def test_everybody_carries_the_same_212_bytes() -> None:
    ours = [(draft.subject, bytes(draft.body)) for draft in drafts(1_000)]

    assert ours == bodies(1_000)
    assert {len(data) for _, data in ours} == {BODY_BYTES}


def test_a_body_tells_when_it_was_said() -> None:
    assert said_us(body(7, at_us=1_234_567_890_123)) == 1_234_567_890_123


def test_a_body_that_breaks_the_contract_is_not_read() -> None:
    with pytest.raises(msgspec.ValidationError):
        said_us(msgspec.msgpack.encode({"ticker": "NVDA", "price": "high"}))


def test_every_figure_reads_cases_that_there_are() -> None:
    names = {case.name for case in CASES}
    read = {r.case for figure in FIGURES for r in (figure.ours, figure.peer) if r}

    assert read <= names
    assert len(names) == len(CASES)


def test_ticks_that_come_late_are_not_waited_for() -> None:
    assert all(0 <= pause <= PERIOD_SECONDS for pause in islice(ticks(3), 2))


@pytest.mark.parametrize(("percent", "value"), [(50, 3.0), (99, 4.96)])
def test_a_percentile_lies_between_its_neighbours(percent: int, value: float) -> None:
    assert percentile([5, 1, 3, 2, 4], percent) == pytest.approx(value)


def test_the_percentile_of_one_value_is_its_own() -> None:
    assert percentile([7], 99) == 7


def test_a_short_run_measures_the_bus_and_sqlite_and_tells_their_ratio() -> None:
    only = ["--only", "append.synced_batched", "--only", "append.sqlite"]
    said = CliRunner().invoke(bench, ["--rounds", "1", "--events", "2000", "--json", *only])

    assert said.exit_code == 0, said.output
    report = json.loads(said.stdout)
    figure = next(row for row in report["figures"] if "SQLite" in row["text"])
    (ours,) = report["outcomes"]["append.synced_batched"]
    assert figure["ratio"] == pytest.approx(figure["ours"] / figure["peer"])
    assert ours["value"] == figure["ours"] > 0
    assert set(ours["cpu_us"]) == {"server", "producer", "subscriber"}


def test_a_case_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    said = CliRunner().invoke(bench, ["--only", "appends"])

    assert said.exit_code == 2
    assert "append.synced_batched" in said.stderr
