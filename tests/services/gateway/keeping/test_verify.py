"""``./tapedeck verify``, as it is typed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from bus.codec import Append, Draft
from bus.tape import TapeWriter
from services.gateway.cli import tapedeck


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose tape holds three events."""
    with closing(TapeWriter(tmp_path / "tape.db")) as tape:
        tape.enlist("p", 0)
        for mark in range(3):
            draft = Draft("test.said.A", 1, msgspec.Raw(b"\x80"))
            tape.append([Append("p", 1, mark - 1, mark, "logged", (draft,))], mark)
    return tmp_path


def typed(home: Path, *words: str, **environ: str) -> Result:
    environment = {"TAPEDECK_HOME": str(home), **environ}
    return CliRunner().invoke(tapedeck, ["verify", *words], env=environment)


def spoil(tape: Path) -> None:
    with closing(sqlite3.connect(tape)) as db, db:
        db.execute("UPDATE event SET body = x'00' WHERE seq = 2")


def test_a_sound_tape_is_0(home: Path) -> None:
    result = typed(home)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{home / 'tape.db'}: 3 events, all sound\n"


@pytest.mark.guarantee("bit-rot")
def test_a_damaged_tape_is_1_and_the_first_damaged_seq_and_what_is_sound_are_named(
    home: Path,
) -> None:
    spoil(home / "tape.db")
    result = typed(home)

    assert result.exit_code == 1
    assert result.stdout == (
        f"{home / 'tape.db'}: DAMAGED; everything is sound up to seq 1,"
        " and 2 of 3 events are whole by themselves\n"
        "  seq 2: does not match its checksum\n"
        "Nothing was changed. To go on with what is sound, stop the deck and type\n"
        "  ./tapedeck verify --quarantine\n"
    )


def test_for_programs_it_is_json(home: Path) -> None:
    spoil(home / "tape.db")
    report = msgspec.json.decode(typed(home, "--json").stdout)

    assert (report["sound_to"], report["head"], report["found"]) == (1, 3, 1)
    assert report["findings"] == [{"seq": 2, "what": "does not match its checksum"}]


def test_a_file_that_is_named_is_verified_in_the_tapes_stead(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes((home / "tape.db").read_bytes())
    spoil(home / "tape.db")

    assert typed(home, str(copy)).exit_code == 0


@pytest.mark.parametrize(
    ("words", "environ", "told"),
    [
        (["/nowhere/tape.db"], {}, "name one, or set TAPEDECK_HOME"),
        ([], {"TAPEDECK_LOG__LEVEL": "LOUD"}, "TAPEDECK_LOG__LEVEL"),
        (["--loudly"], {}, "No such option"),
    ],
    ids=["no tape there", "a wrong setting", "a wrong option"],
)
def test_what_cannot_be_verified_is_2(
    home: Path, words: list[str], environ: dict[str, str], told: str
) -> None:
    result = typed(home, *words, **environ)

    assert (result.exit_code, told in result.stderr) == (2, True)
