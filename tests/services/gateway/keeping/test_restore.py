"""``./tapedeck restore``, as it is typed."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from bus.locks import hold
from bus.tape import TapeWriter
from config.settings import PROJECT_ROOT
from tests.bus.tapes import contents, everything, write
from tests.services.gateway.keeping.conftest import Type


@pytest.fixture
def copy(home: Path, type_: Type) -> Path:
    """A backup; the tape has gone on by four events since, with a state folded from it."""
    copy = home / "copy.db"
    assert type_("backup", str(copy)).exit_code == 0
    with closing(TapeWriter(home / "tape.db")) as tape:
        write(tape, 2)
    (home / "state" / "cache.db").write_bytes(b"folded")
    return copy


def test_with_yes_it_tells_what_it_replaces_and_does_it(
    home: Path, copy: Path, type_: Type
) -> None:
    result = type_("restore", str(copy), "--yes")
    [folder] = (home / "quarantine").iterdir()
    told = result.stdout.splitlines()

    assert result.exit_code == 0
    assert told[0].startswith(f"{copy}: 10 events up to seq 10, the last one recorded 1970-01-01")
    assert told[1].endswith("which ends at seq 14:")
    assert told[2] == "  4 events since 1970-01-01T00:00:00.011000Z are not in the backup"
    assert told[3] == "  built again from the tape: state/cache.db"
    assert told[-2].endswith("holds 10 events up to seq 10")
    assert told[-1] == f"What it replaced lies in {folder}"
    assert len(everything(home / "tape.db")) == 10
    assert len(everything(folder / "tape.db")) == 14


def test_without_yes_and_without_a_terminal_it_tells_and_is_refused(
    home: Path, copy: Path, type_: Type
) -> None:
    before = contents(home)
    result = type_("restore", str(copy))

    assert (result.exit_code, "4 events since" in result.stdout) == (1, True)
    assert result.stderr.endswith("look at what is replaced, then type it with --yes\n")
    assert {name: contents(home)[name] for name in before} == before


@pytest.mark.parametrize(("said", "code", "head"), [(b"y\n", 0, 10), (b"n\n", 1, 14)])
def test_at_a_terminal_it_asks(home: Path, copy: Path, said: bytes, code: int, head: int) -> None:
    person, terminal = pty.openpty()
    asked = subprocess.Popen(
        [sys.executable, "-m", "services.gateway.cli", "restore", str(copy)],
        cwd=PROJECT_ROOT,
        env={**os.environ, "TAPEDECK_HOME": str(home)},
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    os.write(person, said)
    told, _ = asked.communicate(timeout=50)
    os.close(person)
    os.close(terminal)

    assert (asked.returncode, b"not deleted. Restore? [y/N]" in told) == (code, True)
    assert everything(home / "tape.db")[-1].seq == head


def test_for_programs_it_is_json(copy: Path, type_: Type) -> None:
    told = msgspec.json.decode(type_("restore", str(copy), "--yes", "--json").stdout)

    assert (told["head"], told["replaced"]["newer"], told["replaced"]["head"]) == (10, 4, 14)


def test_while_the_deck_runs_it_is_refused(home: Path, copy: Path, type_: Type) -> None:
    with hold(home / "run", "tapedeck", "there"):
        result = type_("restore", str(copy), "--yes")

    assert (result.exit_code, "stop it first" in result.stderr) == (1, True)
    assert len(everything(home / "tape.db")) == 14


def test_what_is_no_backup_is_refused_with_the_remedy(home: Path, type_: Type) -> None:
    result = type_("restore", str(home / "none.db"), "--yes")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "is no tape" in result.stderr
