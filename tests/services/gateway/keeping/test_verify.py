"""``./tapedeck verify``, as it is typed."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from bus.tape import TapeWriter
from config.settings import PROJECT_ROOT
from tests.bus.tapes import alter, write
from tests.services.gateway.keeping.conftest import Type

SPOILT = "UPDATE event SET body = x'00' WHERE seq = 4"


def test_a_sound_tape_is_0(home: Path, type_: Type) -> None:
    result = type_("verify")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{home / 'tape.db'}: 10 events, all sound\n"


@pytest.mark.guarantee("bit-rot")
def test_a_damaged_tape_is_1_and_the_first_damaged_seq_and_what_is_sound_are_named(
    home: Path, type_: Type
) -> None:
    alter(home / "tape.db", SPOILT)
    result = type_("verify")

    assert result.exit_code == 1
    assert result.stdout == (
        f"{home / 'tape.db'}: DAMAGED; everything is sound up to seq 2,"
        " and 9 of 10 events are whole by themselves\n"
        "  seq 4: does not match its checksum\n"
        "Nothing was changed. To go on with what is sound, stop the deck and type\n"
        "  ./tapedeck verify --quarantine\n"
    )


def test_for_programs_it_is_json(home: Path, type_: Type) -> None:
    alter(home / "tape.db", SPOILT)
    report = msgspec.json.decode(type_("verify", "--json").stdout)

    assert (report["sound_to"], report["head"], report["found"]) == (2, 10, 1)
    assert report["findings"] == [{"seq": 4, "what": "does not match its checksum"}]


def test_a_file_that_is_named_is_verified_in_the_tapes_stead(
    home: Path, tmp_path: Path, type_: Type
) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes((home / "tape.db").read_bytes())
    alter(home / "tape.db", SPOILT)

    assert type_("verify", str(copy)).exit_code == 0


def test_a_long_tape_shows_a_bar_at_a_terminal_and_ctrl_c_is_an_interruption(home: Path) -> None:
    with closing(TapeWriter(home / "tape.db")) as tape:
        for _ in range(60):
            write(tape, 1, subjects=("test.said.A",) * 2_000)
    person, terminal = pty.openpty()
    reading = subprocess.Popen(
        [sys.executable, "-m", "services.gateway.cli", "verify"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "TAPEDECK_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=terminal,
    )
    shown = b""
    while b"%" not in shown:
        shown += os.read(person, 1_000)
    reading.send_signal(signal.SIGINT)
    told, _ = reading.communicate(timeout=50)
    os.close(person)
    os.close(terminal)

    assert (reading.returncode, told) == (130, b"")
    assert b"verify  [" in shown


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
    type_: Type, words: list[str], environ: dict[str, str], told: str
) -> None:
    result = type_("verify", *words, **environ)

    assert (result.exit_code, told in result.stderr) == (2, True)
