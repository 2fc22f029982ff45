"""The torture report adds up what the scenarios counted, and knows no count of another name."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.torture.page import main
from tests.torture.report import Row, as_json, record, recorded, rows_of, table


def test_rows_of_one_scenario_are_added_together_and_listed_by_name() -> None:
    record("kills", kills=20, acknowledged=5_000, seconds=1.5)
    record("cuts", faults=3)
    record("kills", kills=5, acknowledged=1_000, lost=1, seconds=0.5)
    properties = [("other", "thing"), *recorded()]

    assert rows_of(properties) == [
        Row(scenario="cuts", faults=3),
        Row(scenario="kills", kills=25, acknowledged=6_000, lost=1, seconds=2.0),
    ]
    assert recorded() == []


def test_a_count_of_another_kind_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        record("kills", kills=0.5)
    assert recorded() == []


def test_the_table_ends_with_the_sum_and_the_json_holds_the_rows() -> None:
    rows = [Row(scenario="a", kills=1_000, seconds=0.25), Row(scenario="b", kills=500)]
    head, *lines = table(rows)

    assert head.split()[:3] == ["scenario", "kills", "faults"]
    assert [line.split()[:2] for line in lines] == [
        ["a", "1,000"],
        ["b", "500"],
        ["together", "1,500"],
    ]
    assert len({len(line) for line in (head, *lines)}) == 1
    assert msgspec.json.decode(as_json(rows), type=list[Row]) == rows


def test_the_page_shows_the_table_of_a_report(tmp_path: Path) -> None:
    rows = [Row(scenario="kills", kills=25, acknowledged=6_000)]
    (report := tmp_path / "report.json").write_bytes(as_json(rows))
    main(str(report), str(tmp_path / "page.md"))
    shown = (tmp_path / "page.md").read_text(encoding="utf-8").splitlines()

    assert shown[0] == "# What the torture found"
    assert shown[-3:] == [f"    {line}" for line in table(rows)]
