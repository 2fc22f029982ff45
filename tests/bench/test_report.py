"""Tables as they are printed and as they stand on the page."""

import pytest

from bench.bus.page import page
from bench.cases import Case, Room, Sample
from bench.figures import Missing, Outcome, Row
from bench.machine import Machine
from bench.report import (
    Report,
    aligned,
    case_table,
    figure_table,
    markdown,
    note_table,
    number,
    told,
)


def never(room: Room) -> Sample:
    raise AssertionError(f"{room} is not measured here")


CASE = Case("append.ours", "ours", "events/s", never)
MACHINE = Machine("a processor", 2, 24, "Linux", "ext4", {"Python": "3.11"}, 0.5, 2.5)


def test_a_table_is_aligned_by_its_widest_cells() -> None:
    assert aligned([["case", "rate"], ["ours", "1"], ["a peer", "1,000"]]) == (
        "case    rate\n─────────────\nours    1\na peer  1,000"
    )


def test_a_table_in_markdown_has_a_rule_below_its_head() -> None:
    assert markdown([["case", "rate"], ["ours", "1"]]) == "| case | rate |\n|---|---|\n| ours | 1 |"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.052, "0.05"), (9.876, "9.88"), (12.34, "12.3"), (85_452.5, "85,452")],
)
def test_a_number_has_the_figures_that_count(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p99_us", "p99 12.0 µs"),
        ("delivered_per_second", "delivered 12.0/s"),
        ("rss_mb", "rss 12.0 MB"),
        ("imports_seconds", "imports 12.0 s"),
        ("unfitting_frames", "unfitting frames 12.0"),
    ],
)
def test_a_note_is_told_with_its_unit(name: str, text: str) -> None:
    assert told(name, 12) == text


def test_a_figure_is_one_row_with_what_it_is_to_reach() -> None:
    row = Row("ours / peer", "events/s", 100, 50, 2, 1, 3, "at least 3", reached=False)

    assert figure_table([row])[1] == [
        "ours / peer",
        "events/s",
        "100",
        "50.0",
        "2.00",
        "1.00–3.00",
        "at least 3",
        "no",
    ]


def test_an_absent_peer_is_told_in_its_row() -> None:
    row = Row("ours / peer", "events/s", target="at least 3", missing="absent: install it")

    assert figure_table([row])[1][2] == "absent"


def test_a_case_is_told_with_its_median_its_spread_and_its_processes() -> None:
    outcomes: list[Outcome] = [
        Sample(10, {"server": 7.0, "producer": 1.0}, {"rss_mb": 40}),
        Missing("failed: disk"),
        Sample(30, {"server": 9.0, "producer": 3.0}, {"rss_mb": 42}),
    ]

    assert case_table([CASE], {CASE.name: outcomes})[1] == [
        "ours",
        "events/s",
        "20.0",
        "10.0–30.0",
        "8.00",
        "2.00",
        "",
        "",
    ]
    assert note_table([CASE], {CASE.name: outcomes})[1] == ["ours", "rss 41.0 MB"]


def test_the_page_tells_the_run_the_machine_the_figures_and_what_stood_in_the_way() -> None:
    row = Row("ours / peer", "events/s", 1, 1, 1, 1, 1, "at least 3", reached=False, limit="Python")
    staged = {"stages.synced_batched": [Sample(9, notes={"insert_rows_us": 3.0})]}
    text = page(Report(MACHINE, 3, 1_000, [row], staged))

    assert "3 rounds, 1,000 events" in text
    assert "a processor, 2 cores, 24 GB, Linux, files on ext4." in text
    assert "Load average 0.5 before, 2.5 after" in text
    assert "| ours / peer | events/s | 1.00 |" in text
    assert "- *ours / peer*: Python" in text
    assert "| insert rows | 3.00 |" in text


def test_the_page_tells_what_was_absent() -> None:
    absent: dict[str, list[Outcome]] = {"append.redis_always": [Missing("absent: no redis here")]}

    assert "absent: no redis here" in page(Report(MACHINE, 1, 1_000, [], absent))
