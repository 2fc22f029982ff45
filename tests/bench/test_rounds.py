"""Which cases are run, in which order, and what becomes of those that cannot be."""

from pathlib import Path

import pytest

from bench.cases import Case, Room, Sample
from bench.figures import Missing
from bench.rounds import chosen, run
from bench.server import Absent

NAMES = ["append.ours", "append.peer", "length.1m", "length.10m"]


def case_of(name: str, ran: list[str]) -> Case:
    def measure(room: Room) -> Sample:
        ran.append(name)
        return Sample(float(room.events))

    return Case(name, name, "events/s", measure, long=name == "length.10m")


@pytest.fixture
def ran() -> list[str]:
    return []


@pytest.fixture
def cases(ran: list[str]) -> list[Case]:
    return [case_of(name, ran) for name in NAMES]


@pytest.mark.parametrize(
    ("only", "long", "names"),
    [
        ([], False, NAMES[:3]),
        ([], True, NAMES),
        (["append"], False, NAMES[:2]),
        (["append.peer", "length"], False, NAMES[1:3]),
        (["length.10m"], False, NAMES[3:]),
    ],
)
def test_cases_are_chosen_by_name_or_group(
    cases: list[Case], only: list[str], long: bool, names: list[str]
) -> None:
    assert [case.name for case in chosen(cases, only, long=long)] == names


def test_a_name_that_no_case_has_is_refused(cases: list[Case]) -> None:
    with pytest.raises(KeyError, match="appends"):
        chosen(cases, ["appends"], long=False)


def test_every_other_round_runs_backwards(
    cases: list[Case], ran: list[str], tmp_path: Path
) -> None:
    run(cases[:2], 3, Room(tmp_path, 10))

    assert ran == [*NAMES[:2], *NAMES[1::-1], *NAMES[:2]]


def test_an_absent_peer_and_a_failure_are_told_and_the_others_are_run(tmp_path: Path) -> None:
    def absent(room: Room) -> Sample:
        raise Absent("no server here")

    def broken(room: Room) -> Sample:
        raise OSError("disk full")

    cases = [
        Case("append.absent", "", "", absent),
        Case("append.broken", "", "", broken),
        case_of("append.ours", []),
    ]

    assert run(cases, 1, Room(tmp_path, 10)) == {
        "append.absent": [Missing("absent: no server here")],
        "append.broken": [Missing("failed: append.broken (OSError('disk full'))")],
        "append.ours": [Sample(10)],
    }


def test_the_home_of_a_run_is_gone_after_it_and_the_shelf_stays(tmp_path: Path) -> None:
    room = Room(tmp_path, 10)
    with room.home() as home:
        (home / "file").write_text("kept")

    assert not home.exists()
    assert room.shelf.is_dir()
