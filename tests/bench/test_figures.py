"""Ratios within rounds, their medians, and targets."""

import pytest

from bench.cases import Sample
from bench.figures import Figure, Missing, Outcome, Reading, Row, Target, row_of

OURS, PEER = Reading("append.ours"), Reading("append.peer")
TWICE = Target("at least", 2)


def samples(*values: float) -> list[Sample]:
    return [Sample(value) for value in values]


def test_a_ratio_is_taken_within_each_round_and_its_median_told() -> None:
    figure = Figure("ours / peer", "events/s", OURS, PEER, TWICE)
    outcomes = {"append.ours": samples(100, 400, 90), "append.peer": samples(50, 100, 45)}

    assert row_of(figure, outcomes) == Row(
        "ours / peer",
        "events/s",
        ours=100,
        peer=50,
        ratio=2,
        low=2,
        high=4,
        target="at least 2",
        reached=True,
    )


def test_a_figure_that_is_not_reached_says_what_stands_in_the_way() -> None:
    figure = Figure("ours / peer", "events/s", OURS, PEER, TWICE, "Python")
    row = row_of(figure, {"append.ours": samples(10), "append.peer": samples(10)})

    assert row is not None
    assert (row.reached, row.limit) == (False, "Python")


def test_a_figure_without_a_peer_is_held_against_its_target_itself() -> None:
    figure = Figure("memory", "MB", Reading("idle", "rss_mb"), target=Target("at most", 45))
    idle = [Sample(0.0, notes={"rss_mb": size}) for size in (44.0, 40.0, 50.0)]

    assert row_of(figure, {"idle": idle}) == Row(
        "memory", "MB", ours=44, low=40, high=50, target="at most 45", reached=True
    )


def test_a_round_in_which_one_side_failed_does_not_count() -> None:
    figure = Figure("ours / peer", "events/s", OURS, PEER)
    outcomes: dict[str, list[Outcome]] = {
        "append.ours": [*samples(10, 20, 30)],
        "append.peer": [Missing("failed: disk"), *samples(10, 10)],
    }
    row = row_of(figure, outcomes)

    assert row is not None
    assert (row.ours, row.ratio, row.reached) == (25, 2.5, None)


def test_a_figure_whose_peer_is_absent_says_so_and_is_neither_reached_nor_missed() -> None:
    figure = Figure("ours / peer", "events/s", OURS, PEER, TWICE)
    outcomes: dict[str, list[Outcome]] = {
        "append.ours": [Sample(10)],
        "append.peer": [Missing("absent: no peer here")],
    }

    assert row_of(figure, outcomes) == Row(
        "ours / peer", "events/s", target="at least 2", missing="absent: no peer here"
    )


def test_a_figure_whose_cases_were_not_asked_for_has_no_row() -> None:
    assert row_of(Figure("ours / peer", "events/s", OURS, PEER), {"append.ours": []}) is None


@pytest.mark.parametrize(
    ("bound", "measured", "reached"),
    [
        ("at least", 2.0, True),
        ("at least", 1.9, False),
        ("at most", 2.0, True),
        ("at most", 2.1, False),
    ],
)
def test_a_target_is_reached_at_its_bound(bound: str, measured: float, reached: bool) -> None:
    target = Target("at least" if bound == "at least" else "at most", 2)

    assert target.reached(measured) is reached
