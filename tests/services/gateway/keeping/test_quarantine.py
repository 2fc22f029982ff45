"""``./tapedeck verify --quarantine``, as it is typed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bus.keeping.verify import inspect
from bus.locks import hold
from tests.bus.keeping.dying import deaths
from tests.bus.tapes import alter, contents, everything
from tests.services.gateway.keeping.conftest import Type

SPOILT = "UPDATE event SET body = x'00' WHERE seq = 4"


def test_it_says_what_goes_on_what_is_lost_and_where_the_originals_lie(
    home: Path, type_: Type
) -> None:
    alter(home / "tape.db", SPOILT)
    result = type_("verify", "--quarantine")
    [folder] = (home / "quarantine").iterdir()
    report = inspect(home / "tape.db")

    assert result.exit_code == 1
    assert result.stdout == (
        f"{home / 'tape.db'}: DAMAGED; everything is sound up to seq 2,"
        " and 9 of 10 events are whole by themselves\n"
        "  seq 4: does not match its checksum\n"
        f"a new tape ({report.tape_id}) holds 2 events up to seq 2; 8 events are lost to it\n"
        f"The damaged tape, and what was folded from it, lie in {folder}\n"
    )
    assert (report.head, report.findings) == (2, ())
    assert type_("verify").exit_code == 0


def test_a_sound_tape_is_left_as_it_is(home: Path, type_: Type) -> None:
    before = contents(home)
    result = type_("verify", "--quarantine")

    assert (result.exit_code, "10 events, all sound" in result.stdout) == (0, True)
    assert {name: contents(home)[name] for name in before} == before


def test_for_programs_it_is_json(home: Path, type_: Type) -> None:
    alter(home / "tape.db", SPOILT)
    told = msgspec.json.decode(type_("verify", "--quarantine", "--json").stdout)

    assert (told["kept"], told["lost"], told["report"]["sound_to"]) == (2, 8, 2)


@pytest.mark.parametrize("name", ["tapedeck", "bus", "cache"])
def test_while_a_process_of_the_deck_runs_it_is_refused(home: Path, type_: Type, name: str) -> None:
    alter(home / "tape.db", SPOILT)
    (home / "run").mkdir(mode=0o700)
    before = contents(home)
    with hold(home / "run", name, "there"):
        result = type_("verify", "--quarantine")

    assert result.exit_code == 2
    assert f"{name} is already running" in result.stderr
    assert "stop it first (Ctrl-C where it runs)" in result.stderr
    assert {name: contents(home)[name] for name in before} == before


def test_another_tape_than_the_homes_is_refused(home: Path, type_: Type) -> None:
    result = type_("verify", str(home / "tape.db"), "--quarantine")

    assert (result.exit_code, "takes the home's tape alone" in result.stderr) == (2, True)


def test_what_was_killed_is_finished(
    home: Path, type_: Type, tmp_path_factory: pytest.TempPathFactory
) -> None:
    alter(home / "tape.db", SPOILT)
    killed = deaths("quarantine", home, tmp_path_factory.mktemp("killed"))[5]
    plain = type_("verify", TAPEDECK_HOME=str(killed))
    finished = type_("verify", "--quarantine", TAPEDECK_HOME=str(killed))

    assert (plain.exit_code, "finish it: ./tapedeck verify --quarantine" in plain.stderr) == (
        2,
        True,
    )
    assert finished.exit_code == 0
    assert "finished what `./tapedeck verify --quarantine` had begun" in finished.stderr
    assert len(everything(killed / "tape.db")) == 2
